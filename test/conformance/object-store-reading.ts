/** Conformance of probe and stage: the live truth of one name, and bytes that are exactly those expected. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Name, toName } from '#core/name.ts';
import { ABSENT, type RemoteState } from '#core/state.ts';
import { type Staged, StaleContent } from '#ports/content.ts';
import type { OpenedStore, OpenStore } from './object-store.ts';
import { assertApplied, create, orderFor, staged } from './object-store-fixtures.ts';
import { patternBytes, readAll, stageDirectory } from './staged-bytes.ts';

const NAME: Name = toName('dir/file.txt');
const OLD = Buffer.from('old content');

export function describeReading(open: OpenStore): void {
  describe('probe', () => describeProbe(open));
  describe('stage', () => {
    describeBytes(open);
    describePinning(open);
  });
}

function describeProbe(open: OpenStore): void {
  it('tells file, directory, special object and absence apart', async (t) => {
    const opened = await open(t);
    const { other, store, identity } = opened;
    await other.put('file', OLD);
    await other.put('empty', new Uint8Array());
    await other.putDirectory('directory');
    const file = await store.probe(toName('file'), identity);
    assert.ok(file.kind === 'file');
    assert.equal(file.size, OLD.length);
    assert.equal(file.hash, opened.hash(OLD));
    assert.equal((await store.probe(toName('empty'), identity)).kind, 'file');
    assert.equal((await store.probe(toName('directory'), identity)).kind, 'directory');
    assert.deepEqual(await store.probe(toName('nothing'), identity), ABSENT);
    assert.deepEqual(await store.probe(toName('file/below'), identity), ABSENT);
    await other.remove('file');
    assert.deepEqual(await store.probe(toName('file'), identity), ABSENT);
    if (other.putUnhandled !== null) {
      await other.putUnhandled('special');
      assert.equal((await store.probe(toName('special'), identity)).kind, 'unhandled');
    }
  });

  it('never concludes absence from a missing container', async (t) => {
    const { store, other, identity } = await open(t);
    await other.dropContainer();
    await assert.rejects(store.probe(NAME, identity), { code: 'container-missing' });
    await assert.rejects(store.probe(NAME, null), { code: 'container-missing' });
  });

  it('never concludes absence from a container that was recreated', async (t) => {
    const { store, other, identity } = await open(t);
    await other.recreateContainer();
    await assert.rejects(store.probe(NAME, identity), { code: 'container-replaced' });
    assert.deepEqual(await store.probe(NAME, null), ABSENT);
  });
}

function describeBytes(open: OpenStore): void {
  for (const size of [0, 1, 3 * 1024 * 1024 + 7]) {
    it(`reads exactly the ${size} bytes of a file, any number of times`, async (t) => {
      const opened = await open(t);
      const bytes = patternBytes(size, size + 1);
      const content = await stage(opened, await create(opened, NAME, bytes));
      assert.ok(content.kind === 'file');
      assert.equal(content.size, size);
      assert.equal(content.hash, opened.hash(bytes));
      for (const attempt of [1, 2]) {
        assert.ok(Buffer.from(bytes).equals(await readAll(content)), `attempt ${attempt}`);
      }
      await content.release();
      await content.release();
    });
  }

  it('reads ranges', async (t) => {
    const opened = await open(t);
    const bytes = Buffer.from(patternBytes(2 * 1024 * 1024 + 3, 5));
    const content = await stage(opened, await create(opened, NAME, bytes));
    const size = bytes.length;
    const ranges: [number, number][] = [
      [0, 1],
      [0, size],
      [size - 1, size],
      [1_048_575, 1_048_577],
      [7, 7],
    ];
    for (const [start, end] of ranges) {
      assert.ok(bytes.subarray(start, end).equals(await readAll(content, start, end)), `${start} to ${end}`);
    }
    assert.ok(bytes.subarray(5).equals(await readAll(content, 5)));
  });

  it('hands out chunks of at most 1 MiB', async (t) => {
    const opened = await open(t);
    const content = await stage(opened, await create(opened, NAME, patternBytes(3_000_000, 6)));
    assert.ok(content.kind === 'file');
    for await (const chunk of content.read()) assert.ok(chunk.length <= 1024 * 1024);
  });

  it('gives back the time and the mode that were pulled', async (t) => {
    const opened = await open(t);
    const attributes = { mtimeNs: 1_700_000_000_000_000_001n, mode: 0o751 };
    const order = orderFor(NAME, ABSENT);
    const outcome = await opened.store.pull(NAME, staged(opened, OLD, attributes), order);
    assertApplied(outcome);
    const content = await stage(opened, outcome.state);
    await readAll(content);
    assert.equal(content.mtimeNs, attributes.mtimeNs);
    assert.equal(content.mode, attributes.mode);
  });

  it('stages a directory', async (t) => {
    const opened = await open(t);
    const made = await opened.store.pull(NAME, stageDirectory(), orderFor(NAME, ABSENT));
    assertApplied(made);
    const content = await stage(opened, made.state);
    assert.equal(content.kind, 'directory');
    await content.release();
  });
}

function describePinning(open: OpenStore): void {
  const listedOnly = (state: RemoteState): RemoteState =>
    state.kind === 'file' ? { ...state, version: null } : state;

  it('never gives other bytes for an object that was replaced', async (t) => {
    const opened = await open(t);
    const state = await create(opened, NAME, OLD);
    const pinned = await opened.store.stage(NAME, state);
    const unpinned = await opened.store.stage(NAME, listedOnly(state));
    await opened.other.put(NAME, Buffer.from('NEW CONTENT'));
    await assertStale(unpinned);
    // A store with versions may still hand out the old one, which is what was asked for.
    if (!opened.store.capabilities.versions) await assertStale(pinned);
    else assert.equal(await bytesOrStale(pinned), OLD.toString());
  });

  it('never gives bytes for an object that was removed', async (t) => {
    const opened = await open(t);
    const state = await create(opened, NAME, OLD);
    const outcome = await opened.store.stage(NAME, listedOnly(state));
    await opened.other.remove(NAME);
    await assertStale(outcome);
    await assertStale(await opened.store.stage(NAME, listedOnly(state)));
  });

  it('gives no bytes for content that never was there', async (t) => {
    const opened = await open(t);
    await opened.other.put(NAME, OLD);
    const hash = opened.hash(Buffer.from('other bytes'));
    await assertStale(
      await opened.store.stage(NAME, { kind: 'file', size: OLD.length, hash, version: null, mtimeNs: null }),
    );
    await assertStale(await opened.store.stage(NAME, ABSENT));
  });
}

async function stage(opened: OpenedStore, expected: RemoteState): Promise<Staged> {
  const outcome = await opened.store.stage(NAME, expected);
  assert.ok(outcome.result === 'staged');
  return outcome.content;
}

type Outcome = Awaited<ReturnType<OpenedStore['store']['stage']>>;

async function assertStale(outcome: Outcome): Promise<void> {
  if (outcome.result === 'stale') return;
  assert.ok(outcome.result === 'staged');
  await assert.rejects(readAll(outcome.content), StaleContent);
}

async function bytesOrStale(outcome: Outcome): Promise<string> {
  assert.ok(outcome.result === 'staged');
  try {
    return Buffer.from(await readAll(outcome.content)).toString();
  } catch (thrown) {
    if (thrown instanceof StaleContent) return OLD.toString();
    throw thrown;
  }
}
