/**
 * Idle: what a pair of many entries costs while nothing changes. Seeds both sides alike, lets
 * the first contact equalise them, then times full scans and polls that find nothing.
 *
 *   node scripts/bench/idle.ts [--entries 100000] [--store pithos|swift] [--runs 3] [--slowest 0]
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { startPithosServer } from '#libs/pithos-server/server.ts';
import { openRawSwift } from '#test/store-swift/raw-swift.ts';
import { secretFile, startFleet, type TestFleet } from '#test/support/fleet.ts';
import { LastFirst } from '#test/support/last-first.ts';
import { swift } from '#test/support/services.ts';
import {
  benchDirectory,
  benchPithos,
  benchPostgres,
  benchRedis,
  countStatements,
  resetStatements,
  slowestStatements,
} from './services.ts';

const FILES_PER_DIRECTORY = 100;
const CONTAINER = 'bench';
const USER = { token: 'bench-token', userId: 'bench', name: 'Bench' };
/** What 100,000 entries may take: seconds for a sync without changes, MiB for a process. */
const MOST_SECONDS = 60;
const MOST_MIB = 350;

interface Seeded {
  readonly kind: 'pithos' | 'swift';
  readonly url: string;
  readonly secret: Readonly<Record<string, string>>;
}

const nameOf = (index: number): string => {
  const directory = Math.floor(index / FILES_PER_DIRECTORY);
  return `directory ${String(directory).padStart(5, '0')}/file ${String(index).padStart(7, '0')}.txt`;
};
const contentOf = (index: number): string => `entry ${index}`;

async function seedFolder(folder: string, entries: number): Promise<void> {
  for (let start = 0; start < entries; start += FILES_PER_DIRECTORY) {
    await mkdir(join(folder, nameOf(start), '..'), { recursive: true });
    const indexes = range(start, Math.min(entries, start + FILES_PER_DIRECTORY));
    await Promise.all(indexes.map((index) => writeFile(join(folder, nameOf(index)), contentOf(index))));
  }
}

async function seedPithos(undoing: LastFirst, dir: string, entries: number): Promise<Seeded> {
  const data = join(dir, 'pithos');
  const seeder = await startPithosServer({ dir: data, users: [USER] });
  const { control } = seeder;
  control.ensureContainer(USER.userId, CONTAINER);
  for (let start = 0; start < entries; start += 10_000) {
    control.transaction(() => {
      for (const index of range(start, Math.min(entries, start + 10_000)))
        control.putObject(USER.userId, CONTAINER, nameOf(index), contentOf(index));
    });
  }
  await seeder.close();
  return {
    kind: 'pithos',
    url: await benchPithos(undoing, data, USER),
    secret: { token: USER.token },
  };
}

async function seedSwift(undoing: LastFirst, entries: number): Promise<Seeded> {
  const login = await swift();
  if (login === null) throw new Error('there is no Swift on this machine; use --store pithos');
  const raw = await openRawSwift(login, CONTAINER, true);
  undoing.after(() => raw.close());
  await raw.createContainer(true);
  const left = range(0, entries);
  const put = async (): Promise<void> => {
    for (let index = left.pop(); index !== undefined; index = left.pop())
      await raw.put(nameOf(index), new TextEncoder().encode(contentOf(index)));
  };
  await Promise.all(Array.from({ length: 8 }, put));
  await login.settle();
  return { kind: 'swift', url: login.authUrl, secret: { user: login.user, key: login.key } };
}

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, index) => from + index);
}

async function secondsOf(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return Math.round((performance.now() - start) / 100) / 10;
}

async function syncOnce(fleet: TestFleet): Promise<void> {
  const done = await fleet.json<{ files: number; bytes: number }>(
    'sync',
    'bench',
    '--wait',
    '--timeout',
    '3000s',
  );
  if (done.bytes > 0) throw new Error(`${done.files} files were moved although both sides are alike`);
}

async function main(): Promise<boolean> {
  const { values } = parseArgs({
    options: {
      entries: { type: 'string', default: '100000' },
      store: { type: 'string', default: 'pithos' },
      runs: { type: 'string', default: '3' },
      slowest: { type: 'string', default: '0' },
    },
  });
  const entries = Number(values.entries);
  const undoing = new LastFirst();
  try {
    const dir = await benchDirectory(undoing, 'holdfast-bench-');
    const folder = join(dir, 'folder');
    await mkdir(folder);
    const seeding = await secondsOf(() => seedFolder(folder, entries));
    const seeded = await (values.store === 'swift'
      ? seedSwift(undoing, entries)
      : seedPithos(undoing, dir, entries));
    const { url: databaseUrl } = await benchPostgres(undoing, dir);
    const { url: redisUrl } = await benchRedis(undoing, dir);
    const fleet = await startFleet(undoing, { databaseUrl, redisUrl });
    const secret = await secretFile(fleet, seeded.secret);
    await fleet.json(
      ...['store', 'add', 'store', '--kind', seeded.kind, '--url', seeded.url, '--secret-file', secret],
    );
    process.stdout.write(`${entries} entries on ${seeded.kind}, seeded here in ${seeding} s\n`);

    await resetStatements(databaseUrl);
    const first = await secondsOf(async () => {
      await fleet.json(
        'pair',
        'add',
        'bench',
        '--folder',
        folder,
        '--store',
        'store',
        '--container',
        CONTAINER,
      );
      await syncOnce(fleet);
    });
    await report('first contact', first, fleet, databaseUrl, Number(values.slowest));
    let slowest = 0;
    for (let run = 1; run <= Number(values.runs); run += 1) {
      await resetStatements(databaseUrl);
      const took = await secondsOf(() => syncOnce(fleet));
      slowest = Math.max(slowest, took);
      await report(`idle sync ${run}`, took, fleet, databaseUrl, Number(values.slowest));
    }
    const largest = Math.max(...Object.values(await fleet.peakMiB()));
    const isMet = slowest < MOST_SECONDS && largest < MOST_MIB;
    process.stdout.write(
      `slowest idle sync ${slowest} s (limit ${MOST_SECONDS}), largest process ${largest} MiB (limit ${MOST_MIB}): ${isMet ? 'met' : 'MISSED'}\n`,
    );
    return isMet;
  } finally {
    await undoing.undo();
  }
}

async function report(
  title: string,
  seconds: number,
  fleet: TestFleet,
  databaseUrl: string,
  slowest: number,
): Promise<void> {
  const { statements, rows, databaseMs } = await countStatements(databaseUrl);
  const peaks = Object.entries(await fleet.peakMiB()).map(([app, mib]) => `${app} ${mib}`);
  const columns = [
    title.padEnd(14),
    `${seconds.toFixed(1)} s`.padStart(9),
    `${statements} statements`.padStart(18),
    `${rows} rows`.padStart(14),
    `${databaseMs} ms in the database`.padStart(26),
    `peak MiB: ${peaks.join(', ')}`,
  ];
  process.stdout.write(`${columns.join('  ')}\n`);
  for (const line of await slowestStatements(databaseUrl, slowest)) process.stdout.write(`    ${line}\n`);
}

process.exitCode = (await main()) ? 0 : 1;
