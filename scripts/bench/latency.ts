/**
 * Latency: W5. One file saved while nothing else happens, in each direction; then the same while
 * another pair has many files to do. A raw PUT and GET of the same bytes go in between: the measure.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { type Cost, type Finding, percentile, type Series, type Target } from './cost.ts';
import type { Sizes } from './sizes.ts';
import type { Stage } from './stage.ts';
import { type RawContainer, rawSwift, timed } from './stores.ts';
import { contentOf, makeContents, writeTree } from './trees.ts';

/** Of the fleet that this runs on: both are taken off what is measured. */
export const LATENCY = { settleMs: 200, pollMs: 1_000 };
const BYTES = 4_096;
const LOOK_MS = 4;
const GIVE_UP_MS = 60_000;
/** Enough for the watcher and the queue to have forgotten the last edit. */
const CALM_MS = 300;

export const latencyEnv = (): Readonly<Record<string, string>> => ({
  HOLDFAST_SETTLE_MS: String(LATENCY.settleMs),
  HOLDFAST_POLL_INTERVAL_MS: String(LATENCY.pollMs),
  HOLDFAST_POLL_MAX_INTERVAL_MS: String(LATENCY.pollMs),
});

interface Latencies {
  readonly up: readonly number[];
  readonly down: readonly number[];
  readonly put: readonly number[];
  readonly get: readonly number[];
}

export async function latency(stage: Stage, sizes: Sizes): Promise<readonly Finding[]> {
  const { swift } = stage;
  if (swift === null) return [];
  const raw = await rawSwift(swift, 'edits', false);
  const ceiling = await rawSwift(swift, 'ceiling', false);
  const folder = await stage.folder('edits');
  await writeFile(join(folder, 'first'), 'first');
  await stage.addPair({ name: 'edits', folder, container: 'edits', versioned: false });
  await stage.untilQuiet('edits');
  process.stdout.write(`W5: ${sizes.edits} edits in each direction, idle system\n`);
  const idle = await edit(raw, ceiling, folder, sizes.edits, 'idle');

  const backlog = await stage.folder('backlog');
  const undone = { files: sizes.undone, perDirectory: 100, bytes: 1_024 };
  await writeTree(backlog, makeContents(undone, 'undone'));
  await stage.addPair({ name: 'backlog', folder: backlog, container: 'backlog', versioned: false });
  process.stdout.write(`W5: the same beside ${sizes.undone} undone files\n`);
  const edits = Math.max(3, Math.floor(sizes.edits / 4));
  const beside = await edit(raw, ceiling, folder, edits, 'beside');
  const { decisions, candidates } = await stage.operator.pairShow('backlog');
  await stage.operator.pairRemove('backlog');
  await stage.operator.pairRemove('edits');
  await Promise.all([raw.close(), ceiling.close()]);
  const conditions = [
    `${sizes.edits} edits of ${BYTES} bytes on Swift; settle time ${LATENCY.settleMs} ms and half of the poll interval of ${LATENCY.pollMs} ms are taken off.`,
    `Beside a pair of ${sizes.undone} undone files, of which ${decisions + candidates} were left at the end.`,
  ];
  const series = [
    seriesOf('raw PUT', idle.put),
    seriesOf('saved to visible upstream', idle.up),
    seriesOf('raw GET', idle.get),
    seriesOf('changed upstream to visible here', idle.down),
    seriesOf('saved to visible upstream, beside a backlog', beside.up),
    seriesOf('changed upstream to visible here, beside a backlog', beside.down),
  ];
  return [{ id: 'W5', title: 'One file, idle system', conditions, series, targets: targetsOf(idle, beside) }];
}

function targetsOf(idle: Latencies, beside: Latencies): readonly Target[] {
  const put = percentile(idle.put, 0.5);
  const get = percentile(idle.get, 0.5);
  const target = (text: string, measured: number, limit: number): Target => {
    return { workload: 'W5', text, measured, limit, wants: 'most', unit: 'x' };
  };
  const [up, down] = [percentile(idle.up, 0.5), percentile(idle.down, 0.5)];
  return [
    target('saved to visible upstream: p50 in raw PUTs', up / put, 3),
    target('saved to visible upstream: p99 in raw PUTs', percentile(idle.up, 0.99) / put, 10),
    target('upstream to visible here: p50 in raw GETs', down / get, 5),
    target('beside a backlog, upwards: p50 in idle ones', percentile(beside.up, 0.5) / up, 2),
    target('beside a backlog, downwards: p50 in idle ones', percentile(beside.down, 0.5) / down, 2),
  ];
}

async function edit(
  raw: RawContainer,
  ceiling: RawContainer,
  folder: string,
  edits: number,
  tag: string,
): Promise<Latencies> {
  const found = { up: [] as number[], down: [] as number[], put: [] as number[], get: [] as number[] };
  for (let index = 0; index < edits; index += 1) {
    const bytes = contentOf(`${tag} ${index}`, BYTES);
    found.put.push(await timed(() => ceiling.put(`${tag}-${index}`, bytes)));
    found.get.push(await timed(() => ceiling.get(`${tag}-${index}`)));

    const up = `up-${tag}-${index}`;
    const saved = await timed(async () => {
      await writeFile(join(folder, up), bytes);
      await delay(LATENCY.settleMs);
      await until(() => raw.get(up));
    });
    found.up.push(Math.max(0, saved - LATENCY.settleMs / 1_000));

    await delay(CALM_MS + Math.random() * LATENCY.pollMs);
    const down = `down-${tag}-${index}`;
    await raw.put(down, bytes);
    const arrived = await timed(() => until(() => readFile(join(folder, down))));
    found.down.push(Math.max(0, arrived - LATENCY.pollMs / 2_000));
    await delay(CALM_MS);
  }
  return found;
}

async function until(look: () => Promise<unknown>): Promise<void> {
  const giveUpAt = performance.now() + GIVE_UP_MS;
  for (;;) {
    try {
      await look();
      return;
    } catch (thrown) {
      if (performance.now() > giveUpAt) throw thrown;
      await delay(LOOK_MS);
    }
  }
}

function seriesOf(tool: string, seconds: readonly number[]): Series {
  const costs = seconds.map((wallSeconds): Cost => {
    return { wallSeconds, cpuSeconds: Number.NaN, peakMiB: Number.NaN, requests: {}, sentBytes: 0 };
  });
  return { tool, files: 1, costs };
}
