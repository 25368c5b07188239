/** Opens an attached Swift store on a fresh model of a server, and the ways to interfere with it. */
import { createHash } from 'node:crypto';
import type { HttpClient } from '#libs/http/client.ts';
import { openModelClient } from '#libs/store-models/exchange.ts';
import {
  SWIFT_AUTH_URL,
  SWIFT_CREDENTIALS,
  SwiftServer,
  type SwiftServerOptions,
} from '#libs/store-models/swift-server.ts';
import { openSwiftStore } from '#libs/store-swift/store.ts';
import type { Clock } from '#ports/clock.ts';
import type { Log } from '#ports/log.ts';
import type { ObjectStore } from '#ports/object-store.ts';
import type { OpenedStore } from '#test/conformance/object-store.ts';
import { rawWriter } from '#test/support/raw-writer.ts';

export const CONTAINER = 'files of a user';
const IDENTITY = 'pair-1';

const nothing = (): void => undefined;
export const SILENT: Log = {
  debug: nothing,
  info: nothing,
  warn: nothing,
  error: nothing,
  child: () => SILENT,
};

/** A clock that stands still but for sleepers, who wake at once. */
export function createStillClock(): Clock & { advance(ms: number): void } {
  let now = Date.UTC(2026, 0, 1);
  let ids = 0;
  const advance = (ms: number): void => {
    now += ms;
  };
  return {
    now: () => now,
    sleep: async (ms) => advance(ms),
    random: () => 0.5,
    uniqueId: () => `id-${++ids}`,
    advance,
  };
}

export interface OpenedSwiftModel extends OpenedStore {
  readonly server: SwiftServer;
  readonly clock: ReturnType<typeof createStillClock>;
  /** Opens one more store on the container, talking through `http`. */
  open(http: HttpClient): ObjectStore;
}

export interface SwiftModelTestOptions extends Partial<SwiftServerOptions> {
  readonly versioned?: boolean;
}

export async function openSwiftModel(options: SwiftModelTestOptions = {}): Promise<OpenedSwiftModel> {
  const { versioned = true, ...server } = options;
  const clock = createStillClock();
  const model = new SwiftServer({ clock, ...server });
  const auth = { url: SWIFT_AUTH_URL, credentials: async () => SWIFT_CREDENTIALS };
  const first = openSwiftStore({
    auth,
    container: CONTAINER,
    http: openModelClient(model),
    clock,
    log: SILENT,
  });
  await first.attach({ create: true, versioning: versioned, identity: IDENTITY });
  const open = (http: HttpClient): ObjectStore =>
    openSwiftStore({
      auth,
      container: CONTAINER,
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
    hash: (bytes) => createHash('md5').update(bytes).digest('hex'),
    unsyncableRawNames: ['/leading', 'a//b', 'trailing/', 'new\nline', 'nul-free\u0001'],
    other: rawWriter(model.raw(CONTAINER), {
      drop: () => model.dropContainer(CONTAINER),
      create: () => model.createContainer(CONTAINER, { versioned }),
    }),
  };
}
