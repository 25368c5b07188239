/**
 * npm run soak:large: one large file up and down while the worker that carries it is killed again and again, and one
 * byte changed in it. Says whether it arrived whole, how much travelled, also twice, and what memory it took; fails when
 * one of them is missed.
 */
import { createReadStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import type { StoreKind } from '#ports/pair.ts';
import { LastFirst } from '#test/support/last-first.ts';
import { openStage, type Stage } from './bench/stage.ts';
import { type CountingProxy, startCountingProxy } from './soak/counting-proxy.ts';
import { changeOneByte, sha256Of, writeLargeFile } from './soak/large-files.ts';
import { type LargeStore, openLargeStore } from './soak/large-stores.ts';
import { Traffic } from './soak/traffic.ts';

const USAGE =
  'Usage: npm run soak:large -- --store s3|swift|pithos [--gib 5] [--kills 10] [--direction up|down|change]\n';
const MIB = 2 ** 20;
const GIB = 2 ** 30;
const NAME = 'large.bin';
const CONTAINER = 'large';
/** What the issue allows a worker. */
const MOST_MEMORY_BYTES = 300e6;
/** What may be on its way when a worker is killed: it is in no memory but that of sockets, or part of an open request. */
const MOST_IN_FLIGHT = 64 * MIB;
const LOOK_MS = 5;
/** A dead worker's claim takes half a minute to end. */
const SETTLED_MS = 4 * 3_600_000;

/** What a change of one byte may send on Pithos, of which the content is blocks. */
const MOST_FOR_A_BYTE = 20e6;

type Direction = 'up' | 'down';

interface Row {
  readonly what: string;
  readonly measured: string;
  /** Null for what is only told. */
  readonly isMet: boolean | null;
}

const { values } = parseArgs({
  options: {
    store: { type: 'string' },
    gib: { type: 'string', default: '5' },
    kills: { type: 'string', default: '10' },
    direction: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
});
const kind = (['s3', 'swift', 'pithos'] as const).find((known) => known === values.store);
const directions = (['up', 'change', 'down'] as const).filter((one) => one === (values.direction ?? one));
const bytes = Math.round(Number(values.gib) * GIB);
const kills = Number(values.kills);
if (values.help || kind === undefined || directions.length === 0 || !(bytes > 0) || !(kills >= 0)) {
  process.stdout.write(USAGE);
  process.exit(values.help ? 0 : 2);
}

const undoing = new LastFirst();
let isMissed = false;
try {
  await soak(kind);
} finally {
  await undoing.undo();
}
process.exitCode = isMissed ? 1 : 0;

async function soak(kind: StoreKind): Promise<void> {
  const stage = await openStage(undoing, { withSwift: false });
  const store = await openLargeStore(undoing, kind, stage.dir);
  const own = new URL(store.url).origin;
  const proxy = await startCountingProxy(own, new Traffic(NAME));
  undoing.after(() => proxy.close());
  await stage.addStore('store', kind, store.url.replace(own, proxy.origin), store.secret);
  const folder = await stage.folder('up');
  let digest = await writeLargeFile(join(folder, NAME), bytes);
  await send(stage, proxy, store, folder, digest);
  if (directions.includes('change')) digest = await sendChange(stage, proxy, store, folder);
  await stage.operator.pairRemove('up');
  await rm(folder, { recursive: true });
  if (directions.includes('down')) await fetchBack(stage, proxy, digest);
}

async function send(
  stage: Stage,
  proxy: CountingProxy,
  store: LargeStore,
  folder: string,
  digest: string,
): Promise<void> {
  const traffic = new Traffic(NAME);
  proxy.count(traffic);
  const isMeasured = directions.includes('up');
  const cost = await carry(stage, 'up', folder, isMeasured ? kills : 0, () => traffic.sentBytes);
  const isWhole = (await store.digestOf(CONTAINER, NAME)) === digest;
  if (!isMeasured && isWhole) return;
  tell('up', isWhole, cost, [
    { what: 'sent', measured: mib(traffic.sentBytes), isMet: null },
    {
      what: 'of these in parts that the store had confirmed before',
      measured: mib(traffic.repeatedBytes),
      isMet: traffic.repeatedBytes === 0,
    },
    {
      what: 'of these never confirmed, as a worker was killed before',
      measured: mib(traffic.unconfirmedBytes),
      isMet: traffic.unconfirmedBytes <= kills * MOST_IN_FLIGHT,
    },
  ]);
}

async function sendChange(
  stage: Stage,
  proxy: CountingProxy,
  store: LargeStore,
  folder: string,
): Promise<string> {
  const traffic = new Traffic(NAME);
  proxy.count(traffic);
  const startedAt = performance.now();
  const digest = await changeOneByte(join(folder, NAME));
  await stage.sync('up');
  const isWhole = (await store.digestOf(CONTAINER, NAME)) === digest;
  const sent = traffic.sentBytes;
  print([
    { what: `${kind} one byte of ${mib(bytes)} changed, content exact`, measured: '', isMet: isWhole },
    { what: 'sent', measured: mib(sent), isMet: kind === 'pithos' ? sent < MOST_FOR_A_BYTE : null },
    { what: 'took', measured: secondsSince(startedAt), isMet: null },
  ]);
  return digest;
}

async function fetchBack(stage: Stage, proxy: CountingProxy, digest: string): Promise<void> {
  const traffic = new Traffic(NAME);
  proxy.count(traffic);
  const folder = await stage.folder('down');
  const cost = await carry(stage, 'down', folder, kills, () => traffic.receivedBytes);
  const isWhole = (await sha256Of(createReadStream(join(folder, NAME)))) === digest;
  const twice = traffic.receivedBytes - traffic.distinctBytes;
  tell('down', isWhole, cost, [
    { what: 'received', measured: mib(traffic.receivedBytes), isMet: null },
    { what: 'of these twice', measured: mib(twice), isMet: twice <= kills * MOST_IN_FLIGHT },
  ]);
}

interface Cost {
  readonly seconds: number;
  readonly killed: number;
  readonly peakBytes: number;
}

/** Syncs a new pair; each time another share of the file has passed, the worker is killed and another one started. */
async function carry(
  stage: Stage,
  direction: Direction,
  folder: string,
  kills: number,
  passed: () => number,
): Promise<Cost> {
  const startedAt = performance.now();
  let peakMiB = 0;
  let killed = 0;
  let isOver = false;
  const look = async (): Promise<void> => {
    peakMiB = Math.max(peakMiB, (await stage.fleet.peakMiB())['transfer'] ?? 0);
  };
  await stage.addPair({ name: direction, folder, container: CONTAINER, store: 'store' });
  const strike = async (): Promise<void> => {
    while (killed < kills) {
      while (!isOver && passed() < (bytes * (killed + 1)) / (kills + 1)) await delay(LOOK_MS);
      if (isOver) return;
      await look();
      await stage.fleet.signal('transfer', 'SIGKILL');
      killed += 1;
      process.stdout.write(`${direction}: killed at ${mib(passed())}\n`);
      await stage.fleet.start('transfer');
    }
  };
  const sync = async (): Promise<void> => {
    await stage.untilQuiet(direction, SETTLED_MS);
    isOver = true;
  };
  await Promise.all([strike(), sync()]);
  await look();
  return { seconds: (performance.now() - startedAt) / 1_000, killed, peakBytes: peakMiB * MIB };
}

function tell(direction: Direction, isWhole: boolean, cost: Cost, travelled: readonly Row[]): void {
  print([
    { what: `${kind} ${direction}: ${mib(bytes)}, content exact`, measured: '', isMet: isWhole },
    { what: 'worker killed', measured: `${cost.killed} times`, isMet: cost.killed === kills },
    ...travelled,
    {
      what: 'peak memory of a transfer process',
      measured: `${Math.round(cost.peakBytes / 1e6)} MB`,
      isMet: cost.peakBytes < MOST_MEMORY_BYTES,
    },
    { what: 'took', measured: `${Math.round(cost.seconds)} s`, isMet: null },
  ]);
}

function print(rows: readonly Row[]): void {
  isMissed ||= rows.some(({ isMet }) => isMet === false);
  for (const { what, measured, isMet } of rows)
    process.stdout.write(`| ${what} | ${measured} | ${isMet === null ? '' : isMet ? 'yes' : '**no**'} |\n`);
}

function secondsSince(startedAt: number): string {
  return `${Math.round((performance.now() - startedAt) / 1_000)} s`;
}

function mib(count: number): string {
  return `${(count / MIB).toFixed(1)} MiB`;
}
