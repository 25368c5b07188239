/** Conformance of list: order, paging, and names that are odd or that no folder can hold. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { compareNames, toName } from '#core/name.ts';
import { ABSENT } from '#core/state.ts';
import type { OpenStore } from './object-store.ts';
import { assertApplied, bytesAt, create, listAll, namesIn, orderFor } from './object-store-fixtures.ts';
import { readAll } from './staged-bytes.ts';

/** Legal on both sides, and easily broken by quoting, decoding or normalising. */
export const ODD_NAMES = [
  ' leading and trailing ',
  '100%',
  '%2e%2e',
  'a?b=c&d',
  'a#b',
  'a+b',
  'a%2Fb',
  'a/b',
  'a-b',
  'back\\slash',
  'single \' double " back `',
  '<tag>&amp;',
  'semi;colon,comma:colon',
  '~tilde',
  '...',
  '.hidden',
  'caf\u00e9',
  'cafe\u0301',
  '\u{1f600} astral',
  '\uff5e high in the basic plane',
  '\ufeff mark',
  'рус/中文',
  'x'.repeat(255),
  `${'ü'.repeat(127)}`,
] as const;

export function describeListing(open: OpenStore): void {
  describe('list', () => {
    it('lists nothing in an empty container', async (t) => {
      const { store } = await open(t);
      assert.deepEqual(await store.list(null, 10_000), { objects: [], next: null });
    });

    it('lists files and directories with size and hash', async (t) => {
      const opened = await open(t);
      await create(opened, 'file', Buffer.from('content'));
      await opened.other.putDirectory('directory');
      const [directory, file] = await listAll(opened.store);
      assert.equal(directory?.rawName, 'directory');
      assert.equal(directory?.state.kind, 'directory');
      assert.ok(file?.state.kind === 'file');
      assert.equal(file.state.size, 7);
      assert.equal(file.state.hash, opened.hash(Buffer.from('content')));
    });

    it('lists in order of UTF-8 bytes, whatever the page size', async (t) => {
      const opened = await open(t);
      for (const name of ODD_NAMES) await opened.other.put(name, Buffer.from(name));
      const expected = [...ODD_NAMES].sort(compareNames);
      for (const limit of [1, 2, 7, ODD_NAMES.length, 10_000]) {
        const listed = await listAll(opened.store, limit);
        assert.deepEqual(
          listed.map((object) => object.rawName),
          expected,
          `pages of ${limit}`,
        );
      }
    });

    it('continues after a name that does not exist', async (t) => {
      const opened = await open(t);
      for (const name of ['a', 'c']) await opened.other.put(name, Buffer.from(name));
      const page = await opened.store.list('b', 10);
      assert.deepEqual(
        page.objects.map((object) => object.rawName),
        ['c'],
      );
    });

    it('lists names that no folder can hold', async (t) => {
      const opened = await open(t);
      for (const name of opened.unsyncableRawNames) await opened.other.put(name, Buffer.from('x'));
      assert.deepEqual(await namesIn(opened), [...opened.unsyncableRawNames].sort(compareNames));
    });

    it('reports a missing container', async (t) => {
      const { store, other } = await open(t);
      await other.dropContainer();
      await assert.rejects(store.list(null, 10), { code: 'container-missing' });
    });
  });

  describe('odd names', () => {
    it('survive pull, probe, stage, list and remove', async (t) => {
      const opened = await open(t);
      const { store, identity } = opened;
      for (const raw of ODD_NAMES) {
        const name = toName(raw);
        const bytes = Buffer.from(`content of ${raw}`);
        const state = await create(opened, raw, bytes);
        assert.equal(await bytesAt(opened, raw), bytes.toString());
        assert.deepEqual(await store.probe(name, identity), state);
        const outcome = await store.stage(name, state);
        assert.ok(outcome.result === 'staged');
        assert.equal(Buffer.from(await readAll(outcome.content)).toString(), bytes.toString());
        assertApplied(await store.remove(name, orderFor(name, state)));
        assert.deepEqual(await store.probe(name, identity), ABSENT);
      }
      assert.deepEqual(await namesIn(opened), []);
    });
  });
}
