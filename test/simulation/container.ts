/**
 * Container: the upstream side of a simulated world: a model of a store, the adapters that processes open on it, and
 * raw access past all of them, for its users and the checker.
 */
import { Turns } from '#core/turns.ts';
import type { HttpClient } from '#libs/http/client.ts';
import { createMemoryContainer, openMemoryStore } from '#libs/memory/object-store.ts';
import type { RawStore } from '#libs/memory/raw-store.ts';
import { atOnce, type Step } from '#libs/memory/step.ts';
import { type FaultPlan, type ModelServer, openModelClient } from '#libs/store-models/exchange.ts';
import { PITHOS_AUTH_URL, PITHOS_TOKEN, PithosModel } from '#libs/store-models/pithos-model.ts';
import { SWIFT_AUTH_URL, SWIFT_CREDENTIALS, SwiftModel } from '#libs/store-models/swift-model.ts';
import { createSessions } from '#libs/store-pithos/auth.ts';
import { openPithosStore } from '#libs/store-pithos/store.ts';
import { createLogin } from '#libs/store-swift/session.ts';
import { openSwiftStore } from '#libs/store-swift/store.ts';
import type { Clock } from '#ports/clock.ts';
import type { Log } from '#ports/log.ts';
import type { ObjectStore } from '#ports/object-store.ts';
import type { StoreWorld } from './scenario.ts';

export interface SimContainer {
  readonly identity: string;
  readonly raw: RawStore;
  /** Whether what is displaced can be read as a version afterwards. */
  readonly keepsVersions: boolean;
  /** The adapter that a process uses. */
  open(user: StoreUser): ObjectStore;
  /** From now on the server works in turns of its own. */
  begin(step: Step): void;
  /** Listings know everything that has happened. */
  settle(): void;
  /** Every client must log in again. */
  expireTokens(): void;
  /** Parts of large content that nothing keeps, though something readable is made of them. */
  unkeptParts(): readonly string[];
  /** Names that the store takes and no folder can hold. */
  readonly oddNames: readonly string[];
}

export interface StoreUser {
  readonly clock: Clock;
  readonly step: Step;
  readonly log: Log;
  readonly fault: FaultPlan;
}

export interface ContainerOptions {
  readonly clock: Clock;
  readonly log: Log;
  /** Milliseconds until a listing learns of a change. */
  readonly lag: () => number;
  /** Content of more goes up in parts of so many bytes where the store takes parts. */
  readonly partBytes: number;
}

const CONTAINER = 'container';
const PAIR_ID = 'pair-uid';
const IDENTITY = 'pair-1';
/** So that contents of a few bytes have more than one block. */
const BLOCK_SIZE = 16;
const ODD_NAMES = ['/leading', 'a//b', 'd//x', 'trailing/'];

export async function createContainer(kind: StoreWorld, options: ContainerOptions): Promise<SimContainer> {
  switch (kind) {
    case 's3':
      return s3Container(options);
    case 'swift':
      return swiftContainer(options, true);
    case 'careless':
      return swiftContainer(options, false);
    case 'pithos':
      return pithosContainer(options);
  }
}

/** Strong listings, conditional writes, versions. */
function s3Container({ clock }: ContainerOptions): SimContainer {
  const container = createMemoryContainer(clock);
  container.identity = IDENTITY;
  return {
    identity: IDENTITY,
    raw: container,
    keepsVersions: true,
    open: ({ step }) => openMemoryStore(container, step),
    begin: () => {},
    settle: () => {},
    expireTokens: () => {},
    unkeptParts: () => [],
    oddNames: ODD_NAMES,
  };
}

/** @param keepsVersions false: neither versions nor preconditions, as a store that ignores what it does not know. */
async function swiftContainer(options: ContainerOptions, keepsVersions: boolean): Promise<SimContainer> {
  const { clock, lag } = options;
  const server = new ServerTurns();
  const model = new SwiftModel({
    clock,
    step: server.step,
    lag,
    versioning: keepsVersions ? 'offered' : 'refused',
    writeConditions: keepsVersions ? 'checked' : 'ignored',
    largeObjects: keepsVersions ? 'made' : 'unknown',
  });
  const auth = { url: SWIFT_AUTH_URL, credentials: async () => SWIFT_CREDENTIALS };
  const opened = await attached(model, options, keepsVersions, (http, user, known) =>
    openSwiftStore({
      turns: new Turns(4),
      login: createLogin(http, auth),
      container: CONTAINER,
      pairId: PAIR_ID,
      http,
      clock: user.clock,
      log: user.log,
      sizes: { thresholdBytes: options.partBytes, leastBytes: options.partBytes },
      ...known,
    }),
  );
  return {
    ...opened,
    raw: model.raw(CONTAINER),
    keepsVersions,
    begin: (step) => server.begin(step),
    settle: () => model.settle(),
    expireTokens: () => model.expireTokens(),
    unkeptParts: () => model.unkeptSegments(CONTAINER),
  };
}

async function pithosContainer(options: ContainerOptions): Promise<SimContainer> {
  const server = new ServerTurns();
  const model = new PithosModel({ clock: options.clock, step: server.step, blockSize: BLOCK_SIZE });
  model.createContainer(CONTAINER, { versioning: 'auto' });
  const credentials = async () => ({ token: PITHOS_TOKEN, user: null });
  const opened = await attached(model, options, true, (http, user, known) => {
    const { clock, log } = user;
    return openPithosStore({
      sessions: createSessions(http, PITHOS_AUTH_URL, credentials),
      container: CONTAINER,
      pairId: PAIR_ID,
      http,
      clock,
      log,
      ...known,
    });
  });
  return {
    ...opened,
    raw: model.raw(CONTAINER),
    keepsVersions: true,
    begin: (step) => server.begin(step),
    settle: () => {},
    expireTokens: () => {},
    unkeptParts: () => [],
  };
}

/** Turns of a server, which works at once until the run begins. */
class ServerTurns {
  #turn: Step = atOnce;
  readonly step: Step = (verb, subject, effect) => this.#turn(verb, subject, effect);

  begin(step: Step): void {
    this.#turn = step;
  }
}

type Open = (
  http: HttpClient,
  user: Pick<StoreUser, 'clock' | 'log'>,
  known: Partial<Pick<ObjectStore, 'capabilities'>>,
) => ObjectStore;

async function attached(
  model: ModelServer,
  options: ContainerOptions,
  versioning: boolean,
  open: Open,
): Promise<Pick<SimContainer, 'identity' | 'open' | 'oddNames'>> {
  const store = open(openModelClient(model), options, {});
  await store.attach({ create: true, versioning, identity: IDENTITY });
  const { capabilities } = store;
  return {
    identity: IDENTITY,
    open: (user) => open(openModelClient(model, user), user, { capabilities }),
    oddNames: ODD_NAMES,
  };
}
