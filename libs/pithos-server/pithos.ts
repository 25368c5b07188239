// What all request handlers share: the stores, the switches of the simulated
// deployment, and the one way to write.

import { BlockStore } from './block-store.ts';
import type { Container, Versioning } from './container.ts';
import { Fault } from './fault.ts';
import type { PithosRequest, RequestInfo } from './request.ts';
import type { Tables } from './tables.ts';
import type { Clock } from './timestamps.ts';
import { type Version, VersionStore } from './version-store.ts';

export interface Settings {
  /** PITHOS_UPDATE_MD5: ETags and preconditions use the MD5 instead of the Merkle hash. */
  md5Mode: boolean;
  /** Largest and default listing page. */
  pageCap: number;
  /** Policy of containers created without a policy header. */
  defaultVersioning: Versioning;
  /** MOVE replies `([983L], 0, 0)` instead of `([983], 0, 0)`. */
  longSerials: boolean;
}

export interface Hooks {
  /** Runs after the precondition check and before the lock: the place to inject a racing write. */
  readonly beforeLock?: (info: RequestInfo) => void | Promise<void>;
  /** Runs while the container locks are held, as a slow quota service would. */
  readonly underLock?: (info: RequestInfo) => void | Promise<void>;
  /** Runs in an unpinned GET after the headers were read and before the body is. */
  readonly betweenReads?: (info: RequestInfo) => Promise<void> | undefined;
}

/**
 * How a write gets its turn after the early look: the named containers are its own while the
 * work runs, which is all or nothing and does not wait.
 */
export type Turns = <T>(info: RequestInfo, containers: readonly string[], work: () => T) => Promise<T>;

export interface Pithos {
  readonly tables: Tables;
  readonly versions: VersionStore;
  readonly blocks: BlockStore;
  readonly turns: Turns;
  readonly blockSize: number;
  readonly clock: Clock;
  readonly newUuid: () => string;
  readonly settings: Settings;
  /** Replaceable at run time. */
  hooks: Hooks;
}

export type PithosParts = Pick<Pithos, 'tables' | 'turns' | 'blockSize' | 'clock' | 'newUuid'>;

export function joinPithos(parts: PithosParts, hooks: Hooks = {}): Pithos {
  return {
    ...parts,
    versions: new VersionStore(parts.tables, parts.newUuid),
    blocks: new BlockStore(parts.tables.blocks),
    hooks,
    settings: { md5Mode: false, pageCap: 10_000, defaultVersioning: 'auto', longSerials: false },
  };
}

export function requireContainer(pithos: Pithos, account: string, name: string): Container {
  const container = pithos.tables.containers.find(account, name);
  if (container === undefined) throw new Fault(404, 'Container does not exist');
  return container;
}

/** What the ETag header shows and preconditions compare. */
export function etagOf(pithos: Pithos, version: Version): string {
  return pithos.settings.md5Mode ? version.md5 : version.hash;
}

/** Commits the work on the named containers of the account. */
export function commit<T>(
  pithos: Pithos,
  request: PithosRequest,
  names: readonly string[],
  work: (containers: readonly Container[]) => T,
): Promise<T> {
  const account = request.target.account;
  const addresses = names.map((name) => `${account}/${name}`);
  return pithos.turns(request.info, addresses, () =>
    work(names.map((name) => requireContainer(pithos, account, name))),
  );
}

/** Called inside the transaction after a write that may have grown the container: the fault undoes it. */
export function checkQuota(pithos: Pithos, before: Container): void {
  const now = requireContainer(pithos, before.account, before.name);
  if (now.quota > 0 && now.objectBytes > before.objectBytes && now.objectBytes > now.quota) {
    throw new Fault(413, 'Container quota exceeded');
  }
}
