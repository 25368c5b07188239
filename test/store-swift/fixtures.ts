/** Fixtures of the Swift tests: a fresh container on a real Swift, with the store under test and a raw client. */
import { createHash, randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { Turns } from '#core/turns.ts';
import type { PartSizes } from '#libs/digest/parts.ts';
import { createHttpClient, type HttpClient } from '#libs/http/client.ts';
import { createLogin } from '#libs/store-swift/session.ts';
import { openSwiftStore } from '#libs/store-swift/store.ts';
import type { Clock } from '#ports/clock.ts';
import type { Log } from '#ports/log.ts';
import type { ObjectStore, StoreCapabilities } from '#ports/object-store.ts';
import type { LargeFixture, OpenedStore } from '#test/conformance/object-store.ts';
import { openRawSwift, type RawSwift, type SwiftLogin } from './raw-swift.ts';

export const CLOCK: Clock = {
  now: Date.now,
  sleep: (ms) => delay(ms),
  random: Math.random,
  uniqueId: randomUUID,
};

export const SILENT: Log = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  child: () => SILENT,
};

export interface OpenedSwift extends OpenedStore {
  readonly other: RawSwift;
  readonly container: string;
  /** Opens one more store on the container, talking through `http`. */
  open(http: HttpClient): ObjectStore;
  readonly http: HttpClient;
}

interface Cleanup {
  after(work: () => Promise<void>): void;
}

const SEGMENT_BYTES = 256 * 1024;
const SMALL: PartSizes = { thresholdBytes: SEGMENT_BYTES, leastBytes: SEGMENT_BYTES };
const LARGE: Omit<LargeFixture, 'http' | 'open'> = {
  partBytes: SEGMENT_BYTES,
  partOf: ({ method, url }) => (method === 'PUT' ? (/-segments\/.*\/(\w+)$/.exec(url)?.[1] ?? null) : null),
  isLast: ({ url }) => url.endsWith('multipart-manifest=put'),
};

const IDENTITY = 'pair-1';
const probed = new Map<boolean, StoreCapabilities>();

export async function openSwift(t: Cleanup, login: SwiftLogin, versioning: boolean): Promise<OpenedSwift> {
  const container = `test ${randomUUID()}`;
  const http = createHttpClient({ connections: 8, timeoutMs: 30_000 });
  const other = await openRawSwift(login, container, versioning);
  t.after(async () => {
    await other.dropContainer();
    await other.close();
    await http.close();
  });
  const auth = { url: login.authUrl, credentials: async () => ({ user: login.user, key: login.key }) };
  const open = (client: HttpClient, sizes?: PartSizes): ObjectStore => {
    const capabilities = probed.get(versioning);
    const known = capabilities === undefined ? {} : { capabilities };
    return openSwiftStore({
      turns: new Turns(4),
      ...(sizes === undefined ? {} : { sizes }),
      login: createLogin(client, auth),
      container,
      pairId: 'pair-1',
      http: client,
      clock: CLOCK,
      log: SILENT,
      ...known,
    });
  };
  // Probing costs more than most tests: what the first attach of a kind found holds for the others.
  if (probed.has(versioning)) await other.createContainer(versioning, IDENTITY);
  const store = open(http);
  if (!probed.has(versioning)) await store.attach({ create: true, versioning, identity: IDENTITY });
  probed.set(versioning, store.capabilities);
  return {
    store,
    second: open(http),
    open,
    http,
    other,
    container,
    identity: IDENTITY,
    hash: (bytes) => createHash('md5').update(bytes).digest('hex'),
    // Without versions a commit has less to do, and nothing that small content does not show.
    ...(versioning ? { large: { ...LARGE, http, open: (client: HttpClient) => open(client, SMALL) } } : {}),
    unsyncableRawNames: ['/leading', 'a//b', '.', '..', 'a/../b', 'trailing/', 'new\nline', 'nul-free\u0001'],
  };
}

export type Hook = (when: { method: string; url: string; count: number }) => Promise<void>;

/** The client, with something happening before each request; `count` numbers the requests of its method from 1. */
export function hooked(http: HttpClient, before: Hook): HttpClient {
  const counts = new Map<string, number>();
  return {
    async request(request) {
      const count = (counts.get(request.method) ?? 0) + 1;
      counts.set(request.method, count);
      await before({ method: request.method, url: request.url, count });
      return http.request(request);
    },
    close: () => http.close(),
  };
}
