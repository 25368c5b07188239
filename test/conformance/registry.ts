/** Conformance of registries: stores, pairs, their condition, tokens. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { HoldfastError } from '#ports/errors.ts';
import { give, localFile, name, newPair, type OpenArchive, STORE, unionOf } from './archive-fixtures.ts';

const code = (wanted: string) => (thrown: unknown) =>
  thrown instanceof HoldfastError && thrown.code === wanted;

export function describeRegistry(open: OpenArchive): void {
  describeStores(open);
  describePairs(open);
}

function describeStores(open: OpenArchive): void {
  describe('stores', () => {
    it('a store comes back as it was added', async (t) => {
      const { registry } = await open(t);
      const [store] = await registry.listStores();
      assert.deepEqual(store, { id: store?.id, ...STORE });
    });

    it('a second store or pair of one name is refused', async (t) => {
      const { registry, pair } = await open(t);
      await assert.rejects(registry.addStore(STORE), code('already-exists'));
      const twin = newPair(pair.store.id, 'docs');
      await assert.rejects(registry.addPair({ ...twin, uid: 'other' }), code('already-exists'));
      await assert.rejects(registry.addPair({ ...twin, name: 'other' }), code('already-exists'));
      await assert.rejects(registry.addPair({ ...newPair(999, 'other') }), code('not-found'));
    });

    it('a store in use is kept, and names the pairs', async (t) => {
      const { registry, pair } = await open(t);
      await assert.rejects(registry.removeStore('cloud'), (thrown: Error) => {
        return code('already-exists')(thrown) && thrown.message.includes('docs');
      });
      await registry.removePair(pair.id);
      await registry.removeStore('cloud');
      await assert.rejects(registry.removeStore('cloud'), code('not-found'));
    });
  });
}

function describePairs(open: OpenArchive): void {
  describe('pairs', () => {
    it('a pair keeps displaced content as configured until it is told otherwise', async (t) => {
      const { registry, pair } = await open(t);
      assert.deepEqual(pair.retention, { days: null, bytes: null });
      const retention = { days: 7, bytes: 2 ** 41 };
      await registry.setRetention(pair.id, retention, 7 * 86_400_000);
      const changed = await registry.loadPair(pair.id);
      assert.deepEqual(changed?.retention, retention);
      assert.ok((changed?.revision ?? 0) > pair.revision);
      const added = await registry.addPair({ ...newPair(pair.store.id, 'more'), retention });
      assert.deepEqual(added.retention, retention);
    });

    it('a pair comes back as it was added, with a scan and a poll wanted', async (t) => {
      const { registry, pair } = await open(t);
      const added = {
        ...newPair(pair.store.id, 'more'),
        capabilities: {
          createOnly: 'enforced',
          replaceIf: 'advisory',
          deleteIf: 'ignored',
          versions: true,
          listingLags: true,
          listsDigests: true,
          serverSideCopy: false,
          copyCreateOnly: 'ignored',
          resumesUploads: true,
          guardsLarge: false,
          unprotectedWindow: false,
          maxObjectBytes: Number.MAX_SAFE_INTEGER,
          blockSize: 65_536,
        },
        folderFacts: { hardLinks: true, foldsCase: false, foldsUnicode: false },
      } as const;
      const made = await registry.addPair(added);
      const { storeId, ...facts } = added;
      assert.deepEqual(made, { ...made, ...facts });
      assert.equal(made.store.id, storeId);
      assert.deepEqual([made.scanWanted, made.scanDone, made.pollWanted, made.pollDone], [1n, 0n, 1n, 0n]);
      assert.deepEqual(await registry.findPair('more'), made);
      assert.deepEqual(await registry.loadPair(made.id), made);
      assert.deepEqual(
        (await registry.listPairs()).map((each) => each.name),
        ['docs', 'more'],
      );
      assert.equal(await registry.findPair('none'), null);
      const beside = await registry.addPair({ ...added, uid: 'beside', name: 'beside' });
      const elsewhere = { ...added, uid: 'elsewhere', name: 'elsewhere', container: 'elsewhere' };
      assert.deepEqual(await registry.pairsOnContainerOf(await registry.addPair(elsewhere)), [
        await registry.findPair('elsewhere'),
      ]);
      assert.deepEqual(await registry.pairsOnContainerOf(made), [beside, made]);
    });

    it('a removed pair takes its state along, and late writes to it change nothing', async (t) => {
      const fixture = await open(t);
      const { registry, archive, pair } = fixture;
      await give(fixture, { a: { local: localFile(1), decision: ['upload'] } });
      await registry.removePair(pair.id);
      await registry.removePair(pair.id);
      await archive.mark(pair.id, 'both', [name('b')]);
      await archive.recordListed(pair.id, [{ name: name('c'), state: { kind: 'directory', version: null } }]);
      await archive.openProblem(pair.id, 'x', { code: 'c', text: 't' });
      await archive.appendHistory(pair.id, [
        { name: null, kind: 'operator', side: null, serial: null, text: 'late' },
      ]);
      assert.deepEqual(await archive.pageLocal(pair.id, null, 10), []);
      assert.deepEqual(await archive.problems(null), []);
    });

    it('disabling keeps the first time of the same code; enabling wants a scan and a poll', async (t) => {
      const { registry, pair } = await open(t);
      assert.equal(await registry.disable(pair.id, 'folder-missing', 'gone'), true);
      const first = await registry.loadPair(pair.id);
      assert.equal(await registry.disable(pair.id, 'folder-missing', 'gone'), false);
      assert.equal(await registry.disable(pair.id, 'folder-missing', 'still gone'), true);
      const second = await registry.loadPair(pair.id);
      assert.deepEqual(second?.disabled, { ...first?.disabled, reason: 'still gone' });
      assert.equal(await registry.enable(pair.id), true);
      assert.equal(await registry.enable(pair.id), false);
      const enabled = await registry.loadPair(pair.id);
      assert.equal(enabled?.disabled, null);
      assert.deepEqual([enabled?.scanWanted, enabled?.pollWanted], [2n, 2n]);
      assert.equal(enabled?.revision, pair.revision + 3);
    });

    it('pausing and new ignore text are new revisions, repeating them is not', async (t) => {
      const { registry, pair } = await open(t);
      for (const paused of [true, true]) await registry.setPaused(pair.id, paused);
      for (const text of ['*.bak', '*.bak']) await registry.setIgnoreText(pair.id, text);
      const changed = await registry.loadPair(pair.id);
      assert.deepEqual(
        [changed?.paused, changed?.ignoreText, changed?.revision],
        [true, '*.bak', pair.revision + 2],
      );
    });

    it('tokens only grow, and a scan fulfils only what was wanted when it began', async (t) => {
      const { registry, pair } = await open(t);
      const before = await registry.requestSync(pair.id);
      const after = await registry.requestSync(null);
      assert.deepEqual(
        [before, after],
        [
          { scan: 2n, poll: 2n },
          { scan: 3n, poll: 3n },
        ],
      );
      await registry.finishScan(pair.id, after.scan);
      await registry.finishScan(pair.id, before.scan);
      await registry.finishPoll(pair.id, before.poll);
      await registry.finishPoll(pair.id, 99n);
      const ended = await registry.loadPair(pair.id);
      assert.deepEqual([ended?.scanDone, ended?.pollDone], [3n, 3n]);
      await assert.rejects(registry.requestSync(999), code('not-found'));
    });

    it('a union forgets entries, keeps history and problems, and takes the new container', async (t) => {
      const fixture = await open(t);
      const { registry, archive, pair } = fixture;
      await give(fixture, { a: { local: localFile(1), decision: ['upload'] } });
      await archive.openProblem(pair.id, 'a', { code: 'c', text: 't' });
      await archive.appendHistory(pair.id, [
        { name: name('a'), kind: 'operator', side: null, serial: null, text: 'x' },
      ]);
      await registry.finishPoll(pair.id, 1n);
      const attached = { folder: false, container: { identity: 'new-identity', createdAt: 'today' } };
      assert.equal(await registry.startUnion(pair.id, unionOf(pair, { attached })), true);
      const reset = await registry.loadPair(pair.id);
      assert.deepEqual([reset?.identity, reset?.containerCreatedAt], ['new-identity', 'today']);
      assert.deepEqual(
        [reset?.pollWanted, reset?.pollDone, reset?.scanWanted, reset?.scanDone],
        [2n, 0n, 2n, 0n],
      );
      assert.ok((reset?.revision ?? 0) > pair.revision);
      assert.deepEqual(await archive.pageLocal(pair.id, null, 10), []);
      assert.equal((await archive.problems(pair.id)).length, 1);
      assert.equal((await archive.history(pair.id, name('a'), 10)).length, 1);
    });
  });
}
