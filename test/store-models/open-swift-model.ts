/** Opens an attached Swift store on a fresh model of a server, and the ways to interfere with it. */
import { createHash } from 'node:crypto';
import { Turns } from '#core/turns.ts';
import type { PartSizes } from '#libs/digest/parts.ts';
import type { HttpClient } from '#libs/http/client.ts';
import { openModelClient } from '#libs/store-models/exchange.ts';
import {
  SWIFT_AUTH_URL,
  SWIFT_CREDENTIALS,
  SwiftModel,
  type SwiftModelOptions,
} from '#libs/store-models/swift-model.ts';
import { createLogin } from '#libs/store-swift/session.ts';
import { openSwiftStore } from '#libs/store-swift/store.ts';
import type { ObjectStore } from '#ports/object-store.ts';
import type { LargeFixture, OpenedStore } from '#test/conformance/object-store.ts';
import { rawWriter } from '#test/support/raw-writer.ts';
import { createStillClock, SILENT, type StillClock } from './still-clock.ts';

export const CONTAINER = 'files of a user';
const IDENTITY = 'pair-1';

const SEGMENT_BYTES = 256 * 1024;
const SMALL: PartSizes = { thresholdBytes: SEGMENT_BYTES, leastBytes: SEGMENT_BYTES };
const LARGE: Omit<LargeFixture, 'http' | 'open'> = {
  partBytes: SEGMENT_BYTES,
  partOf: ({ method, url }) => (method === 'PUT' ? (/-segments\/.*\/(\w+)$/.exec(url)?.[1] ?? null) : null),
  isLast: ({ url }) => url.endsWith('multipart-manifest=put'),
};

export interface OpenedSwiftModel extends OpenedStore {
  readonly server: SwiftModel;
  readonly clock: StillClock;
  /** Opens one more store on the container, talking through `http`. */
  open(http: HttpClient): ObjectStore;
}

export interface SwiftModelTestOptions extends Partial<SwiftModelOptions> {
  readonly versioned?: boolean;
}

export async function openSwiftModel(options: SwiftModelTestOptions = {}): Promise<OpenedSwiftModel> {
  const { versioned = true, ...server } = options;
  const clock = createStillClock();
  const model = new SwiftModel({ clock, ...server });
  const auth = { url: SWIFT_AUTH_URL, credentials: async () => SWIFT_CREDENTIALS };
  const client = openModelClient(model);
  const first = openSwiftStore({
    turns: new Turns(4),
    login: createLogin(client, auth),
    container: CONTAINER,
    pairId: 'pair-1',
    http: client,
    clock,
    log: SILENT,
  });
  await first.attach({ create: true, versioning: versioned, identity: IDENTITY });
  const open = (http: HttpClient, sizes?: PartSizes): ObjectStore =>
    openSwiftStore({
      ...(sizes === undefined ? {} : { sizes }),
      turns: new Turns(4),
      login: createLogin(http, auth),
      container: CONTAINER,
      pairId: 'pair-1',
      http,
      clock,
      log: SILENT,
      capabilities: first.capabilities,
    });
  return {
    store: first,
    second: open(openModelClient(model)),
    open,
    server: model,
    clock,
    identity: IDENTITY,
    ...(first.capabilities.resumesUploads
      ? { large: { ...LARGE, http: client, open: (http: HttpClient) => open(http, SMALL) } }
      : {}),
    hash: (bytes) => createHash('md5').update(bytes).digest('hex'),
    unsyncableRawNames: ['/leading', 'a//b', 'trailing/', 'new\nline', 'nul-free\u0001'],
    other: rawWriter(model.raw(CONTAINER), {
      drop: () => model.dropContainer(CONTAINER),
      create: () => model.createContainer(CONTAINER, { versioned }),
    }),
  };
}
