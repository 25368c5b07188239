/** Idle pairs: W7. Many pairs of which nothing changes: what the fleet takes just by being there. */

import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { LastFirst } from '#test/support/last-first.ts';
import type { Cost, Finding, Target } from './cost.ts';
import { residentMiB } from './processes.ts';
import { benchPithos } from './services.ts';
import type { Sizes } from './sizes.ts';
import { APPS, type Stage } from './stage.ts';
import { makeContents, writeTree } from './trees.ts';

const FILES = 100;
const USER = { token: 'bench-token', userId: 'bench' };
/** Polls and scans that follow the first contact are over by then. */
const CALM_MS = 20_000;

export const idleEnv = (): Readonly<Record<string, string>> => ({
  HOLDFAST_POLL_INTERVAL_MS: '60000',
  HOLDFAST_POLL_MAX_INTERVAL_MS: '60000',
});

export async function idlePairs(stage: Stage, undoing: LastFirst, sizes: Sizes): Promise<readonly Finding[]> {
  const pairs = sizes.idlePairs;
  process.stdout.write(`W7: ${pairs} pairs\n`);
  const url = await benchPithos(undoing, join(stage.dir, 'pithos'), USER);
  await stage.addStore('pithos', 'pithos', url, { token: USER.token });
  const contents = makeContents({ files: FILES, perDirectory: 25, bytes: 100 }, 'idle');
  const before = await watcherMiB(stage);
  for (let index = 0; index < pairs; index += 1) {
    const name = `idle-${index}`;
    const folder = await stage.folder(name);
    await writeTree(folder, contents);
    await stage.addPair({ name, folder, container: name, store: 'pithos' });
  }
  for (let index = 0; index < pairs; index += 1) await stage.untilQuiet(`idle-${index}`);
  await delay(Math.min(CALM_MS, sizes.idleSeconds * 1_000));
  const cost = await stage.measureFleet(() => delay(sizes.idleSeconds * 1_000));
  const perPair = (1_024 * Math.max(0, (await watcherMiB(stage)) - before)) / pairs;
  const share = (100 * cost.cpuSeconds) / cost.wallSeconds;
  const targets: Target[] = [
    {
      workload: 'W7',
      text: `processor time of the whole fleet for 1000 idle pairs, of one core (by calculation from ${pairs})`,
      measured: (share * 1_000) / pairs,
      limit: 5,
      wants: 'most',
      unit: '%',
    },
    {
      workload: 'W7',
      text: 'memory of the watcher for each pair',
      measured: perPair,
      limit: 200,
      wants: 'most',
      unit: 'kB',
    },
  ];
  const apps = Object.entries(cost.fleet?.cpuSecondsOf ?? {});
  const conditions = [
    `${pairs} pairs of ${FILES} files on the Pithos server, poll interval 60 s, watched for ${sizes.idleSeconds} s.`,
    `Processor time: ${apps.map(([app, seconds]) => `${app} ${seconds.toFixed(2)} s`).join(', ')}.`,
  ];
  return [{ id: 'W7', title: 'Idle pairs', conditions, series: [seriesOf(pairs, cost)], targets }];
}

const seriesOf = (pairs: number, cost: Cost) => ({ tool: 'Holdfast', files: pairs * FILES, costs: [cost] });

async function watcherMiB({ fleet }: Stage): Promise<number> {
  const [watcher] = APPS;
  if (watcher === undefined) return 0;
  const sizes = await Promise.all(fleet.pids(watcher).map(residentMiB));
  return sizes.reduce((sum, size) => sum + size, 0);
}
