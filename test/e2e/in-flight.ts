/**
 * In flight: a pair with many small files on their way in both directions, half of them made
 * here and half upstream, and the proof that all of them arrived. Faults strike in between.
 */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { PairStatus } from '#ports/operator.ts';
import { secretFile, startFleet, type TestFleet } from '#test/support/fleet.ts';
import { type OwnPostgres, ownPostgres, ownRedis } from '#test/support/services.ts';
import { temporaryDirectory } from '#test/support/temporary-directory.ts';
import { readTree } from '#test/support/trees.ts';
import type { RawContainer } from './raw-container.ts';

type Cleanup = Parameters<typeof startFleet>[0];
type Counts = NonNullable<Parameters<typeof startFleet>[1]['counts']>;

export interface Stage {
  readonly fleet: TestFleet;
  readonly postgres: OwnPostgres;
  readonly redis: Awaited<ReturnType<typeof ownRedis>>;
  readonly folder: string;
  readonly upstream: RawContainer;
  /** MD5 of every content ever written, by its name. */
  readonly written: Map<string, string>;
}

/** Shorter than the defaults, and no shorter than an operator may choose. */
const INTERVALS = {
  HOLDFAST_SWEEP_INTERVAL_MS: '1000',
  HOLDFAST_POLL_INTERVAL_MS: '1000',
  HOLDFAST_POLL_MAX_INTERVAL_MS: '4000',
  HOLDFAST_LEASE_MS: '3000',
};
const FILES_PER_DIRECTORY = 50;
const QUIET_DEADLINE_MS = 420_000;
const LOOK_EVERY_MS = 1_000;

/** A fleet on a database that survives kills, a Redis of its own, and one quiet, empty pair. */
export async function openStage(
  t: Cleanup,
  upstream: RawContainer,
  options: { readonly counts?: Counts; readonly env?: Readonly<Record<string, string>> } = {},
): Promise<Stage> {
  const postgres = await ownPostgres(t);
  const redis = await ownRedis(t);
  const folder = await temporaryDirectory(t, 'holdfast-kills-folder-');
  const fleet = await startFleet(t, {
    databaseUrl: postgres.url,
    redisUrl: redis.url,
    env: { ...INTERVALS, ...options.env },
    ...(options.counts === undefined ? {} : { counts: options.counts }),
  });
  const { kind, url, secret } = upstream.endpoint;
  const secretPath = await secretFile(fleet, secret);
  await fleet.json('store', 'add', 'store', '--kind', kind, '--url', url, '--secret-file', secretPath);
  await fleet.json(
    'pair',
    'add',
    'pair',
    '--folder',
    folder,
    '--store',
    'store',
    '--container',
    upstream.name,
  );
  await fleet.sync('pair');
  return { fleet, postgres, redis, folder, upstream, written: new Map() };
}

/** Makes files number `from` up to `to`, even ones here and odd ones upstream, each with a content of its own. */
export async function write(stage: Stage, from: number, to: number): Promise<void> {
  const { folder, upstream, written } = stage;
  const upstreamWrites: Promise<void>[] = [];
  for (let index = from; index < to; index += 1) {
    const side = index % 2 === 0 ? 'here' : 'upstream';
    const name = `${side}/${Math.floor(index / FILES_PER_DIRECTORY)}/file ${index}.txt`;
    const bytes = Buffer.from(`content ${index} `.repeat(1 + (index % 60)));
    written.set(name, createHash('md5').update(bytes).digest('hex'));
    if (side === 'here') {
      await mkdir(dirname(join(folder, name)), { recursive: true });
      await writeFile(join(folder, name), bytes);
    } else {
      upstreamWrites.push(upstream.put(name, bytes));
      if (upstreamWrites.length >= 16) await Promise.all(upstreamWrites.splice(0));
    }
  }
  await Promise.all(upstreamWrites);
}

/** Waits until `least` files are acknowledged while others still are not; fails when that was never seen. */
export async function untilInFlight({ fleet }: Stage, least: number): Promise<void> {
  const enough = ({ files }: PairStatus): boolean => files >= least;
  const times = { deadlineMs: QUIET_DEADLINE_MS, everyMs: LOOK_EVERY_MS / 4 };
  const status = await fleet.untilStatus('pair', enough, times);
  const pending = status.candidates + status.decisions;
  assert.ok(pending > 0, `the fault comes too late: ${JSON.stringify(status)}`);
}

/**
 * Nobody does anything but wait: until the pair says that it is in sync and both sides,
 * read past it, hold exactly what was written. Then every promise is checked.
 */
export async function assertNothingLost(stage: Stage): Promise<void> {
  const { fleet, upstream, folder, written } = stage;
  const expected = [...written.keys()].toSorted();
  const names = async (): Promise<string> => (await upstream.names()).toSorted().join('\n');
  const isWhole = async (status: PairStatus): Promise<boolean> =>
    isQuiet(status) && (await names()) === expected.join('\n');
  const times = { deadlineMs: QUIET_DEADLINE_MS, everyMs: LOOK_EVERY_MS };
  await fleet.untilStatus('pair', isWhole, times).catch((thrown: Error) => explain(stage, thrown));
  const local = [...(await readTree(folder))].filter(([, entry]) => entry.kind === 'file');
  assert.deepEqual(new Map(local.map(([name, { md5 }]) => [name, md5])), sorted(written, local));
  assert.deepEqual(new Map([...(await upstream.contents())].toSorted()), new Map([...written].toSorted()));
  assert.deepEqual(await fleet.json('conflicts', 'pair'), []);
  assert.deepEqual(await fleet.json('problems', 'pair'), []);
  assert.deepEqual(await readdir(join(folder, '.holdfast/attempts')), [], 'a commit left something behind');
  assert.deepEqual(await fleet.json('plan', 'pair'), []);
}

/** The written contents in the order in which a tree was read, so that a difference is shown and not the order. */
function sorted(written: Stage['written'], like: readonly (readonly [string, unknown])[]): Stage['written'] {
  const rank = new Map(like.map(([name], index) => [name, index]));
  const rankOf = (name: string): number => rank.get(name) ?? Number.POSITIVE_INFINITY;
  return new Map([...written].toSorted(([a], [b]) => rankOf(a) - rankOf(b)));
}

function isQuiet(status: PairStatus): boolean {
  const { condition, candidates, decisions, problems } = status;
  return condition === 'in-sync' && candidates === 0 && decisions === 0 && problems === 0;
}

async function explain({ fleet, upstream, written }: Stage, thrown: Error): Promise<never> {
  const names = new Set(await upstream.names());
  const missing = [...written.keys()].filter((name) => !names.has(name)).slice(0, 5);
  const problems = await fleet.cli('problems', 'pair');
  assert.fail(`not quiet: ${thrown.message}\nmissing upstream: ${missing.join(', ')}\n${problems.stdout}`);
}
