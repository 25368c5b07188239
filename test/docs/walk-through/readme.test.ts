/**
 * The README is run as a reader would: its `sh service` blocks each in a terminal of their
 * own, its `sh test` blocks one after the other, per section, in a home folder of its own.
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort, isAlive, logSince, signal, spawnService, waitForExit } from '#libs/services/processes.ts';
import { type Cleanup, testDatabase, testRedisUrl } from '#test/support/services.ts';
import { type Block, blocksOf, ROOT, readDocument } from '../documents.ts';

const STOP_MS = 30_000;
const READY = /\bready\b|has started/;

const blocks = blocksOf(readDocument('README.md')).filter(({ info }) => /^sh (test|service)$/.test(info));
const sectionNamed = (name: string): readonly Block[] => {
  const found = blocks.filter(({ section }) => section === name);
  assert.ok(found.some(({ info }) => info === 'sh test'));
  return found;
};

test('every section with commands to be tried is tried', () => {
  assert.deepEqual([...new Set(blocks.map(({ section }) => section))], ['Your first pair', 'Many processes']);
});

test('a first pair, as the README shows it, works', async (t) => {
  const port = await freePort();
  await follow(t, sectionNamed('Your first pair'), (text) => text.replaceAll('8765', String(port)));
});

test('separate processes, as the README shows them, work', async (t) => {
  const databaseUrl = await testDatabase(t);
  const redisUrl = await testRedisUrl();
  await follow(t, sectionNamed('Many processes'), (text) =>
    text
      .replaceAll('postgresql://holdfast@db.example.org/holdfast', databaseUrl)
      .replaceAll('redis://redis.example.org:6379', redisUrl),
  );
});

/** @param adapt puts this machine's addresses in the place of the examples. */
async function follow(t: Cleanup, section: readonly Block[], adapt: (text: string) => string): Promise<void> {
  const home = mkdtempSync(join(tmpdir(), `holdfast-test-${process.pid}-`));
  chmodSync(home, 0o755); // PostgreSQL runs as a user of its own when the tests run as root.
  const env = await readerEnv(home);
  const pids: number[] = [];
  t.after(async () => {
    for (const pid of pids.toReversed()) {
      signal(pid, 'SIGTERM');
      if (!(await waitForExit(pid, STOP_MS))) signal(pid, 'SIGKILL');
    }
    rmSync(home, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  });
  // What a reader exports in one terminal, they are told to export in the others.
  let exports = '';
  for (const [at, block] of section.entries()) {
    const text = adapt(block.text);
    if (block.info === 'sh service') {
      pids.push(await serve(`${exports}exec ${text}`, env, join(home, `service-${at}.log`)));
    } else {
      await runBlock(`${exports}${text}`, env);
      exports += text
        .split('\n')
        .filter((line) => line.startsWith('export '))
        .map((line) => `${line}\n`)
        .join('');
    }
  }
}

async function readerEnv(home: string): Promise<NodeJS.ProcessEnv> {
  const { PATH, LANG } = process.env;
  mkdirSync(join(home, 'data'), { mode: 0o711 });
  return {
    PATH,
    LANG,
    HOME: home,
    HOLDFAST_DATA: join(home, 'data'),
    HOLDFAST_PORT: String(await freePort()),
    HOLDFAST_QUEUE_PREFIX: `readme-${process.pid}`,
  };
}

/** @returns the process, once it says that it is ready. */
async function serve(script: string, env: NodeJS.ProcessEnv, logFile: string): Promise<number> {
  const child = spawnService({
    command: 'bash',
    args: ['-c', script],
    cwd: ROOT,
    env,
    logFile,
    dieWithParent: true,
  });
  const pid = child.pid ?? 0;
  while (!READY.test(logSince(logFile, 0))) {
    assert.ok(isAlive(pid), `${script} ended: ${logSince(logFile, 0)}`);
    await sleep(50);
  }
  return pid;
}

function runBlock(script: string, env: NodeJS.ProcessEnv): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  execFile('bash', ['-euo', 'pipefail', '-c', script], { cwd: ROOT, env }, (error, stdout, stderr) => {
    if (error === null) resolve();
    else reject(new Error(`${script}\nended with ${error.code}:\n${stdout}${stderr}`));
  });
  return promise;
}
