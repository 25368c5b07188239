/**
 * Conformance of object stores: one contract, run by every adapter on its real endpoint.
 * An opener gives an attached store on a fresh container, and another writer that
 * changes things behind the store's back. What a store cannot promise it says in `capabilities`.
 */
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { type Generation, generationPlace } from '#core/generation.ts';
import { toSerial } from '#core/serial.ts';
import type { HttpClient, HttpRequest } from '#libs/http/client.ts';
import type { ObjectStore } from '#ports/object-store.ts';
import { describeGiveUp } from './object-store-give-up.ts';
import { describeLarge } from './object-store-large.ts';
import { describeListing } from './object-store-listing.ts';
import { describePull } from './object-store-pull.ts';
import { describeRaces } from './object-store-races.ts';
import { describeReading } from './object-store-reading.ts';
import { describeRemove } from './object-store-remove.ts';

/** Raw access to the same container, past the adapter under test; names are raw too. */
export interface OtherWriter {
  put(rawName: string, bytes: Uint8Array): Promise<void>;
  putDirectory(rawName: string): Promise<void>;
  /** Puts an object whose bytes are not its own; null where the store has no such thing. */
  readonly putUnhandled: ((rawName: string) => Promise<void>) | null;
  remove(rawName: string): Promise<void>;
  /** Current bytes; null when absent. */
  get(rawName: string): Promise<Uint8Array | null>;
  /** Removes the container with everything in it. */
  dropContainer(): Promise<void>;
  /** Removes it and makes an empty one of the same name, without any identity. */
  recreateContainer(): Promise<void>;
}

export interface OpenedStore {
  readonly store: ObjectStore;
  /** A second adapter on the same container, as another worker process would have. */
  readonly second: ObjectStore;
  readonly other: OtherWriter;
  /** The identity that the container was attached with. */
  readonly identity: string;
  /** Digest in the store's own algorithm. */
  hash(bytes: Uint8Array): string;
  /** How large content travels, where it does so in parts that can be counted. */
  readonly large?: LargeFixture;
  /** Why no directory can take the place of a file here, on a server that cannot help it. */
  readonly filesStayFiles?: string;
  /** Why a delete of the server itself may lose what is written at that moment, versions or not. */
  readonly losesByDelete?: string;
  /** Names that this store accepts and no folder can hold. */
  readonly unsyncableRawNames: readonly string[];
}

export interface LargeFixture {
  /** Content of more goes in parts of so many bytes, with the stores that `open` gives. */
  readonly partBytes: number;
  readonly http: HttpClient;
  /** One more worker, talking through `http`. */
  open(http: HttpClient): ObjectStore;
  /** Which part a request brings; null for all others. */
  partOf(request: HttpRequest): string | null;
  /** Whether a request makes the object of the parts that arrived. */
  isLast(request: HttpRequest): boolean;
}

/** Opens everything fresh; registers its own clean-up with `t.after`. */
export type OpenStore = (t: TestContext) => Promise<OpenedStore>;

export function describeObjectStore(label: string, open: OpenStore): void {
  describe(`${label} as object store`, () => {
    describeAttach(open);
    describeGeneration(open);
    describePull(open);
    describeRemove(open);
    describeGiveUp(open);
    describeLarge(open);
    describeReading(open);
    describeListing(open);
    describeRaces(open);
  });
}

function describeAttach(open: OpenStore): void {
  describe('attach', () => {
    it('keeps the identity that an earlier pair wrote', async (t) => {
      const { store, identity } = await open(t);
      const facts = await store.attach({ create: false, versioning: true, identity: 'later' });
      assert.equal(facts.identity, identity);
      assert.equal((await store.container()).identity, identity);
    });

    it('leaves nothing of its probing behind', async (t) => {
      const { store } = await open(t);
      assert.deepEqual((await store.list(null, 10)).objects, []);
    });

    it('refuses a missing container unless it may create it', async (t) => {
      const { store, other } = await open(t);
      await other.dropContainer();
      const options = { versioning: store.capabilities.versions, identity: 'fresh' };
      await assert.rejects(store.attach({ ...options, create: false }), { code: 'container-missing' });
      const facts = await store.attach({ ...options, create: true });
      assert.equal(facts.identity, 'fresh');
    });

    it('reports a missing container', async (t) => {
      const { store, other } = await open(t);
      await other.dropContainer();
      await assert.rejects(store.container(), { code: 'container-missing' });
    });

    it('changes the fingerprint when an object appears', async (t) => {
      const { store, other } = await open(t);
      const before = await store.container();
      await other.put('new', new Uint8Array(5));
      const after = await store.container();
      assert.notEqual(after.fingerprint, before.fingerprint);
      if (before.objects !== null) assert.ok((after.objects ?? 0) > before.objects);
    });
  });
}

function byNumber(one: Generation, other: Generation): number {
  return one.number - other.number;
}

function describeGeneration(open: OpenStore): void {
  describe('tell', () => {
    it('remembers each generation in its place, for every worker, beside the identity', async (t) => {
      const { store, second, identity } = await open(t);
      assert.deepEqual((await store.container()).generations, []);
      const kept = new Map<string, Generation>();
      for (const number of [1, 2, 4, 6]) {
        const generation = { number, serial: toSerial(BigInt(number) * 1_000n) };
        assert.equal(await store.tell(generation), true);
        kept.set(generationPlace(generation), generation);
        const facts = await second.container('newest');
        assert.deepEqual(facts.generations.toSorted(byNumber), [...kept.values()].toSorted(byNumber));
        assert.equal(facts.identity, identity);
      }
    });

    it('is forgotten by detach, and with the container', async (t) => {
      const { store, other, identity } = await open(t);
      await store.tell({ number: 1, serial: toSerial(1n) });
      await store.detach();
      await store.detach();
      const detached = await store.container('newest');
      assert.deepEqual([detached.generations, detached.identity], [[], identity]);
      await store.tell({ number: 2, serial: toSerial(2n) });
      await other.recreateContainer();
      assert.deepEqual((await store.container('newest')).generations, []);
      await other.dropContainer();
      await store.detach();
    });
  });
}
