/** Conformance of what is told about a pair: work, counts, history and trash. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  candidateOf,
  entryOf,
  give,
  LOCAL_DIRECTORY,
  localFile,
  NO_EFFECTS,
  name,
  newPair,
  type OpenArchive,
  type OpenedArchive,
  remoteFile,
} from './archive-fixtures.ts';

const HOLD_MS = 60_000;

async function pendingOf(fixture: OpenedArchive, of: string) {
  const entry = await entryOf(fixture, of);
  const decision = entry.decision ?? assert.fail(`${of} has no decision`);
  return { entry, decision, item: { name: entry.name, serial: decision.serial } };
}

const synced = (size: number) => ({ kind: 'file', size, hash: `hash-${size}` }) as const;

export function describeAccount(open: OpenArchive): void {
  describeCounts(open);
  describeMemory(open);
}

function describeCounts(open: OpenArchive): void {
  describe('work and counts', () => {
    it('what waits for a stuck decision does not keep the pair from being quiet', async (t) => {
      const fixture = await open(t);
      const { archive, pair } = fixture;
      const removal = { remote: remoteFile(1), sync: synced(1), decision: ['delete-remote'] } as const;
      const tree = { remote: { kind: 'directory', version: null }, sync: { kind: 'directory' } } as const;
      await give(fixture, {
        a: { remote: { kind: 'directory', version: null }, decision: ['download'] },
        'a/b': { remote: remoteFile(1), decision: ['download'] },
        other: { remote: remoteFile(4), decision: ['download'] },
        z: { ...tree, decision: ['delete-remote'] },
        'z/1': removal,
      });
      assert.deepEqual(
        [(await archive.counts(pair.id)).decisions, (await archive.counts(pair.id)).decisionBytes],
        [5, 5],
      );
      for (const stuck of ['a', 'z/1']) {
        const { item } = await pendingOf(fixture, stuck);
        const outcome = {
          kind: 'retry',
          at: 0,
          counts: true,
          reason: 'no',
          problem: { code: 'c', text: 't' },
        } as const;
        for (let attempt = 0; attempt < 3; attempt += 1) {
          await archive.release(pair.id, [{ ...item, outcome }], NO_EFFECTS);
        }
      }
      const counts = await archive.counts(pair.id);
      assert.deepEqual([counts.decisions, counts.decisionBytes, counts.problems], [1, 4, 2]);
    });

    it('counts tell what is synced, waiting and pending', async (t) => {
      const fixture = await open(t);
      const { archive, pair } = fixture;
      await give(fixture, {
        d: {
          local: LOCAL_DIRECTORY,
          remote: { kind: 'directory', version: null },
          sync: { kind: 'directory' },
        },
        'd/f': { local: localFile(5, { hash: 'hash-5' }), remote: remoteFile(5), sync: synced(5) },
        up: { local: localFile(100), decision: ['upload'] },
      });
      await archive.mark(pair.id, 'local', [name('x'), name('up')]);
      assert.deepEqual(await archive.counts(pair.id), {
        files: 1,
        directories: 1,
        bytes: 5,
        candidates: 1,
        decisions: 1,
        decisionBytes: 100,
        problems: 0,
        waitingDeletes: 0,
      });
    });

    it('work names pairs with something due, unless they are paused or disabled', async (t) => {
      const fixture = await open(t);
      const { archive, registry, pair } = fixture;
      const idle = await registry.addPair(newPair(pair.store.id, 'idle'));
      assert.deepEqual(await archive.work(), []);
      await archive.mark(pair.id, 'local', [name('a')]);
      const { marking } = await candidateOf(fixture, 'a');
      const expected = {
        pairId: pair.id,
        volume: 'default',
        candidates: true,
        decisions: false,
        oldestMarking: marking,
      };
      assert.deepEqual(await archive.work(), [expected]);
      await give({ archive, pair: idle }, { a: { local: localFile(1), decision: ['upload'] } });
      const [, second] = await archive.work();
      assert.deepEqual([second?.pairId, second?.candidates, second?.decisions], [idle.id, false, true]);
      await archive.dispatch(idle.id, 1, HOLD_MS);
      await registry.setPaused(pair.id, true);
      assert.deepEqual(await archive.work(), []);
      await registry.setPaused(pair.id, false);
      await registry.disable(pair.id, 'folder-missing', 'gone');
      assert.deepEqual(await archive.work(), []);
    });
  });
}

function describeMemory(open: OpenArchive): void {
  describe('history and trash', () => {
    it('history is told oldest first and cut at its old end', async (t) => {
      const { archive, pair } = await open(t);
      const event = (of: string | null, text: string) =>
        ({ name: of === null ? null : name(of), kind: 'operator', side: null, serial: null, text }) as const;
      await archive.appendHistory(pair.id, [
        event('a', '1'),
        event(null, 'pair'),
        event('a', '2'),
        event('a', '3'),
      ]);
      const texts = async (of: string | null, limit: number) =>
        (await archive.history(pair.id, of === null ? null : name(of), limit)).map(({ text }) => text);
      assert.deepEqual(await texts('a', 2), ['2', '3']);
      assert.deepEqual(await texts(null, 9), ['pair']);
    });

    it('a recovery pointer is kept once, looked at again, expires, and is forgotten', async (t) => {
      const fixture = await open(t);
      const { archive, registry, pair } = fixture;
      const [serial = assert.fail()] = await archive.issueSerials(1);
      const pointer = { kind: 'trash', locator: `x/${'ä'.repeat(500)}`, size: 2 ** 40, hash: 'h' } as const;
      const recovery = [
        {
          name: name('n'.repeat(200)),
          side: 'local',
          serial,
          pointer,
          lookAgainAt: 1_000,
          expiresAt: fixture.clock.now() + 3_600_000,
        },
      ] as const;
      for (let times = 0; times < 2; times += 1)
        await archive.release(pair.id, [], { ...NO_EFFECTS, recovery });
      const [kept, ...more] = await archive.trash(pair.id, null);
      assert.deepEqual([more, kept?.pointer, kept?.serial, kept?.side], [[], pointer, serial, 'local']);
      const due = async () => (await archive.dueTrash('default', 10)).map((each) => each.due);
      assert.deepEqual(await due(), ['look-again']);
      assert.deepEqual(await archive.dueTrash('elsewhere', 10), []);
      await registry.disable(pair.id, 'folder-missing', 'gone');
      assert.deepEqual(await due(), []);
      await registry.enable(pair.id);
      await archive.settleTrash(kept?.id ?? 0n, 'looked');
      assert.deepEqual(await due(), []);
      await fixture.passTime(3_600_000);
      assert.deepEqual(await due(), ['expired']);
      await archive.settleTrash(kept?.id ?? 0n, 'gone');
      assert.deepEqual(await archive.trash(pair.id, null), []);
    });

    it('pointers are paged, found by their place, and end when told', async (t) => {
      const { archive, pair, ...fixture } = await open(t);
      const serials = await archive.issueSerials(3);
      const recovery = serials.map((serial, index) => ({
        name: name(`n${index}`),
        side: 'local' as const,
        serial,
        pointer: { kind: 'trash' as const, locator: `20260101/${serial}-x/n${index}`, size: 1, hash: null },
        lookAgainAt: 1_000,
        expiresAt: fixture.clock.now() + 3_600_000,
      }));
      await archive.release(pair.id, [], { ...NO_EFFECTS, recovery });
      const first = await archive.pageTrash(pair.id, 0n, 2);
      const second = await archive.pageTrash(pair.id, first.at(-1)?.id ?? 0n, 2);
      assert.deepEqual(
        [...first, ...second].map((each) => each.serial),
        serials,
      );
      const [one = assert.fail(), other = assert.fail()] = serials;
      const asked = [
        { place: `20260101/${one}-x/`, serial: one },
        { place: `20260102/${one}-x/`, serial: one },
        { place: `20260101/${other}-x/`, serial: one },
      ];
      assert.deepEqual([...(await archive.recordedTrash(pair.id, asked))], [asked[0]?.place]);
      assert.deepEqual([...(await archive.recordedTrash(pair.id, []))], []);
      for (const { id } of [...first, ...second]) await archive.settleTrash(id, 'ended');
      const due = await archive.dueTrash('default', 9);
      assert.deepEqual(
        due.map((each) => each.due),
        ['expired', 'expired', 'expired'],
      );
    });

    it('a pair that keeps so many bytes gives the oldest up, once it was looked at again', async (t) => {
      const fixture = await open(t);
      const { archive, registry, pair } = fixture;
      const serials = await archive.issueSerials(4);
      for (const [index, serial] of serials.entries()) {
        const kind = index === 3 ? 'version' : 'trash';
        const recovery = [
          {
            name: name(`n${index}`),
            side: 'local',
            serial,
            pointer: { kind, locator: `at/${index}`, size: 10, hash: null },
            lookAgainAt: index === 0 ? fixture.clock.now() + 3_600_000 : null,
            expiresAt: fixture.clock.now() + 86_400_000,
          },
        ] as const;
        await archive.release(pair.id, [], { ...NO_EFFECTS, recovery });
        await fixture.passTime(1_000);
      }
      const due = async () =>
        (await archive.dueTrash('default', 10)).map((each) => `${each.name} ${each.due}`);
      assert.deepEqual(await due(), []);
      await registry.setRetention(pair.id, { days: null, bytes: 15 }, 86_400_000);
      assert.deepEqual(await due(), ['n1 expired']);
      const [oldest] = await archive.trash(pair.id, name('n0'));
      await archive.settleTrash(oldest?.id ?? 0n, 'looked');
      assert.deepEqual(await due(), ['n0 expired', 'n1 expired']);
      await registry.disable(pair.id, 'folder-missing', 'gone');
      assert.deepEqual(await due(), []);
      await registry.enable(pair.id);
      await registry.setRetention(pair.id, { days: 0, bytes: null }, 0);
      assert.deepEqual(
        (await due()).toSorted(),
        [0, 1, 2, 3].map((index) => `n${index} expired`),
      );
    });
  });
}
