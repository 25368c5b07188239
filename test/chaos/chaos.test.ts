/**
 * Chaos: two minutes of it in every run of the tests, one by a fixed seed and one by a fresh one.
 * `npm run chaos -- --minutes 20` is the long form; what a run kept says where it found something.
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { resolve } from 'node:path';
import { it } from 'node:test';

const SCRIPT = resolve(import.meta.dirname, '../../scripts/chaos.ts');
const TIMEOUT_MS = 900_000;
const RUNS = [
  { title: 'a fixed seed', seed: 'fixed', queue: 'redis' },
  {
    title: 'a fresh seed, with the queue in PostgreSQL,',
    seed: process.env['HOLDFAST_TEST_SEED'] ?? randomBytes(4).toString('hex'),
    queue: 'postgres',
  },
] as const;

interface Report {
  readonly counts: Readonly<Record<string, number>>;
  readonly searched: Readonly<Record<string, number>>;
  readonly findings: readonly { readonly kind: string; readonly text: string }[];
  readonly dir: string | null;
}

for (const { title, seed, queue } of RUNS) {
  it(`a minute of chaos by ${title} finds nothing`, { timeout: TIMEOUT_MS }, async (t) => {
    const words = ['--minutes', '1', '--seed', seed, '--queue', queue];
    t.diagnostic(`npm run chaos -- ${words.join(' ')}`);
    const { report, said } = await runChaos(words);
    assert.deepEqual(report.findings, [], `see ${report.dir}\n${said}`);
    // A run in which nothing happened proves nothing.
    for (const what of ['written', 'removed', 'fault', 'SIGKILL', 'SIGSTOP']) {
      assert.ok(
        Object.keys(report.counts).some((counted) => counted.startsWith(what)),
        `${what} happened`,
      );
    }
    for (const where of [queue, 'postgres', 'logs', 'metrics', 'folder']) {
      assert.ok((report.searched[where] ?? 0) > 0, `${where} was searched for secrets`);
    }
  });
}

function runChaos(words: readonly string[]): Promise<{ report: Report; said: string }> {
  return new Promise((done, fail) => {
    execFile(
      process.execPath,
      [SCRIPT, ...words, '--json'],
      { maxBuffer: 64 << 20 },
      (_error, stdout, said) => {
        if (stdout === '') fail(new Error(said));
        else done({ report: JSON.parse(stdout) as Report, said });
      },
    );
  });
}
