import assert from 'node:assert/strict';
import { test } from 'node:test';
import { drawSize, makeBytes, md5, pithosHash } from '../../scripts/chaos/content.ts';
import { randomOf } from '../../scripts/chaos/random.ts';

const LETTERS: readonly [content: string, hash: string][] = [
  ['', 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'],
  ['a', 'ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb'],
  ['abc\0', 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'],
  ['abcde', 'bafb9e4a16b0f3da98f78d6e1e0ff1a9e086515e1539943e12fb2ef872d7c7f5'],
  ['abcdefghijkl', '79025c7ac731d2033181d1fcb4a74c9b983471b7d3a09f834eae66b491ba36f8'],
  ['abcdefghijklmnopq', '431c94afa28e767d7d4e5db3026a7e07882cb5cd2841b8b6f4d06d388dbada30'],
];

test('the digest of Pithos is the one of its guide, computed anew', () => {
  for (const [content, hash] of LETTERS) assert.equal(pithosHash(Buffer.from(content), 4), hash);
});

test('each content is unlike any other, as long as asked for, and names its writer', () => {
  const hashes = new Set<string>();
  for (const size of [40, 4_096, 300_000]) {
    for (const id of ['a/folder/1', 'a/folder/2', 'a/container/1']) {
      const bytes = makeBytes(id, size);
      assert.equal(bytes.length, size);
      assert.match(bytes.toString('utf8', 0, 30), new RegExp(`^content ${id}\n`));
      assert.notEqual(bytes.at(-1), 0);
      hashes.add(md5(bytes));
    }
  }
  assert.equal(hashes.size, 9);
});

test('a seed and a label give the same draws again, another label others', () => {
  const draws = (seed: string, label: string): number[] => {
    const random = randomOf(seed, label);
    return Array.from({ length: 20 }, () => drawSize(random));
  };
  assert.deepEqual(draws('s', 'one'), draws('s', 'one'));
  assert.notDeepEqual(draws('s', 'one'), draws('s', 'two'));
  assert.notDeepEqual(draws('s', 'one'), draws('t', 'one'));
});
