import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { createDigest, merkleHash, pithosBlockHash } from '#libs/digest/digest.ts';

const EMPTY = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';

/** The table of pithos-api section 4.1, block size 4. */
const VECTORS: readonly (readonly [content: string, root: string])[] = [
  ['', EMPTY],
  ['a', 'ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb'],
  ['a\0', 'ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb'],
  ['\0', EMPTY],
  ['\0\0\0\0', EMPTY],
  ['abc', 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'],
  ['abc\0', 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'],
  ['abcd', '88d4266fd4e6338d13b845fcf289579d209c897823b9217da3e161936f031589'],
  ['abcde', 'bafb9e4a16b0f3da98f78d6e1e0ff1a9e086515e1539943e12fb2ef872d7c7f5'],
  ['abcdefghijkl', '79025c7ac731d2033181d1fcb4a74c9b983471b7d3a09f834eae66b491ba36f8'],
  ['abcd\0\0\0\0', '618795b153067c09dd1253ac1a8a5398447d0c62232303cef1fb2ee0f39906e9'],
  ['abcd\0\0\0\0x', '03842c9f9fcf3a8450a8736260743e4d8396af0d76a6cb228ed7d2e5ab612666'],
  ['abcdefghijklmnopq', '431c94afa28e767d7d4e5db3026a7e07882cb5cd2841b8b6f4d06d388dbada30'],
];

const BLOCK = 4 * 1024 * 1024;
const run = (letter: string, length = BLOCK): Buffer => Buffer.alloc(length, letter);

/** The same page's rows with blocks of 4 MiB. */
const LARGE_VECTORS: readonly (readonly [content: string, chunks: readonly Buffer[], root: string])[] = [
  ['one block', [run('a')], '299285fc41a44cdb038b9fdaf494c76ca9d0c866672b2b266c1a0c17dda60a05'],
  [
    'one block and a byte',
    [run('a'), run('b', 1)],
    '565546ad93383e225e7cf808fb4d527a54dec54826a5c34a24c1f19a03c62583',
  ],
  [
    'three blocks',
    [run('a'), run('b'), run('c')],
    'f5606c1bece5aba405e7dd15042a2b43f46f547055a4e17710ed98b4fa204797',
  ],
  [
    'a block that ends in NULs',
    [run('a', BLOCK - 2), run('\0', 2)],
    '3902eecefae732533c2c9b8522ff64f828875c0299b112075983fc7b4f4bfb86',
  ],
  [
    'a block and a NUL',
    [run('a'), run('\0', 1)],
    '43d8da4e742a7e85fe95ff6fddab8094594701e82ed6ccb44332892f03e37487',
  ],
];

function digestOf(spec: Parameters<typeof createDigest>[0], chunks: readonly Uint8Array[]): string {
  const digest = createDigest(spec);
  for (const chunk of chunks) digest.update(chunk);
  return digest.hex();
}

/** The definition, block by block, as plainly as it can be written. */
function merkleByBlocks(content: Uint8Array, blockSize: number): string {
  const leaves: string[] = [];
  for (let at = 0; at < content.length; at += blockSize) {
    leaves.push(pithosBlockHash(content.subarray(at, at + blockSize)));
  }
  return merkleHash(leaves);
}

/** Mostly NULs, so that runs of them meet every block and chunk border. */
const sparseBytes = fc.uint8Array({ maxLength: 60, max: 2 });

describe('digest', () => {
  for (const [content, root] of VECTORS) {
    test(`the Pithos hash of ${JSON.stringify(content)} in blocks of 4 is the published one`, () => {
      assert.equal(digestOf({ algorithm: 'pithos', blockSize: 4 }, [Buffer.from(content)]), root);
    });
  }

  for (const [content, chunks, root] of LARGE_VECTORS) {
    test(`the Pithos hash of ${content} in blocks of 4 MiB is the published one`, () => {
      assert.equal(digestOf({ algorithm: 'pithos', blockSize: BLOCK }, chunks), root);
    });
  }

  test('a Pithos digest is the same however the content is cut into chunks', () => {
    fc.assert(
      fc.property(
        fc.array(sparseBytes, { maxLength: 6 }),
        fc.integer({ min: 1, max: 17 }),
        (chunks, size) => {
          assert.equal(
            digestOf({ algorithm: 'pithos', blockSize: size }, chunks),
            merkleByBlocks(Buffer.concat(chunks), size),
          );
        },
      ),
    );
  });

  test('a long run of NULs inside a block counts, at its end it does not', () => {
    const nuls = Buffer.alloc(200_000);
    const spec = { algorithm: 'pithos', blockSize: 4 * 1024 * 1024 } as const;
    const inner = Buffer.concat([nuls, Buffer.from('x'), nuls]);
    assert.equal(
      digestOf(spec, [nuls, Buffer.from('x'), nuls]),
      createHash('sha256').update(inner.subarray(0, 200_001)).digest('hex'),
    );
  });

  test('an MD5 digest is the plain MD5 of all chunks', () => {
    const chunks = [Buffer.from('ab'), Buffer.from(''), Buffer.from('c')];
    assert.equal(digestOf({ algorithm: 'md5' }, chunks), '900150983cd24fb0d6963f7d28e17f72');
    assert.equal(digestOf({ algorithm: 'md5' }, []), 'd41d8cd98f00b204e9800998ecf8427e');
  });

  test('a block size that is no positive integer is refused', () => {
    for (const blockSize of [0, -1, 1.5, Number.NaN]) {
      assert.throws(() => createDigest({ algorithm: 'pithos', blockSize }), RangeError);
    }
  });
});
