/**
 * npm run bench:limits: whether four worker processes keep to one limit together, up and down at
 * once, against a server on this machine that counts bytes; and how soon another limit is felt.
 *
 *   --seconds N    how long the first limit is measured (60)
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { openDatabase } from '#libs/archive-prisma/database.ts';
import { migrate } from '#libs/archive-prisma/migrate.ts';
import { startPostgres } from '#libs/services/embedded-postgres.ts';
import { SILENT } from '#test/support/engine.ts';
import { LastFirst } from '#test/support/last-first.ts';
import { benchDirectory, benchRedis } from './bench/services.ts';

const WORKERS = 4;
const MB = 1_000_000;
const TOLERANCE = 0.1;
const FELT_SECONDS = 2;
const WORKER = resolve(import.meta.dirname, 'bench/rate-worker.ts');
const FILE = Buffer.alloc(3 * MB, 'x');

const { values } = parseArgs({ options: { seconds: { type: 'string', default: '60' } } });
const seconds = Number(values.seconds);
const undoing = new LastFirst();
let moved = 0;

try {
  const dir = await benchDirectory(undoing, 'holdfast-bench-limits-');
  const postgres = await startPostgres({ dataDir: join(dir, 'postgres'), dieWithParent: true });
  undoing.after(() => postgres.stop());
  await migrate(postgres.url);
  const redis = await benchRedis(undoing, dir);
  const url = await countingServer();
  const database = openDatabase({ url: postgres.url, poolSize: 2, log: SILENT });
  undoing.after(() => database.close());
  const limitTo = (bytesPerSecond: number): Promise<void> =>
    database.limits.set({
      storeId: null,
      pairId: null,
      timetable: null,
      bytesPerSecond,
      requestsPerSecond: null,
    });
  await limitTo(5 * MB);
  for (let worker = 0; worker < WORKERS; worker += 1) {
    const child = spawn(process.execPath, [WORKER, postgres.url, redis.url, url], { stdio: 'inherit' });
    undoing.after(() => ended(child));
  }
  while (moved === 0) await sleep(50);
  await sleep(2_000);

  const first = await rateOver(seconds);
  const isHeld = Math.abs(first - 5 * MB) <= TOLERANCE * 5 * MB;
  say(`limit of 5 MB/s, ${WORKERS} workers, ${seconds} s: ${inMb(first)} MB/s`, isHeld);

  await limitTo(20 * MB);
  const changedAt = performance.now();
  let felt = Number.POSITIVE_INFINITY;
  while (felt === Number.POSITIVE_INFINITY && performance.now() - changedAt < 10_000) {
    // The pace of a quarter of a second at a time: when it first was near the new limit.
    const began = (performance.now() - changedAt) / 1_000;
    if ((await rateOver(0.25)) > 15 * MB) felt = began;
  }
  say(`change to 20 MB/s felt after ${felt.toFixed(2)} s`, felt <= FELT_SECONDS);
  const second = await rateOver(10);
  say(`limit of 20 MB/s, 10 s: ${inMb(second)} MB/s`, Math.abs(second - 20 * MB) <= TOLERANCE * 20 * MB);
} finally {
  await undoing.undo();
}

function say(text: string, isGood: boolean): void {
  console.log(`${isGood ? 'ok  ' : 'MISS'} ${text}`);
  if (!isGood) process.exitCode = 1;
}

function inMb(bytes: number): string {
  return (bytes / MB).toFixed(2);
}

async function rateOver(forSeconds: number): Promise<number> {
  const [before, began] = [moved, performance.now()];
  await sleep(forSeconds * 1_000);
  return ((moved - before) * 1_000) / (performance.now() - began);
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGKILL');
  await once(child, 'exit');
}

/** Takes whatever is sent and gives a file; counts both as they pass. */
async function countingServer(): Promise<string> {
  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    for await (const chunk of request) moved += (chunk as Buffer).length;
    if (request.method !== 'GET') {
      response.end();
      return;
    }
    response.writeHead(200, { 'content-length': FILE.length });
    for (let at = 0; at < FILE.length; at += 65_536) {
      const piece = FILE.subarray(at, at + 65_536);
      moved += piece.length;
      if (!response.write(piece)) await once(response, 'drain');
    }
    response.end();
  };
  // A worker that is ended breaks off what it moves.
  const server = createServer((request, response) => {
    serve(request, response).catch(() => response.destroy());
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  undoing.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/file`;
}
