/**
 * Conformance of large content, for stores that take it in parts: whatever is killed, lost or written in between, no
 * part that arrived is sent again, contents are never mixed, and the object obeys the same conditions as a small one.
 */
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { toName } from '#core/name.ts';
import { toSerial } from '#core/serial.ts';
import { ABSENT } from '#core/state.ts';
import type { HttpClient, HttpRequest } from '#libs/http/client.ts';
import { StaleContent } from '#ports/content.ts';
import { HoldfastError } from '#ports/errors.ts';
import type { ObjectStore } from '#ports/object-store.ts';
import type { LargeFixture, OpenedStore, OpenStore } from './object-store.ts';
import {
  assertApplied,
  bytesAt,
  create,
  namesIn,
  orderFor,
  reachable,
  recovered,
  staged,
} from './object-store-fixtures.ts';
import { patternBytes, readAll } from './staged-bytes.ts';

const NAME = toName('dir/large.bin');
const ORDER = orderFor(NAME, ABSENT);

/** A worker whose requests are counted and may fail. */
interface Worker {
  readonly store: ObjectStore;
  /** Parts that arrived, each as often as it did. */
  readonly arrived: string[];
  /** Parts that were sent, whatever the store made of them. */
  readonly sent: string[];
  /** Methods of all requests. */
  readonly methods: string[];
}

interface Faults {
  /** The worker is dead from the moment on when so many parts arrived. */
  readonly killedAfter?: number;
  /** The last answer is lost. */
  readonly losesLast?: boolean;
  readonly beforeLast?: () => Promise<void>;
}

function openWorker(large: LargeFixture, faults: Faults = {}): Worker {
  const arrived: string[] = [];
  const sent: string[] = [];
  const methods: string[] = [];
  const gone = (): HoldfastError => new HoldfastError('store-unreachable', 'the worker was killed');
  const isDead = (): boolean => arrived.length >= (faults.killedAfter ?? Number.POSITIVE_INFINITY);
  const request = async (asked: HttpRequest) => {
    if (isDead()) throw gone();
    const isLast = large.isLast(asked);
    if (isLast) await faults.beforeLast?.();
    methods.push(asked.method);
    const part = large.partOf(asked);
    if (part !== null) sent.push(part);
    const response = await large.http.request(asked);
    if (part !== null && response.status < 300) arrived.push(part);
    if (isLast && faults.losesLast === true) {
      await response.text();
      throw new HoldfastError('store-unreachable', 'the answer was lost');
    }
    return response;
  };
  const http: HttpClient = { request, close: async () => undefined };
  return { store: large.open(http), arrived, sent, methods };
}

/** Each part differs from the others; the last one is short. */
const contentOf = (large: LargeFixture, seed: number): Buffer =>
  Buffer.from(patternBytes(large.partBytes * 2 + 70_001, seed));

export function describeLarge(open: OpenStore): void {
  const test = (
    title: string,
    run: (opened: OpenedStore, large: LargeFixture, t: TestContext) => Promise<void>,
  ): void => {
    it(title, async (t) => {
      const opened = await open(t);
      if (opened.large === undefined)
        return t.skip('this store takes no parts, or they are not counted here');
      await run(opened, opened.large, t);
    });
  };
  describe('large content', () => {
    describeArrival(test);
    describeInterruptions(test);
    describeOthers(test);
  });
}

type Test = (
  title: string,
  run: (opened: OpenedStore, large: LargeFixture, t: TestContext) => Promise<void>,
) => void;

const pull = (
  opened: OpenedStore,
  { store }: Pick<Worker, 'store'>,
  bytes: Uint8Array,
  order: Parameters<ObjectStore['pull']>[2] = ORDER,
) => store.pull(NAME, staged(opened, bytes, { mtimeNs: 1_700_000_000_123_456_789n }), order);

async function assertBytes(opened: OpenedStore, bytes: Uint8Array): Promise<void> {
  const there = await opened.other.get(NAME);
  assert.ok(there !== null && Buffer.compare(there, bytes) === 0, 'the object has other bytes');
}

/** A worker that dies when so many parts arrived. */
async function pullKilled(
  opened: OpenedStore,
  large: LargeFixture,
  bytes: Uint8Array,
  killedAfter: number,
): Promise<Worker> {
  const killed = openWorker(large, { killedAfter });
  await assert.rejects(pull(opened, killed, bytes), { code: 'store-unreachable' });
  assert.equal(await opened.other.get(NAME), null);
  assert.ok(killed.arrived.length >= killedAfter);
  return killed;
}

function describeArrival(test: Test): void {
  test('arrives in parts, each of them once, and is a file like any other', async (opened, large) => {
    const bytes = contentOf(large, 1);
    const worker = openWorker(large);
    const outcome = await pull(opened, worker, bytes);
    assertApplied(outcome);
    await assertBytes(opened, bytes);
    assert.deepEqual(worker.arrived.length, 3);
    assert.equal(new Set(worker.arrived).size, 3);
    assert.deepEqual(await opened.store.probe(NAME, opened.identity), outcome.state);
    const read = await opened.store.stage(NAME, outcome.state);
    assert.ok(read.result === 'staged');
    assert.equal(Buffer.compare(await readAll(read.content), bytes), 0);
    assert.equal(Buffer.compare(await readAll(read.content, 5, 9), bytes.subarray(5, 9)), 0);
  });

  test('is listed as what it is, without being asked for twice', async (opened, large) => {
    const bytes = contentOf(large, 1);
    const outcome = await pull(opened, openWorker(large), bytes);
    assertApplied(outcome);
    const worker = openWorker(large);
    for (const looks of [1, 0]) {
      const before = worker.methods.length;
      const { objects } = await worker.store.list(null, 100);
      const row = objects.find(({ rawName }) => rawName === NAME);
      assert.ok(row?.state.kind === 'file');
      assert.deepEqual([row.state.size, row.state.hash], [bytes.length, opened.hash(bytes)]);
      assert.ok(worker.methods.slice(before).filter((method) => method === 'HEAD').length <= looks);
    }
    assert.deepEqual(await namesIn(opened), [NAME]);
  });

  test('replaces large content, which stays recoverable, and is replaced by small', async (opened, large) => {
    const old = contentOf(large, 1);
    const first = await pull(opened, openWorker(large), old);
    assertApplied(first);
    const next = contentOf(large, 2);
    const second = await pull(opened, openWorker(large), next, orderFor(NAME, first.state, SECOND));
    assertApplied(second);
    assert.deepEqual(second.conflictCopies, []);
    await assertBytes(opened, next);
    const last = await pull(opened, openWorker(large), Buffer.from('small'), orderFor(NAME, second.state));
    assertApplied(last);
    if (!opened.store.capabilities.versions) return;
    assert.ok((await recovered(opened, NAME, second.recovery)) === old.toString());
    assert.ok((await recovered(opened, NAME, last.recovery)) === next.toString());
  });

  test('is removed, and stays recoverable', async (opened, large) => {
    const bytes = contentOf(large, 1);
    const made = await pull(opened, openWorker(large), bytes);
    assertApplied(made);
    const removed = await opened.store.remove(NAME, orderFor(NAME, made.state));
    assertApplied(removed);
    assert.deepEqual(removed.conflictCopies, []);
    assert.equal(await opened.other.get(NAME), null);
    if (opened.store.capabilities.versions) {
      assert.ok((await recovered(opened, NAME, removed.recovery)) === bytes.toString());
    }
  });
}

const SECOND = { serial: toSerial(2n) };

function describeInterruptions(test: Test): void {
  for (const killedAfter of [1, 3]) {
    test(`goes on in another worker after a kill at part ${killedAfter}, and sends no part twice`, async (opened, large) => {
      const bytes = contentOf(large, 1);
      const killed = await pullKilled(opened, large, bytes, killedAfter);
      const next = openWorker(large);
      const outcome = await pull(opened, next, bytes);
      assertApplied(outcome);
      await assertBytes(opened, bytes);
      const arrived = [...killed.arrived, ...next.arrived];
      assert.equal(arrived.length, 3);
      assert.equal(new Set(arrived).size, 3);
      assert.ok(next.sent.every((part) => !killed.arrived.includes(part)));
      assert.deepEqual(await opened.store.probe(NAME, opened.identity), outcome.state);
    });
  }

  test('counts once when the last answer was lost', async (opened, large) => {
    const bytes = contentOf(large, 1);
    const outcome = await pull(opened, openWorker(large, { losesLast: true }), bytes);
    assertApplied(outcome);
    await assertBytes(opened, bytes);
    const again = openWorker(large);
    const repeated = await pull(opened, again, bytes);
    assertApplied(repeated);
    assert.deepEqual(repeated.state, outcome.state);
    assert.deepEqual([again.arrived, repeated.conflictCopies], [[], []]);
    assert.deepEqual(await namesIn(opened), [NAME]);
  });

  test('of a given-up order counts when its last answer was lost', async (opened, large) => {
    const bytes = contentOf(large, 1);
    assertApplied(await pull(opened, openWorker(large, { losesLast: true }), bytes));
    const given = await opened.second.giveUp(NAME, 'pull', ORDER);
    assertApplied(given);
    assert.deepEqual(given.state, await opened.store.probe(NAME, opened.identity));
  });

  test('is never mixed with what its source had before', async (opened, large) => {
    const old = contentOf(large, 1);
    await pullKilled(opened, large, old, 2);
    for (const serial of [1n, 2n]) {
      const changed = Buffer.from(old);
      changed.writeUInt8(Number(serial), 10);
      changed.writeUInt8(Number(serial), changed.length - 1);
      const expected = await opened.store.probe(NAME, opened.identity);
      const order = orderFor(NAME, expected, { serial: toSerial(serial) });
      assertApplied(await pull(opened, openWorker(large), changed, order));
      await assertBytes(opened, changed);
    }
  });

  test('becomes nothing when its source moves on', async (opened, large) => {
    const bytes = contentOf(large, 1);
    let reads = 0;
    const moved = async (): Promise<void> => {
      reads += 1;
      if (reads > 5) throw new StaleContent('the file changed while it was read');
    };
    const content = staged(opened, bytes, { hash: null, beforeLast: moved });
    const outcome = await openWorker(large).store.pull(NAME, content, ORDER);
    assert.equal(outcome.result, 'stale');
    assert.equal(await opened.other.get(NAME), null);
  });

  test('of two workers at once has one effect', async (opened, large) => {
    const bytes = contentOf(large, 1);
    const outcomes = await Promise.all(
      [openWorker(large), openWorker(large)].map((worker) => pull(opened, worker, bytes).catch(transient)),
    );
    // One of them may find the upload ended by the other; its next attempt finds the object.
    assertApplied(await pull(opened, openWorker(large), bytes));
    for (const outcome of outcomes) {
      assert.ok(outcome === null || (outcome.result !== 'blocked' && outcome.conflictCopies.length === 0));
    }
    await assertBytes(opened, bytes);
    assert.deepEqual(await namesIn(opened), [NAME]);
  });
}

function transient(thrown: unknown): null {
  assert.ok(thrown instanceof HoldfastError && thrown.grade === 'transient', String(thrown));
  return null;
}

function describeOthers(test: Test): void {
  test('gives way to what another client wrote between two attempts', async (opened, large) => {
    const bytes = contentOf(large, 1);
    await pullKilled(opened, large, bytes, 1);
    await opened.other.put(NAME, Buffer.from('of another writer'));
    const next = openWorker(large);
    const outcome = await pull(opened, next, bytes);
    assert.equal(outcome.result, 'stale');
    assert.deepEqual(next.arrived, []);
    assert.equal(await bytesAt(opened, NAME), 'of another writer');
  });

  for (const kind of ['create', 'replace'] as const) {
    test(`of a ${kind} loses nothing of a client that writes right before the last request`, async (opened, large, t) => {
      if (opened.store.capabilities.unprotectedWindow && !opened.store.capabilities.guardsLarge)
        return t.skip('this store has an unprotected window');
      const expected = kind === 'create' ? ABSENT : await create(opened, NAME, Buffer.from('old'));
      const theirs = Buffer.from('of another writer');
      const worker = openWorker(large, { beforeLast: () => opened.other.put(NAME, theirs) });
      const isGuarded = opened.store.capabilities.replaceIf === 'enforced';
      if (opened.store.capabilities.unprotectedWindow && !isGuarded) return t.skip('nothing guards it here');
      const order = orderFor(NAME, expected);
      const outcome = await pull(opened, worker, contentOf(large, 1), order);
      if (isGuarded) assert.equal(outcome.result, 'stale');
      assert.ok((await reachable(opened, NAME, [outcome])).has('of another writer'));
    });
  }

  test('that lost is kept beside the winner', async (opened, large) => {
    const bytes = contentOf(large, 1);
    const made = await pull(opened, openWorker(large), bytes);
    assertApplied(made);
    const order = orderFor(NAME, made.state, { displaced: 'conflict-copy', ...SECOND });
    for (const attempt of [1, 2]) {
      const outcome = await pull(opened, openWorker(large), Buffer.from('the winner'), order);
      assertApplied(outcome);
      const [copy] =
        attempt === 1 ? outcome.conflictCopies : (await namesIn(opened)).filter((n) => n !== NAME);
      assert.ok(copy !== undefined);
      const there = await opened.other.get(copy);
      assert.ok(there !== null && Buffer.compare(there, bytes) === 0);
      const listed = (await opened.store.list(null, 10)).objects.find(({ rawName }) => rawName === copy);
      assert.ok(listed?.state.kind === 'file' && listed.state.hash === opened.hash(bytes));
    }
    assert.equal((await namesIn(opened)).length, 2);
  });
}
