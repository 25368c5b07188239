/**
 * Sides: builds the adapters of a pair from its record. The one place that maps a store's
 * kind to its adapter. Adapters are kept per pair until its record changes; they hold no
 * connection of their own, so keeping many is cheap.
 */
import { realpath, stat } from 'node:fs/promises';
import { Turns } from '#core/turns.ts';
import { excludeRules } from '#libs/exclusions/rules.ts';
import { createHttpClient, type HttpClient } from '#libs/http/client.ts';
import { pacedHttp } from '#libs/http/paced.ts';
import { openLocalFolder } from '#libs/store-local/local-folder.ts';
import { createSessions, type Sessions } from '#libs/store-pithos/auth.ts';
import { openPithosStore } from '#libs/store-pithos/store.ts';
import type { S3Endpoint } from '#libs/store-s3/endpoint.ts';
import { AccessDenied } from '#libs/store-s3/failures.ts';
import { openS3Store } from '#libs/store-s3/store.ts';
import type { CatalogChoice } from '#libs/store-swift/auth-keystone.ts';
import { createLogin, type Login } from '#libs/store-swift/session.ts';
import { openSwiftStore } from '#libs/store-swift/store.ts';
import type { Clock } from '#ports/clock.ts';
import { asHoldfastError, HoldfastError } from '#ports/errors.ts';
import type { Log } from '#ports/log.ts';
import type { ObjectStore } from '#ports/object-store.ts';
import type { Pair, StoreRecord } from '#ports/pair.ts';
import type { PairSides, Sides } from '#ports/sides.ts';
import type { FleetLimits } from '#steps/fleet-limits.ts';
import { type ReadVariable, readSecret } from './secrets.ts';

export interface SidesOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly readVariable: ReadVariable;
  readonly limits: Pick<FleetLimits, 'gate'>;
  /** Connections per store host; requests beyond them wait. */
  readonly connections: number;
}

/** A store that says nothing for this long has failed the request, not the pair. */
const STORE_TIMEOUT_MS = 60_000;

/**
 * Parts of large content that a process has under way at once, of all its transfers together. Each holds a few chunks
 * of a mebibyte, and a connection; more are no faster, as a few streams fill a line.
 */
const PARTS_IN_FLIGHT = 8;

interface SharedOptions extends SidesOptions {
  readonly turns: Turns;
}

/** Logins by the account they open: all its pairs share one. */
interface Logins {
  readonly pithos: (store: StoreAccount) => Sessions;
  readonly swift: (store: StoreAccount) => Login;
}

type StoreAccount = Pick<StoreRecord, 'url' | 'secret' | 'options'>;

export function createSides(options: SidesOptions): Sides {
  const http = createHttpClient({
    connections: options.connections,
    timeoutMs: STORE_TIMEOUT_MS,
    log: options.log,
  });
  const logins = createLogins(http, options);
  const shared = { ...options, turns: new Turns(PARTS_IN_FLIGHT) };
  const kept = new Map<number, { readonly revision: number; readonly sides: PairSides }>();
  return {
    resolveFolder,
    openNew: (pair) => Promise.resolve(buildSides(pair, http, logins, shared)),
    open: (pair) => {
      const known = kept.get(pair.id);
      if (known !== undefined && known.revision === pair.revision) return Promise.resolve(known.sides);
      const sides = buildSides(pair, http, logins, shared);
      kept.set(pair.id, { revision: pair.revision, sides });
      return Promise.resolve(sides);
    },
    login: async (store) => {
      const container = `holdfast-login-${options.clock.uniqueId()}`;
      const draft = { store: { id: 0, ...store }, container, uid: container, capabilities: null };
      const opened = buildStore(draft, http, createLogins(http, options), shared);
      try {
        await opened.container();
      } catch (thrown) {
        // Keys of S3 may be good for buckets that are named to them, and for no other.
        const isAnswer =
          thrown instanceof AccessDenied || asHoldfastError(thrown).code === 'container-missing';
        if (!isAnswer) throw thrown;
      } finally {
        await opened.close();
      }
    },
    close: async () => {
      for (const { sides } of kept.values()) {
        await sides.folder.close();
        await sides.store.close();
      }
      kept.clear();
      await http.close();
    },
  };
}

function createLogins(http: HttpClient, { readVariable }: SidesOptions): Logins {
  const sharedBy = <Made>(make: (store: StoreAccount) => Made): ((store: StoreAccount) => Made) => {
    const made = new Map<string, Made>();
    return (store) => {
      const { url, secret, options } = store;
      const account = JSON.stringify([url, secret, options]);
      const known = made.get(account) ?? make(store);
      made.set(account, known);
      return known;
    };
  };
  return {
    pithos: sharedBy(({ url, secret }) =>
      createSessions(http, url, async () => pithosCredentials(await readSecret(secret, readVariable))),
    ),
    swift: sharedBy(({ url, secret, options }) =>
      createLogin(http, {
        url,
        credentials: () => readSecret(secret, readVariable),
        ...catalogChoice(options),
      }),
    ),
  };
}

function buildSides(pair: Pair, http: HttpClient, logins: Logins, options: SharedOptions): PairSides {
  const { clock, log } = options;
  return {
    folder: openLocalFolder({ root: pair.folder, pairId: pair.uid, clock, log }),
    store: buildStore(pair, pacedHttp(http, options.limits.gate(pair.store.id, pair.id)), logins, options),
    isExcluded: excludeRules({ excludes: pair.excludes, ignoreText: pair.ignoreText }),
  };
}

function buildStore(
  pair: Pick<Pair, 'store' | 'container' | 'uid' | 'capabilities'>,
  http: HttpClient,
  logins: Logins,
  { clock, log, readVariable, turns }: SharedOptions,
): ObjectStore {
  const { store, container } = pair;
  const known = pair.capabilities === null ? {} : { capabilities: pair.capabilities };
  switch (store.kind) {
    case 'pithos':
      return openPithosStore({
        sessions: logins.pithos(store),
        container,
        pairId: pair.uid,
        http,
        log,
        clock,
        ...known,
      });
    case 'swift': {
      const login = logins.swift(store);
      return openSwiftStore({ login, container, pairId: pair.uid, http, clock, log, turns, ...known });
    }
    case 's3':
      return openS3Store({
        endpoint: s3Endpoint(store),
        credentials: () => readSecret(store.secret, readVariable),
        bucket: container,
        pairId: pair.uid,
        writeHeaders: headersAmong(store.options),
        turns,
        http,
        clock,
        log,
        ...known,
      });
  }
}

function catalogChoice(options: Readonly<Record<string, string>>): Partial<CatalogChoice> {
  const region = options['region'];
  const face = options['interface'];
  if (face !== undefined && face !== 'public' && face !== 'internal' && face !== 'admin') {
    throw new HoldfastError(
      'configuration-invalid',
      `a store's interface cannot be "${face}"; choose public, internal or admin`,
    );
  }
  return { ...(region === undefined ? {} : { region }), ...(face === undefined ? {} : { interface: face }) };
}

/** Amazon's own endpoints want the bucket in the host's name; most others have no names for that. */
function s3Endpoint({ url, options }: StoreRecord): S3Endpoint {
  const { hostname } = new URL(url);
  const isAmazon = hostname.endsWith('.amazonaws.com') || hostname.endsWith('.amazonaws.com.cn');
  const said = options['addressing'];
  const addressing = said === 'path' || said === 'virtual' ? said : isAmazon ? 'virtual' : 'path';
  // `s3.eu-central-1.amazonaws.com` names the region itself.
  const named = isAmazon
    ? /(?:^|\.)s3[.-](?:dualstack\.)?([a-z0-9-]+)\.amazonaws\./.exec(hostname)?.[1]
    : undefined;
  return { url, region: options['region'] ?? named ?? 'us-east-1', addressing };
}

/** What is sent with every write, such as how the store shall encrypt it. */
function headersAmong(options: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(options).filter(([key]) => key.startsWith('x-amz-')));
}

function pithosCredentials(secret: Readonly<Record<string, unknown>>): {
  readonly token: string;
  readonly user: string | null;
} {
  const { token, user } = secret;
  if (typeof token !== 'string' || token === '') {
    throw new HoldfastError(
      'secret-missing',
      'the secret of a Pithos store needs a "token", or is the bare token',
    );
  }
  return { token, user: typeof user === 'string' && user !== '' ? user : null };
}

async function resolveFolder(folder: string): Promise<string> {
  try {
    const real = await realpath(folder);
    if ((await stat(real)).isDirectory()) return real;
  } catch (thrown) {
    const code = (thrown as NodeJS.ErrnoException).code;
    if (code === 'ENOENT') {
      throw new HoldfastError(
        'folder-missing',
        `there is no folder ${folder}; create it first: mkdir -p '${folder}'`,
      );
    }
    throw new HoldfastError(
      'folder-denied',
      `folder ${folder} cannot be reached (${code ?? 'unknown'}); check its permissions and that its volume is mounted`,
    );
  }
  throw new HoldfastError(
    'folder-missing',
    `${folder} is a file, not a folder; give the folder that shall be synced`,
  );
}
