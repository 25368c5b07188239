// The remote control of a running server, used in process by tests and over
// HTTP (`/_control`) when the server is a process of its own. Direct writes
// skip authentication, preconditions and locks: they are the racing writer.

import type { Identity } from './auth.ts';
import type { Policy } from './container.ts';
import { cutIntoBlocks } from './hash.ts';
import type { Injector, Rule } from './inject.ts';
import { type Hooks, type Pithos, requireContainer, type Settings } from './pithos.ts';
import type { Counters, Stats } from './stats.ts';
import type { Meta, Version } from './version-store.ts';

export interface DirectWrite {
  readonly contentType?: string;
  readonly meta?: Meta;
  readonly author?: string;
}

export interface Control {
  /** Adds a fault; the returned function takes it back. */
  inject(rule: Rule): () => void;
  clearRules(): void;
  pendingRules(): Rule[];
  stats(): Stats;
  resetStats(): void;
  /** The token stays known but answers 401 from now on. */
  expireToken(token: string): void;
  revokeToken(token: string): void;
  /** Issues a token; the user's earlier ones become unknown. */
  renewToken(userId: string, token: string, lifetimeSeconds?: number): void;
  set(settings: Partial<Settings>): void;
  setPageCap(objects: number): void;
  setHooks(hooks: Hooks): void;
  /** Moves the server's clock, both ways, relative to its own; replaces an earlier skew. */
  skewClock(micros: number): void;
  /** Creates the container unless it exists; an existing one keeps its policy. */
  ensureContainer(account: string, name: string, policy?: Partial<Policy>): void;
  putObject(
    account: string,
    container: string,
    path: string,
    content: Uint8Array | string,
    how?: DirectWrite,
  ): Version;
  /** False when there was nothing to delete. */
  deleteObject(account: string, container: string, path: string): boolean;
  /** Makes a stored block disappear: hash maps with it get 409, reads break off. */
  loseBlock(hash: string): void;
  /** One commit for many direct writes. */
  transaction<T>(work: () => T): T;
}

export interface ControlParts {
  readonly pithos: Pithos;
  readonly identity: Identity;
  readonly injector: Injector;
  readonly counters: Counters;
  readonly skewClock: (micros: number) => void;
}

export function createControl(parts: ControlParts): Control {
  const { pithos, identity, injector, counters } = parts;
  return {
    inject: (rule) => injector.add(rule),
    clearRules: () => injector.clear(),
    pendingRules: () => injector.pending(),
    stats: () => counters.read(),
    resetStats: () => counters.reset(),
    expireToken: (token) => identity.expire(token),
    revokeToken: (token) => identity.revoke(token),
    renewToken: (userId, token, lifetimeSeconds) => identity.renew(userId, token, lifetimeSeconds),
    set: (settings) => void Object.assign(pithos.settings, settings),
    setPageCap: (objects) => void Object.assign(pithos.settings, { pageCap: objects }),
    setHooks: (hooks) => {
      pithos.hooks = hooks;
    },
    skewClock: parts.skewClock,
    ensureContainer: (account, name, policy) => {
      if (pithos.tables.containers.find(account, name) !== undefined) return;
      const full = { versioning: pithos.settings.defaultVersioning, quota: 0, project: account, ...policy };
      pithos.tables.containers.create(account, name, full, {}, pithos.clock());
    },
    putObject: (account, container, path, content, how) =>
      putDirectly(pithos, { account, container, path }, content, how ?? {}),
    deleteObject: (account, container, path) =>
      pithos.versions.remove(requireContainer(pithos, account, container), path, account, pithos.clock()),
    loseBlock: (hash) => pithos.blocks.lose(hash),
    transaction: (work) => pithos.tables.transaction(work),
  };
}

interface Address {
  readonly account: string;
  readonly container: string;
  readonly path: string;
}

/** Writes past authentication, preconditions and locks. */
export function putDirectly(
  pithos: Pithos,
  to: Address,
  content: Uint8Array | string,
  how: DirectWrite,
): Version {
  const bytes = typeof content === 'string' ? Buffer.from(content) : content;
  const leaves = cutIntoBlocks(bytes, pithos.blockSize).map((block) => pithos.blocks.put(block));
  const draft = {
    path: to.path,
    hash: pithos.versions.saveMap(leaves),
    bytes: bytes.length,
    type: how.contentType ?? 'application/octet-stream',
    md5: '',
    author: how.author ?? to.account,
    meta: how.meta ?? {},
  };
  return pithos.versions.write(requireContainer(pithos, to.account, to.container), draft, pithos.clock());
}

const COMMANDS: Readonly<Record<string, (control: Control, value: unknown) => void>> = {
  inject: (control, value) => {
    for (const rule of [value].flat()) control.inject(rule as Rule);
  },
  clearRules: (control) => control.clearRules(),
  resetStats: (control) => control.resetStats(),
  expireToken: (control, value) => control.expireToken(String(value)),
  revokeToken: (control, value) => control.revokeToken(String(value)),
  renewToken: (control, value) => {
    const { userId, token } = value as { userId: string; token: string };
    control.renewToken(userId, token);
  },
  set: (control, value) => control.set(value as Partial<Settings>),
  skewClock: (control, value) => control.skewClock(Number(value)),
  loseBlock: (control, value) => control.loseBlock(String(value)),
};

/** Runs a posted command object, such as `{"inject": {...}}`; a bare rule or an array of rules injects them. */
export function runCommands(control: Control, posted: unknown): void {
  const isRules =
    Array.isArray(posted) || (typeof posted === 'object' && posted !== null && 'action' in posted);
  const commands = isRules ? { inject: posted } : posted;
  if (typeof commands !== 'object' || commands === null) throw new Error('commands must be an object');
  for (const [name, value] of Object.entries(commands)) {
    const run = COMMANDS[name];
    if (run === undefined)
      throw new Error(`unknown command ${name}; known: ${Object.keys(COMMANDS).join(', ')}`);
    run(control, value);
  }
}
