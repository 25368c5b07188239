/** SPEC.md and the tests name each other: every cell, every invariant, every test that is said to exist. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

const ROOT = join(import.meta.dirname, '../..');
const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');
const spec = read('libs/core/SPEC.md');

const unique = (found: Iterable<RegExpMatchArray>): string[] =>
  [...new Set([...found].map((match) => match[1] ?? ''))].sort();

test('the specification and the case table have the same cells', () => {
  const specified = unique(spec.matchAll(/^\| (T\d+) *\|/gm));
  const tested = unique(read('test/core/decide.test.ts').matchAll(/^(T\d+) +\|/gm));
  assert.ok(specified.length > 0);
  assert.deepEqual(specified, tested);
});

test('each of the thirteen invariants says what enforces and what tests it', () => {
  const sections = spec.split(/^### (?=\d+\. )/m).slice(1);
  assert.deepEqual(
    sections.map((section) => Number.parseInt(section, 10)),
    [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13],
  );
  for (const section of sections) {
    const title = section.split('\n', 1)[0];
    assert.match(section, /^- enforced by: \S/m, title);
    assert.match(section, /^- tested by: (`test\/|not yet$)/m, title);
  }
});

test('every test that the specification names exists', () => {
  const named = [...spec.matchAll(/^- tested by: (.*)$/gm)].map((match) => match[1] ?? '');
  for (const line of named) {
    if (line === 'not yet') continue;
    const [, path = '', title = ''] = /^`(test\/[^`]+)` "(.+)"$/.exec(line) ?? [];
    assert.notEqual(path, '', `"${line}" names a file and a title`);
    assert.ok(existsSync(join(ROOT, path)), `${path} exists`);
    assert.ok(read(path).includes(title), `${path} has a test titled "${title}"`);
  }
});

test('every file that the specification says enforces an invariant exists', () => {
  for (const [, path = ''] of spec.matchAll(/`(libs\/[^`*]+)`/g)) {
    assert.ok(existsSync(join(ROOT, path)), `${path} exists`);
  }
});

test('every standstill of the code is in the specification', () => {
  const declared = /export type Standstill =([^;]+);/.exec(read('libs/core/decide.ts'))?.[1] ?? '';
  const standstills = unique(declared.matchAll(/'([^']+)'/g));
  assert.ok(standstills.length > 0);
  for (const standstill of standstills) assert.ok(spec.includes(`\`${standstill}\``), standstill);
});
