/** Conformance of giving up: an order whose source moved on, of which an earlier attempt may have been carried out. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Name, toName } from '#core/name.ts';
import { toSerial } from '#core/serial.ts';
import { ABSENT } from '#core/state.ts';
import type { OpenStore } from './object-store.ts';
import {
  assertApplied,
  bytesAt,
  create,
  namesIn,
  orderFor,
  recovered,
  staged,
} from './object-store-fixtures.ts';

const NAME: Name = toName('dir/file.txt');
const OLD = Buffer.from('old content');
const NEW = Buffer.from('the new content');
const SERIAL = { serial: toSerial(77n) };

export function describeGiveUp(open: OpenStore): void {
  describe('an order that is given up', () => {
    it('is stale when nothing of it was carried out', async (t) => {
      const opened = await open(t);
      const base = await create(opened, NAME, OLD);
      for (const action of ['pull', 'remove'] as const) {
        const outcome = await opened.store.giveUp(NAME, action, orderFor(NAME, base, SERIAL));
        assert.ok(outcome.result === 'stale');
        assert.deepEqual([outcome.conflictCopies, outcome.recovery], [[], null]);
      }
      assert.deepEqual(await namesIn(opened), [NAME]);
    });

    it('counts as carried out when an earlier pull of it stands', async (t) => {
      const opened = await open(t);
      const order = orderFor(NAME, await create(opened, NAME, OLD), SERIAL);
      const pulled = await opened.store.pull(NAME, staged(opened, NEW), order);
      assertApplied(pulled);
      const outcome = await opened.second.giveUp(NAME, 'pull', order);
      assertApplied(outcome);
      assert.deepEqual(outcome.state, pulled.state);
      if (pulled.recovery !== null) {
        assert.equal(await recovered(opened, NAME, outcome.recovery), OLD.toString());
      }
    });

    it('is stale when somebody else wrote after it', async (t) => {
      const opened = await open(t);
      const order = orderFor(NAME, await create(opened, NAME, OLD), SERIAL);
      assertApplied(await opened.store.pull(NAME, staged(opened, NEW), order));
      await opened.other.put(NAME, Buffer.from('theirs'));
      const outcome = await opened.second.giveUp(NAME, 'pull', order);
      assert.equal(outcome.result, 'stale');
      assert.equal(await bytesAt(opened, NAME), 'theirs');
      assert.deepEqual(await namesIn(opened), [NAME]);
    });

    it('counts as carried out when the name it removes is absent', async (t) => {
      const opened = await open(t);
      const order = orderFor(NAME, await create(opened, NAME, OLD), SERIAL);
      assertApplied(await opened.store.remove(NAME, order));
      const outcome = await opened.second.giveUp(NAME, 'remove', order);
      assertApplied(outcome);
      assert.deepEqual(outcome.state, ABSENT);
    });
  });
}
