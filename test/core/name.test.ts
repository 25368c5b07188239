import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  ancestorsOf,
  baseOf,
  compareNames,
  joinName,
  MAX_NAME_BYTES,
  MAX_SEGMENT_BYTES,
  type NameFault,
  nameFault,
  parentOf,
  toName,
} from '#core/name.ts';
import { seeded } from './seed.ts';

const longest = 'x'.repeat(MAX_SEGMENT_BYTES);

const FAULTS: readonly [title: string, raw: string, fault: NameFault | null][] = [
  ['a plain name', 'a/b.txt', null],
  ['spaces, backslashes and leading dots', ' a\\b /.hidden...', null],
  ['three dots are no dot segment', '...', null],
  ['characters beyond the basic plane', '\u{1f600}/\u{10ffff}', null],
  ['an empty name', '', 'name-empty-segment'],
  ['a leading slash', '/a', 'name-empty-segment'],
  ['a trailing slash', 'a/', 'name-empty-segment'],
  ['a double slash', 'a//b', 'name-empty-segment'],
  ['a segment that is this directory', 'a/./b', 'name-dot-segment'],
  ['a segment that is the directory above', '../b', 'name-dot-segment'],
  ['a NUL', 'a\0b', 'name-control-character'],
  ['a line break', 'a\nb', 'name-control-character'],
  ['a delete character', 'a\u007f', 'name-control-character'],
  ['half of a surrogate pair', 'a\ud83d', 'name-not-unicode'],
  ['surrogates in the wrong order', '\ude00\ud83d', 'name-not-unicode'],
  ['the longest segment', longest, null],
  ['a segment one byte longer', `${longest}x`, 'name-too-long'],
  ['a segment whose characters fit but whose bytes do not', 'é'.repeat(128), 'name-too-long'],
  ['the longest name', `${`${longest}/`.repeat(3)}${longest.slice(1)}/y`, null],
  ['a name one byte longer', `${`${longest}/`.repeat(4)}y`, 'name-too-long'],
  ["Holdfast's own directory", '.holdfast', 'name-reserved'],
  ["something in Holdfast's own directory", '.holdfast/trash/1', 'name-reserved'],
  ["Holdfast's own directory further down", 'a/.holdfast', 'name-reserved'],
  ["a name that only begins like Holdfast's own", '.holdfastignore', null],
];

for (const [title, raw, fault] of FAULTS) {
  test(`${title}: ${fault ?? 'can be synced'}`, () => {
    assert.equal(nameFault(raw), fault);
    if (fault === null) assert.equal(toName(raw), raw);
    else assert.throws(() => toName(raw), RangeError);
  });
}

test('a name knows its directory, its ancestors and its last segment', () => {
  const name = toName('a/b/c.txt');
  assert.equal(parentOf(name), 'a/b');
  assert.deepEqual(ancestorsOf(name), ['a', 'a/b']);
  assert.equal(baseOf(name), 'c.txt');
  assert.equal(parentOf(toName('a')), null);
  assert.deepEqual(ancestorsOf(toName('a')), []);
  assert.equal(baseOf(toName('a')), 'a');
});

test('joining refuses what would not be a name', () => {
  assert.equal(joinName(null, 'a'), 'a');
  assert.equal(joinName(toName('a'), 'b'), 'a/b');
  assert.throws(() => joinName(toName('a'), '..'), RangeError);
  assert.throws(() => joinName(toName('a'), ''), RangeError);
  assert.throws(() => joinName(toName(longest), 'x'.repeat(MAX_NAME_BYTES)), RangeError);
});

const segment = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 8 });
const names = fc
  .array(segment, { minLength: 1, maxLength: 5 })
  .map((segments) => segments.join('/'))
  .filter((raw) => nameFault(raw) === null)
  .map(toName);

test('any name is its directory and its last segment joined', (t) => {
  fc.assert(
    fc.property(names, (name) => {
      assert.equal(joinName(parentOf(name), baseOf(name)), name);
      assert.equal(ancestorsOf(name).at(-1) ?? null, parentOf(name));
      for (const ancestor of ancestorsOf(name)) assert.equal(nameFault(ancestor), null);
    }),
    seeded(t, 500),
  );
});

/** Characters around every border of UTF-8 and UTF-16, so that pairs often differ only there. */
const bordering = fc
  .array(
    fc.oneof(
      fc.constantFrom('a', '/', '\u007f', '\u0080', '\u07ff', '\u0800', '\ud7ff', '\ue000', '\uffff'),
      fc.constantFrom('\u{10000}', '\u{103ff}', '\u{10400}', '\u{1f600}', '\u{10ffff}'),
      fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }),
    ),
    { maxLength: 6 },
  )
  .map((characters) => characters.join(''))
  .filter((text) => text.isWellFormed());

test('names are ordered by their UTF-8 bytes', (t) => {
  fc.assert(
    fc.property(bordering, bordering, bordering, (shared, left, right) => {
      const a = shared + left;
      const b = shared + right;
      assert.equal(Math.sign(compareNames(a, b)), Buffer.compare(Buffer.from(a), Buffer.from(b)));
    }),
    seeded(t, 5000),
  );
});

test('the order is total, also over text that is no Unicode', (t) => {
  const any = fc
    .array(fc.constantFrom('a', '\ud800', '\udc00', '\udfff', '\ue000', '\uffff'), { maxLength: 4 })
    .map((units) => units.join(''));
  fc.assert(
    fc.property(any, any, any, (a, b, c) => {
      assert.equal(Math.sign(compareNames(a, b)), -Math.sign(compareNames(b, a)) + 0);
      assert.equal(compareNames(a, b) === 0, a === b);
      if (compareNames(a, b) <= 0 && compareNames(b, c) <= 0) assert.ok(compareNames(a, c) <= 0);
    }),
    seeded(t, 3000),
  );
});
