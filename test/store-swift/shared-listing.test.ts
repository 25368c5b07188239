/** Shared listing: many questions, few pages, and never an answer that a page cut off. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { compareNames } from '#core/name.ts';
import type { Client } from '#libs/store-swift/client.ts';
import { SharedListing } from '#libs/store-swift/shared-listing.ts';

interface Listed {
  readonly client: Client;
  readonly pages: number;
}

/** A container that lists these names, some of them several times as versions are. */
function listing(rows: readonly string[]): Listed {
  const sorted = rows.toSorted(compareNames);
  const listed = {
    pages: 0,
    client: {
      listing: async ({ marker = '', limit }: Record<string, string>) => {
        listed.pages += 1;
        const after = sorted.filter((name) => compareNames(name, marker) > 0);
        return after.slice(0, Number(limit)).map((name) => ({ name, bytes: 1, hash: 'h' }));
      },
    } as unknown as Client,
  };
  return listed;
}

test('neighbours that ask together share a page', async () => {
  const names = Array.from({ length: 100 }, (_, index) => `d/f${String(index).padStart(3, '0')}`);
  const listed = listing(names);
  const shared = new SharedListing(listed.client, {});
  const found = await Promise.all(names.map((name) => shared.read(name)));
  assert.deepEqual(
    found.map((rows) => rows?.map((row) => row.name)),
    names.map((name) => [name]),
  );
  assert.equal(listed.pages, 1);
});

test('whoever asks while a page is under way gets one that began later', async () => {
  const rows = ['a'];
  let release = (): void => {};
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  let pages = 0;
  const client = {
    listing: async () => {
      pages += 1;
      const seen = rows.map((name) => ({ name, bytes: 1, hash: 'h' }));
      if (pages === 1) await held;
      return seen;
    },
  } as unknown as Client;
  const shared = new SharedListing(client, {});
  const first = shared.read('a');
  while (pages === 0) await Promise.resolve();
  rows.push('b');
  const second = shared.read('b');
  release();
  assert.equal((await first)?.length, 1);
  assert.equal((await second)?.length, 1);
  assert.equal(pages, 2);
});

test('every answer is whole, or says that it is not', async () => {
  const name = fc
    .string({ unit: 'grapheme', minLength: 1, maxLength: 3 })
    .filter((text) => text.isWellFormed());
  const row = fc.tuple(name, fc.integer({ min: 1, max: 40 }));
  await fc.assert(
    fc.asyncProperty(
      fc.uniqueArray(row, { selector: ([text]) => text, maxLength: 40 }),
      fc.array(name),
      async (rows, others) => {
        const listed = listing(rows.flatMap(([text, times]) => Array<string>(times).fill(text)));
        const shared = new SharedListing(listed.client, {});
        const counts = new Map(rows);
        const asked = [...counts.keys(), ...others];
        const found = await Promise.all(asked.map((text) => shared.read(text)));
        for (const [index, text] of asked.entries()) {
          const answer = found[index];
          if (answer !== null) assert.equal(answer?.length, counts.get(text) ?? 0);
        }
        assert.ok(listed.pages <= asked.length);
      },
    ),
  );
});
