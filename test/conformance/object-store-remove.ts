/** Conformance of remove: only what was decided on goes, and it stays recoverable. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Name, toName } from '#core/name.ts';
import { ABSENT, type RemoteState } from '#core/state.ts';
import type { OpenStore } from './object-store.ts';
import { assertApplied, bytesAt, create, namesIn, orderFor, recovered } from './object-store-fixtures.ts';
import { stageDirectory } from './staged-bytes.ts';

const NAME: Name = toName('dir/file.txt');
const OLD = Buffer.from('old content');
const UNKNOWN: RemoteState = { kind: 'file', size: 11, hash: '0'.repeat(32), version: null, mtimeNs: null };

export function describeRemove(open: OpenStore): void {
  describe('remove', () => {
    it('removes the expected content and keeps it recoverable, once', async (t) => {
      const opened = await open(t);
      const order = orderFor(NAME, await create(opened, NAME, OLD));
      for (const attempt of [1, 2]) {
        const outcome = await opened.store.remove(NAME, order);
        assertApplied(outcome);
        assert.deepEqual(outcome.state, ABSENT, `attempt ${attempt}`);
        assert.equal(outcome.hash, null);
        assert.deepEqual(outcome.conflictCopies, []);
        if (opened.store.capabilities.versions) {
          assert.equal(await recovered(opened, NAME, outcome.recovery), OLD.toString());
        }
      }
      assert.deepEqual(await namesIn(opened), []);
    });

    it('removes once for two workers at once', async (t) => {
      const opened = await open(t);
      const order = orderFor(NAME, await create(opened, NAME, OLD));
      const outcomes = await Promise.all([
        opened.store.remove(NAME, order),
        opened.second.remove(NAME, order),
      ]);
      for (const outcome of outcomes) assertApplied(outcome);
      assert.deepEqual(await namesIn(opened), []);
    });

    it('leaves content alone that replaced the expected one', async (t) => {
      const opened = await open(t);
      const base = await create(opened, NAME, OLD);
      await opened.other.put(NAME, Buffer.from('of another writer'));
      const outcome = await opened.store.remove(NAME, orderFor(NAME, base));
      assert.equal(outcome.result, 'stale');
      assert.equal(await bytesAt(opened, NAME), 'of another writer');
    });

    it('is content with what is absent already', async (t) => {
      const opened = await open(t);
      const outcome = await opened.store.remove(NAME, orderFor(NAME, UNKNOWN));
      assertApplied(outcome);
      assert.deepEqual(outcome.state, ABSENT);
    });

    it('removes a directory, and none that became a file', async (t) => {
      const opened = await open(t);
      const directory = toName('dir');
      const made = await opened.store.pull(directory, stageDirectory(), orderFor(directory, ABSENT));
      assertApplied(made);
      assertApplied(await opened.store.remove(directory, orderFor(directory, made.state)));
      assert.deepEqual(await namesIn(opened), []);

      await opened.other.put(directory, OLD);
      const outcome = await opened.store.remove(directory, orderFor(directory, made.state));
      assert.equal(outcome.result, 'stale');
      assert.equal(await bytesAt(opened, directory), OLD.toString());
    });

    it('concludes nothing from a missing container', async (t) => {
      const opened = await open(t);
      const order = orderFor(NAME, await create(opened, NAME, OLD));
      await opened.other.dropContainer();
      await assert.rejects(opened.store.remove(NAME, order), { code: 'container-missing' });
    });
  });
}
