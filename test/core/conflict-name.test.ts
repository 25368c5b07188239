import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { conflictName, conflictTimestamp } from '#core/conflict-name.ts';
import {
  baseOf,
  MAX_NAME_BYTES,
  MAX_SEGMENT_BYTES,
  nameFault,
  PRIVATE_DIRECTORY,
  parentOf,
  toName,
} from '#core/name.ts';
import { seeded } from './seed.ts';

const AT = new Date('2026-11-22T21:05:06.007Z');
const MARK = '_20261122T210506.007Z_host';

const SHAPES: readonly [title: string, name: string, conflict: string][] = [
  ['an extension stays last', 'report.txt', `report${MARK}.txt`],
  ['only the last extension counts', 'a.tar.gz', `a.tar${MARK}.gz`],
  ['a name without extension', 'Makefile', `Makefile${MARK}`],
  ['a dotfile has no extension', '.bashrc', `.bashrc${MARK}`],
  ['a dotfile with extension', '.config.json', `.config${MARK}.json`],
  ['a trailing dot', 'odd.', `odd${MARK}.`],
  ['the directory stays', 'a.d/b/c.txt', `a.d/b/c${MARK}.txt`],
  ['an extension of 32 bytes', `a.${'e'.repeat(31)}`, `a${MARK}.${'e'.repeat(31)}`],
  ['a longer one belongs to the stem', `a.${'e'.repeat(32)}`, `a.${'e'.repeat(32)}${MARK}`],
];

for (const [title, name, conflict] of SHAPES) {
  test(`the conflict name keeps the shape: ${title}`, () => {
    assert.equal(conflictName(toName(name), AT, 'host'), conflict);
  });
}

test('the timestamp is UTC to the millisecond without characters that shells or file systems object to', () => {
  assert.equal(conflictTimestamp(new Date('2026-11-22T23:05:06.007+02:00')), '20261122T210506.007Z');
});

test('later attempts give other names, the same attempt the same name', () => {
  const names = [0, 1, 2, 10].map((attempt) => conflictName(toName('a.txt'), AT, 'host', attempt));
  assert.deepEqual(names, [`a${MARK}.txt`, `a${MARK}-1.txt`, `a${MARK}-2.txt`, `a${MARK}-10.txt`]);
});

test('an origin is made safe, short and never empty', () => {
  assert.equal(conflictName(toName('a'), AT, "Ann's PC/../x"), 'a_20261122T210506.007Z_Ann-s-PC-..-x');
  assert.equal(conflictName(toName('a'), AT, ''), 'a_20261122T210506.007Z_unknown');
  assert.equal(conflictName(toName('a'), AT, 'h'.repeat(99)), `a_20261122T210506.007Z_${'h'.repeat(40)}`);
});

test('a long stem is cut between characters, the extension is kept', () => {
  const name = toName(`${'\u{1f600}'.repeat(62)}.txt`);
  const conflict = conflictName(name, AT, 'host');
  assert.ok(Buffer.byteLength(conflict) <= MAX_SEGMENT_BYTES);
  assert.ok(Buffer.byteLength(conflict) > MAX_SEGMENT_BYTES - 4);
  assert.ok(conflict.startsWith('\u{1f600}'));
  assert.ok(conflict.endsWith(`${MARK}.txt`));
});

test('where a path leaves no room the conflict copy goes to a directory above', () => {
  const deep = `${'d'.repeat(250)}/`.repeat(4);
  const name = toName(`${deep}0123456789.txt`);
  const conflict = conflictName(name, AT, 'host');
  assert.equal(parentOf(conflict), `${'d'.repeat(250)}/`.repeat(3).slice(0, -1));
  assert.equal(baseOf(conflict), `0123456789${MARK}.txt`);
});

const names = fc
  .array(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 120 }), { minLength: 1, maxLength: 12 })
  .map((segments) => segments.join('/'))
  .filter((raw) => nameFault(raw) === null)
  .map(toName);

test('any name at any time has a conflict name that can be synced and is another one', (t) => {
  const at = fc.date({ min: new Date(0), max: new Date('9999-12-31'), noInvalidDate: true });
  fc.assert(
    fc.property(names, at, fc.string(), fc.nat(100), (name, time, origin, attempt) => {
      const conflict = conflictName(name, time, origin, attempt);
      assert.equal(nameFault(conflict), null);
      assert.notEqual(conflict, name);
      assert.ok(Buffer.byteLength(conflict) <= MAX_NAME_BYTES);
      assert.ok(!conflict.split('/').includes(PRIVATE_DIRECTORY));
      assert.equal(conflictName(name, new Date(time), origin, attempt), conflict);
      assert.notEqual(conflictName(name, time, origin, attempt + 1), conflict);
    }),
    seeded(t, 1000),
  );
});

test('a conflict copy that loses again finds yet another name', () => {
  const first = conflictName(toName('a.txt'), AT, 'host');
  const second = conflictName(first, AT, 'host');
  assert.notEqual(second, first);
  assert.equal(second, `a${MARK}${MARK}.txt`);
});
