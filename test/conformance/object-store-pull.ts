/** Conformance of pull: preconditions, idempotence, what is displaced, and what is remembered. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Name, toName } from '#core/name.ts';
import { ABSENT, type RemoteState } from '#core/state.ts';
import { StaleContent } from '#ports/content.ts';
import { HoldfastError } from '#ports/errors.ts';
import type { OpenedStore, OpenStore } from './object-store.ts';
import {
  assertApplied,
  bytesAt,
  create,
  namesIn,
  orderFor,
  recovered,
  staged,
} from './object-store-fixtures.ts';
import { patternBytes, stageDirectory } from './staged-bytes.ts';

const NAME: Name = toName('dir/file.txt');
const OLD = Buffer.from('old content');
const NEW = Buffer.from('the new content');

export function describePull(open: OpenStore): void {
  describe('pull', () => {
    describeOutcomes(open);
    describeStale(open);
    describeDirectories(open);
    describeRepetition(open);
    describeConflictCopies(open);
    describeFailingSources(open);
    describeTwins(open);
  });
}

function describeTwins(open: OpenStore): void {
  const OLD_NAME = toName('docs/before.txt');
  const twinOf = (opened: OpenedStore, bytes: Uint8Array, version: string | null) => ({
    name: OLD_NAME,
    version,
    size: bytes.length,
    hash: opened.hash(bytes),
  });
  /** Whether content need not travel twice. */
  const copies = ({ store }: OpenedStore): boolean => {
    const { serverSideCopy, versions, copyCreateOnly, blockSize } = store.capabilities;
    return blockSize !== null || (serverSideCopy && (versions || copyCreateOnly === 'enforced'));
  };
  const versionOf = (state: RemoteState) => (state.kind === 'file' ? state.version : null);

  for (const where of ['current', 'removed'] as const) {
    it(`creates a file whose content another name has, ${where}`, async (t) => {
      const opened = await open(t);
      const state = await create(opened, OLD_NAME, OLD);
      if (where === 'removed') assertApplied(await opened.store.remove(OLD_NAME, orderFor(OLD_NAME, state)));
      const content = staged(opened, OLD, { mtimeNs: 1_700_000_000_123_456_789n, mode: 0o640 });
      const twin = twinOf(opened, OLD, versionOf(state));
      const outcome = await opened.store.pull(NAME, content, orderFor(NAME, ABSENT), twin);
      assertApplied(outcome);
      assert.equal(await bytesAt(opened, NAME), OLD.toString());
      assert.equal(await bytesAt(opened, OLD_NAME), where === 'current' ? OLD.toString() : null);
      assert.deepEqual(await opened.store.probe(NAME, opened.identity), outcome.state);
      assert.ok(outcome.state.kind === 'file');
      assert.equal(outcome.state.mtimeNs, 1_700_000_000_123_456_789n);
      assert.deepEqual(outcome.conflictCopies, []);
      const { versions, blockSize } = opened.store.capabilities;
      const isThere = where === 'current' || versions || blockSize !== null;
      assert.equal(outcome.copiedFrom, isThere && copies(opened) ? OLD_NAME : undefined);
    });
  }

  it('takes no copy of a name that was written anew', async (t) => {
    const opened = await open(t);
    await create(opened, OLD_NAME, OLD);
    await opened.other.put(OLD_NAME, NEW);
    const outcome = await opened.store.pull(
      NAME,
      staged(opened, OLD),
      orderFor(NAME, ABSENT),
      twinOf(opened, OLD, null),
    );
    assertApplied(outcome);
    // Its blocks are still there.
    if (opened.store.capabilities.blockSize === null) assert.equal(outcome.copiedFrom, undefined);
    assert.equal(await bytesAt(opened, NAME), OLD.toString());
    assert.equal(await bytesAt(opened, OLD_NAME), NEW.toString());
  });

  it('never brings what another name has instead of the content', async (t) => {
    const opened = await open(t);
    await create(opened, OLD_NAME, OLD);
    const twin = twinOf(opened, NEW, null);
    assertApplied(await opened.store.pull(NAME, staged(opened, NEW), orderFor(NAME, ABSENT), twin));
    assert.equal(await bytesAt(opened, NAME), NEW.toString());
  });

  it('takes the bytes when the content went from the other name', async (t) => {
    const opened = await open(t);
    const twin = twinOf(opened, NEW, null);
    assertApplied(await opened.store.pull(NAME, staged(opened, NEW), orderFor(NAME, ABSENT), twin));
    assert.equal(await bytesAt(opened, NAME), NEW.toString());
  });

  it('replaces nothing by a copy that was to create', async (t) => {
    const opened = await open(t);
    const state = await create(opened, OLD_NAME, OLD);
    await opened.other.put(NAME, NEW);
    const twin = twinOf(opened, OLD, versionOf(state));
    const outcome = await opened.store.pull(NAME, staged(opened, OLD), orderFor(NAME, ABSENT), twin);
    assert.equal(outcome.result, 'stale');
    assert.equal(await bytesAt(opened, NAME), NEW.toString());
  });
}

function describeOutcomes(open: OpenStore): void {
  for (const size of [0, 1, 3 * 1024 * 1024 + 7]) {
    for (const known of ['known', 'unknown']) {
      it(`creates a file of ${size} bytes whose hash is ${known}`, async (t) => {
        const opened = await open(t);
        const bytes = patternBytes(size, size);
        const content = staged(opened, bytes, known === 'known' ? {} : { hash: null });
        const outcome = await opened.store.pull(NAME, content, orderFor(NAME, ABSENT));
        assertApplied(outcome);
        assert.equal(outcome.hash, opened.hash(bytes));
        assert.deepEqual(outcome.conflictCopies, []);
        assert.equal(outcome.recovery, null);
        assert.ok(outcome.state.kind === 'file');
        assert.equal(outcome.state.size, size);
        assert.equal(outcome.state.hash, opened.hash(bytes));
        assert.ok(Buffer.from(bytes).equals((await opened.other.get(NAME)) ?? Buffer.from('nothing')));
      });
    }
  }

  it('remembers what a probe then finds', async (t) => {
    const opened = await open(t);
    const content = staged(opened, NEW, { mtimeNs: 1_700_000_000_123_456_789n, mode: 0o640 });
    const outcome = await opened.store.pull(NAME, content, orderFor(NAME, ABSENT));
    assertApplied(outcome);
    assert.deepEqual(await opened.store.probe(NAME, opened.identity), outcome.state);
    assert.ok(outcome.state.kind === 'file');
    assert.equal(outcome.state.mtimeNs, 1_700_000_000_123_456_789n);
  });

  it('replaces the expected content and keeps it recoverable', async (t) => {
    const opened = await open(t);
    const base = await create(opened, NAME, OLD);
    const outcome = await opened.store.pull(NAME, staged(opened, NEW), orderFor(NAME, base));
    assertApplied(outcome);
    assert.deepEqual(outcome.conflictCopies, []);
    assert.equal(await bytesAt(opened, NAME), NEW.toString());
    assert.deepEqual(await opened.store.probe(NAME, opened.identity), outcome.state);
    if (opened.store.capabilities.versions) {
      assert.equal(await recovered(opened, NAME, outcome.recovery), OLD.toString());
    }
  });

  it('replaces content that is known from a listing only', async (t) => {
    const opened = await open(t);
    await opened.other.put(NAME, OLD);
    const listed = (await opened.store.list(null, 10)).objects[0]?.state;
    assert.ok(listed !== undefined);
    const outcome = await opened.store.pull(NAME, staged(opened, NEW), orderFor(NAME, listed));
    assertApplied(outcome);
    assert.deepEqual(outcome.conflictCopies, []);
    assert.equal(await bytesAt(opened, NAME), NEW.toString());
  });

  it('creates a name again that was removed', async (t) => {
    const opened = await open(t);
    const base = await create(opened, NAME, OLD);
    assertApplied(await opened.store.remove(NAME, orderFor(NAME, base)));
    await create(opened, NAME, NEW);
    assert.deepEqual(await namesIn(opened), [NAME]);
    assert.equal(await bytesAt(opened, NAME), NEW.toString());
  });
}

function describeStale(open: OpenStore): void {
  it('leaves content alone that appeared where nothing was expected', async (t) => {
    const opened = await open(t);
    await opened.other.put(NAME, OLD);
    const outcome = await opened.store.pull(NAME, staged(opened, NEW), orderFor(NAME, ABSENT));
    assert.equal(outcome.result, 'stale');
    assert.equal(await bytesAt(opened, NAME), OLD.toString());
    assert.deepEqual(await namesIn(opened), [NAME]);
  });

  it('leaves content alone that replaced the expected one', async (t) => {
    const opened = await open(t);
    const base = await create(opened, NAME, OLD);
    await opened.other.put(NAME, Buffer.from('of another writer'));
    const outcome = await opened.store.pull(NAME, staged(opened, NEW), orderFor(NAME, base));
    assert.equal(outcome.result, 'stale');
    assert.equal(await bytesAt(opened, NAME), 'of another writer');
  });

  it('does not bring back a name whose expected content was removed', async (t) => {
    const opened = await open(t);
    const base = await create(opened, NAME, OLD);
    await opened.other.remove(NAME);
    const outcome = await opened.store.pull(NAME, staged(opened, NEW), orderFor(NAME, base));
    assert.equal(outcome.result, 'stale');
    assert.equal(await bytesAt(opened, NAME), null);
  });

  it('replaces expected content that was written anew with the same bytes', async (t) => {
    const opened = await open(t);
    const base = await create(opened, NAME, OLD);
    await opened.other.put(NAME, OLD);
    const outcome = await opened.store.pull(NAME, staged(opened, NEW), orderFor(NAME, base));
    assertApplied(outcome);
    assert.deepEqual(outcome.conflictCopies, []);
    assert.equal(await bytesAt(opened, NAME), NEW.toString());
  });

  it('applies nothing to a missing container', async (t) => {
    const opened = await open(t);
    await opened.other.dropContainer();
    const pulled = opened.store.pull(NAME, staged(opened, NEW), orderFor(NAME, ABSENT));
    await assert.rejects(pulled, { code: 'container-missing' });
  });
}

function describeDirectories(open: OpenStore): void {
  const directory = toName('dir');

  it('creates a directory, once', async (t) => {
    const opened = await open(t);
    for (const attempt of [1, 2]) {
      const outcome = await opened.store.pull(directory, stageDirectory(), orderFor(directory, ABSENT));
      assertApplied(outcome);
      assert.equal(outcome.state.kind, 'directory', `attempt ${attempt}`);
      assert.equal(outcome.hash, null);
      assert.deepEqual(await opened.store.probe(directory, opened.identity), outcome.state);
    }
    assert.deepEqual(await namesIn(opened), [directory]);
  });

  it('replaces an expected file by a directory and back', async (t) => {
    const opened = await open(t);
    if (opened.filesStayFiles !== undefined) return t.skip(opened.filesStayFiles);
    const base = await create(opened, directory, OLD);
    const made = await opened.store.pull(directory, stageDirectory(), orderFor(directory, base));
    assertApplied(made);
    assert.equal(made.state.kind, 'directory');
    const back = await opened.store.pull(directory, staged(opened, NEW), orderFor(directory, made.state));
    assertApplied(back);
    assert.deepEqual(back.conflictCopies, []);
    assert.equal((await opened.store.probe(directory, opened.identity)).kind, 'file');
  });

  it('does not put a directory over an unexpected file', async (t) => {
    const opened = await open(t);
    await opened.other.put(directory, OLD);
    const outcome = await opened.store.pull(directory, stageDirectory(), orderFor(directory, ABSENT));
    assert.equal(outcome.result, 'stale');
    assert.equal(await bytesAt(opened, directory), OLD.toString());
  });
}

function describeRepetition(open: OpenStore): void {
  const cases = ['create', 'replace'] as const;
  for (const kind of cases) {
    const prepare = (opened: Parameters<typeof create>[0]): Promise<RemoteState> =>
      kind === 'create' ? Promise.resolve(ABSENT) : create(opened, NAME, OLD);

    it(`applies the same ${kind} twice with one effect`, async (t) => {
      const opened = await open(t);
      const order = orderFor(NAME, await prepare(opened));
      const first = await opened.store.pull(NAME, staged(opened, NEW), order);
      const again = await opened.store.pull(NAME, staged(opened, NEW), order);
      assertApplied(first);
      assertApplied(again);
      assert.deepEqual(again.state, first.state);
      assert.deepEqual(again.conflictCopies, []);
      assert.deepEqual(await namesIn(opened), [NAME]);
    });

    it(`applies the same ${kind} of two workers at once with one effect`, async (t) => {
      const opened = await open(t);
      const order = orderFor(NAME, await prepare(opened));
      const outcomes = await Promise.all([
        opened.store.pull(NAME, staged(opened, NEW), order),
        opened.second.pull(NAME, staged(opened, NEW), order),
      ]);
      assert.ok(outcomes.some((outcome) => outcome.result === 'applied'));
      for (const outcome of outcomes)
        assert.ok(outcome.result !== 'blocked' && outcome.conflictCopies.length === 0);
      assert.equal(await bytesAt(opened, NAME), NEW.toString());
      assert.deepEqual(await namesIn(opened), [NAME]);
    });
  }
}

function describeConflictCopies(open: OpenStore): void {
  it('keeps displaced content that lost beside the winner, once', async (t) => {
    const opened = await open(t);
    const base = await create(opened, NAME, OLD);
    const order = orderFor(NAME, base, { displaced: 'conflict-copy' });
    const first = await opened.store.pull(NAME, staged(opened, NEW), order);
    const again = await opened.store.pull(NAME, staged(opened, NEW), order);
    assertApplied(first);
    assertApplied(again);
    const [copy] = first.conflictCopies;
    assert.ok(copy !== undefined);
    assert.equal(await bytesAt(opened, copy), OLD.toString());
    assert.equal(await bytesAt(opened, NAME), NEW.toString());
    assert.deepEqual((await namesIn(opened)).sort(), [NAME, copy].sort());
  });

  it('takes the next conflict name when other content holds the first', async (t) => {
    const opened = await open(t);
    const base = await create(opened, NAME, OLD);
    await opened.other.put('conflict-0', Buffer.from('of another writer'));
    const order = orderFor(NAME, base, {
      displaced: 'conflict-copy',
      conflictName: (_, attempt) => toName(`conflict-${attempt}`),
    });
    const outcome = await opened.store.pull(NAME, staged(opened, NEW), order);
    assertApplied(outcome);
    assert.deepEqual(outcome.conflictCopies, ['conflict-1']);
    assert.equal(await bytesAt(opened, 'conflict-0'), 'of another writer');
    assert.equal(await bytesAt(opened, 'conflict-1'), OLD.toString());
  });
}

function describeFailingSources(open: OpenStore): void {
  const big = patternBytes(600_001, 7);

  it('makes nothing visible of a source that goes stale before its last chunk', async (t) => {
    const opened = await open(t);
    const moved = () => Promise.reject(new StaleContent('the file changed while it was read'));
    const created = await opened.store.pull(
      NAME,
      staged(opened, big, { hash: null, beforeLast: moved }),
      orderFor(NAME, ABSENT),
    );
    assert.equal(created.result, 'stale');
    assert.equal(await bytesAt(opened, NAME), null);

    const base = await create(opened, NAME, OLD);
    const replaced = await opened.store.pull(
      NAME,
      staged(opened, big, { hash: null, beforeLast: moved }),
      orderFor(NAME, base),
    );
    assert.equal(replaced.result, 'stale');
    assert.equal(await bytesAt(opened, NAME), OLD.toString());
    assert.deepEqual(await namesIn(opened), [NAME]);
  });

  it('makes nothing visible of a source that fails, and passes its error on', async (t) => {
    const opened = await open(t);
    const failing = () => Promise.reject(new HoldfastError('local-io', 'the disk gave an error'));
    const content = staged(opened, big, { hash: null, beforeLast: failing });
    await assert.rejects(opened.store.pull(NAME, content, orderFor(NAME, ABSENT)), { code: 'local-io' });
    assert.equal(await bytesAt(opened, NAME), null);
  });
}
