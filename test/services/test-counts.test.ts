// The runner's counting: every test once, whatever holds it and however it ends.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { test } from 'node:test';

const REPORTER = resolve(import.meta.dirname, '../../scripts/test-counts.ts');
const HEAD = `import { test, describe, it, before } from 'node:test'; const fail = () => { throw new Error('x'); };\n`;

const CASES: readonly [string, string, { passed: number; failed: number; skipped: number }][] = [
  ['plain tests', `test('a', () => {}); test('b', fail);`, { passed: 1, failed: 1, skipped: 0 }],
  [
    'a suite and its tests',
    `describe('s', () => { it('a', () => {}); it('b', () => {}); it('c', fail); });`,
    { passed: 2, failed: 1, skipped: 0 },
  ],
  [
    'a test that only holds tests',
    `test('p', async (t) => { await t.test('a', () => {}); await t.test('b', fail); });`,
    { passed: 1, failed: 1, skipped: 0 },
  ],
  [
    'a test that fails after its own tests passed',
    `test('p', async (t) => { await t.test('a', () => {}); fail(); });`,
    { passed: 1, failed: 1, skipped: 0 },
  ],
  [
    'skipped and to do',
    `test('a', { skip: true }, fail); test('b', { todo: true }, fail);`,
    { passed: 1, failed: 0, skipped: 1 },
  ],
  [
    'a hook that fails takes its tests along',
    `describe('s', () => { before(fail); it('a', () => {}); it('b', () => {}); });`,
    { passed: 0, failed: 2, skipped: 0 },
  ],
  ['a file that cannot be loaded', 'fail();', { passed: 0, failed: 1, skipped: 0 }],
  [
    'a file that ends badly',
    `test('a', () => {}); setTimeout(() => process.exit(3), 50);`,
    { passed: 1, failed: 1, skipped: 0 },
  ],
  ['a file without a test', '', { passed: 0, failed: 0, skipped: 0 }],
];

test('every test is counted once', (t) => {
  const dir = mkdtempSync(join(tmpdir(), `holdfast-test-${process.pid}-`));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  const { NODE_TEST_CONTEXT: _, ...env } = process.env; // Else the inner run would report to ours.
  for (const [title, code, expected] of CASES) {
    writeFileSync(join(dir, 'it.test.mjs'), HEAD + code);
    const run = spawnSync(
      process.execPath,
      ['--test', `--test-reporter=${REPORTER}`, '--test-reporter-destination=stdout', 'it.test.mjs'],
      { cwd: dir, env, encoding: 'utf8' },
    );
    const last = run.stdout.trim().split('\n').at(-1) ?? '';
    const { ended, took, ...counts } = JSON.parse(last || '{}');
    assert.deepEqual(counts, expected, title);
    for (const file of Object.keys(took)) assert.equal(file, 'it.test.mjs', title);
    assert.deepEqual(ended.slice(0, 1), ['it.test.mjs'], title);
  }
});
