/** Digests in the database: every one comes back, and those in hex take half their length. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { digestColumn, digestOf } from '#libs/archive-prisma/digest-column.ts';

const DIGESTS = [
  'd41d8cd98f00b204e9800998ecf8427e',
  // Of an object that was sent in parts, in capitals, and odd ones that no store should give.
  'd41d8cd98f00b204e9800998ecf8427e-12',
  'D41D8CD98F00B204E9800998ECF8427E',
  'abc',
  '',
  'ε\\x00',
];

test('any digest comes back from its column', () => {
  for (const digest of DIGESTS) assert.equal(digestOf(digestColumn(digest)), digest);
  assert.equal(new Set(DIGESTS.map(digestColumn)).size, DIGESTS.length);
  assert.equal(digestColumn(null), null);
  assert.equal(digestOf(null), null);
});

test('a digest in hex takes a byte more than half its characters', () => {
  const bytes = ((digestColumn(DIGESTS[0] ?? null)?.length ?? 0) - '\\x'.length) / 2;
  assert.equal(bytes, 17);
});

test('bytes of no known form are not taken for a digest', () => {
  assert.throws(() => digestOf('\\x02d41d'), RangeError);
});
