// The hash vectors: what any client of this API has to reproduce to the bit.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { blockCount, blockHash, cutIntoBlocks, EMPTY_HASH, merkleHash } from '#libs/pithos-server/hash.ts';

const MIB4 = 4 * 1024 * 1024;
const A = 'ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb';
const ABC = 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad';
const D = '88d4266fd4e6338d13b845fcf289579d209c897823b9217da3e161936f031589';
const F = 'e5e088a0b66163a0a26a5e053d2a4496dc16ab6e0e3dd1adf2d16aa84a078c9d';
const G = '005c19658919186b85618c5870463eec8d9b8c1a9d00208a5352891ba5bbe086';
const X = '299285fc41a44cdb038b9fdaf494c76ca9d0c866672b2b266c1a0c17dda60a05';

const big = (...letters: string[]) => letters.map((letter) => letter.repeat(MIB4)).join('');

const VECTORS: readonly {
  about: string;
  blockSize: number;
  content: string;
  leaves?: string[];
  merkle: string;
}[] = [
  { about: 'empty', blockSize: 4, content: '', leaves: [EMPTY_HASH], merkle: EMPTY_HASH },
  { about: 'a', blockSize: 4, content: 'a', leaves: [A], merkle: A },
  { about: 'a and a NUL', blockSize: 4, content: 'a\0', leaves: [A], merkle: A },
  { about: 'one NUL', blockSize: 4, content: '\0', leaves: [EMPTY_HASH], merkle: EMPTY_HASH },
  { about: 'a block of NULs', blockSize: 4, content: '\0\0\0\0', leaves: [EMPTY_HASH], merkle: EMPTY_HASH },
  { about: 'abc', blockSize: 4, content: 'abc', merkle: ABC },
  { about: 'abc and a NUL', blockSize: 4, content: 'abc\0', merkle: ABC },
  { about: 'one full block', blockSize: 4, content: 'abcd', leaves: [D], merkle: D },
  {
    about: 'a block and a byte',
    blockSize: 4,
    content: 'abcde',
    leaves: [D, '3f79bb7b435b05321651daefd374cdc681dc06faa65e374e38337b88ca046dea'],
    merkle: 'bafb9e4a16b0f3da98f78d6e1e0ff1a9e086515e1539943e12fb2ef872d7c7f5',
  },
  {
    about: 'three blocks',
    blockSize: 4,
    content: 'abcdefghijkl',
    leaves: [D, F, G],
    merkle: '79025c7ac731d2033181d1fcb4a74c9b983471b7d3a09f834eae66b491ba36f8',
  },
  {
    about: 'a block and a block of NULs',
    blockSize: 4,
    content: 'abcd\0\0\0\0',
    leaves: [D, EMPTY_HASH],
    merkle: '618795b153067c09dd1253ac1a8a5398447d0c62232303cef1fb2ee0f39906e9',
  },
  {
    about: 'NULs in the middle',
    blockSize: 4,
    content: 'abcd\0\0\0\0x',
    leaves: [D, EMPTY_HASH, '2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881'],
    merkle: '03842c9f9fcf3a8450a8736260743e4d8396af0d76a6cb228ed7d2e5ab612666',
  },
  {
    about: 'five blocks, padded to eight',
    blockSize: 4,
    content: 'abcdefghijklmnopq',
    merkle: '431c94afa28e767d7d4e5db3026a7e07882cb5cd2841b8b6f4d06d388dbada30',
  },
  { about: 'one large block', blockSize: MIB4, content: big('a'), leaves: [X], merkle: X },
  {
    about: 'a large block and a byte',
    blockSize: MIB4,
    content: `${big('a')}b`,
    leaves: [X, '3e23e8160039594a33894f6564e1b1348bbd7a0088d42c4acb73eeaed59c009d'],
    merkle: '565546ad93383e225e7cf808fb4d527a54dec54826a5c34a24c1f19a03c62583',
  },
  {
    about: 'three large blocks',
    blockSize: MIB4,
    content: big('a', 'b', 'c'),
    merkle: 'f5606c1bece5aba405e7dd15042a2b43f46f547055a4e17710ed98b4fa204797',
  },
  {
    about: 'a large block ending in NULs',
    blockSize: MIB4,
    content: `${'a'.repeat(MIB4 - 2)}\0\0`,
    merkle: '3902eecefae732533c2c9b8522ff64f828875c0299b112075983fc7b4f4bfb86',
  },
  {
    about: 'a large block and a NUL',
    blockSize: MIB4,
    content: `${big('a')}\0`,
    leaves: [X, EMPTY_HASH],
    merkle: '43d8da4e742a7e85fe95ff6fddab8094594701e82ed6ccb44332892f03e37487',
  },
];

describe('hashes', () => {
  for (const { about, blockSize, content, leaves, merkle } of VECTORS) {
    it(`${about} with ${blockSize}-byte blocks`, () => {
      const found = cutIntoBlocks(Buffer.from(content), blockSize).map(blockHash);
      if (leaves !== undefined) assert.deepEqual(found, leaves);
      assert.equal(merkleHash(found), merkle);
      assert.equal(blockCount(content.length, blockSize), found.length);
    });
  }
});
