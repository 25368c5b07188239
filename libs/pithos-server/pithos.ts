// What all request handlers share: the stores, the switches of the simulated
// deployment, and the one way to write, which first lets a test interfere,
// then takes the container locks, then runs a single transaction.

import { join } from 'node:path';
import { BlockStore } from './block-store.ts';
import { type Container, ContainerStore, type Versioning } from './container-store.ts';
import { Database } from './database.ts';
import { Fault } from './fault.ts';
import { Locks } from './locks.ts';
import type { PithosRequest, RequestInfo } from './request.ts';
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
  readonly betweenReads?: (info: RequestInfo) => void | Promise<void>;
}

export interface Pithos {
  readonly db: Database;
  readonly containers: ContainerStore;
  readonly versions: VersionStore;
  readonly blocks: BlockStore;
  readonly locks: Locks;
  readonly blockSize: number;
  readonly clock: Clock;
  readonly settings: Settings;
  /** Replaceable at run time. */
  hooks: Hooks;
}

export interface PithosOptions {
  readonly dir: string;
  readonly blockSize: number;
  readonly clock: Clock;
  readonly hooks: Hooks;
}

export function openPithos(options: PithosOptions): Pithos {
  const db = new Database(options.dir);
  return {
    db,
    containers: new ContainerStore(db),
    versions: new VersionStore(db),
    blocks: new BlockStore(db.raw, join(options.dir, 'blocks')),
    locks: new Locks(),
    blockSize: options.blockSize,
    clock: options.clock,
    hooks: options.hooks,
    settings: { md5Mode: false, pageCap: 10_000, defaultVersioning: 'auto', longSerials: false },
  };
}

export function requireContainer(pithos: Pithos, account: string, name: string): Container {
  const container = pithos.containers.find(account, name);
  if (container === undefined) throw new Fault(404, 'Container does not exist');
  return container;
}

/** What the ETag header shows and preconditions compare. */
export function etagOf(pithos: Pithos, version: Version): string {
  return pithos.settings.md5Mode ? version.md5 : version.hash;
}

/** Locks the named containers of the account and commits the work as one transaction. */
export async function commit<T>(
  pithos: Pithos,
  request: PithosRequest,
  names: readonly string[],
  work: (containers: readonly Container[]) => T,
): Promise<T> {
  const account = request.target.account;
  await pithos.hooks.beforeLock?.(request.info);
  return pithos.locks.hold(
    names.map((name) => `${account}/${name}`),
    async () => {
      await pithos.hooks.underLock?.(request.info);
      return pithos.db.transaction(() => work(names.map((name) => requireContainer(pithos, account, name))));
    },
  );
}

/** Called inside the transaction after a write that may have grown the container: the fault undoes it. */
export function checkQuota(pithos: Pithos, before: Container): void {
  const now = requireContainer(pithos, before.account, before.name);
  if (now.quota > 0 && now.objectBytes > before.objectBytes && now.objectBytes > now.quota) {
    throw new Fault(413, 'Container quota exceeded');
  }
}
