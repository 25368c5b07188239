/**
 * Model: two sides as plain maps and a SYNC archive, with decisions carried out by the
 * letter: the target takes the source's state, what loses goes to a conflict name. The
 * smallest world in which decisions can be seen to lose something or never to end.
 */
import { conflictName } from '#core/conflict-name.ts';
import { type Action, decide } from '#core/decide.ts';
import type { Entry } from '#core/entry.ts';
import { type Name, toName } from '#core/name.ts';
import type { Policies } from '#core/policies.ts';
import { NO_SERIAL } from '#core/serial.ts';
import { ABSENT, type LocalState, type RemoteState, type SyncState, sameContent } from '#core/state.ts';
import { LOCAL_DIRECTORY, localFile, REMOTE_DIRECTORY, remoteFile, syncFile } from './fixtures.ts';

/** What one side holds at one name: a file named by its content, or one of the other kinds. */
export type Thing = { readonly content: string; readonly mtimeNs: bigint } | 'directory' | 'unhandled';

const DISPLACED_AT = new Date('2026-11-22T21:05:06.007Z');

export class Model {
  readonly here = new Map<Name, Thing>();
  readonly upstream = new Map<Name, Thing>();
  readonly #sync = new Map<Name, SyncState>();
  /** Files whose hash the archive does not know yet. */
  readonly #unhashed = new Set<Name>();
  /** Contents that no user overwrote or deleted: they must stay somewhere. */
  readonly owed = new Set<string>();

  /** A user's act on one side. Null deletes. */
  put(side: 'here' | 'upstream', name: Name, thing: Thing | null, hashed = true): void {
    const before = this[side].get(name);
    if (isFile(before)) this.owed.delete(before.content);
    if (thing === null) this[side].delete(name);
    else this[side].set(name, thing);
    if (isFile(thing)) this.owed.add(thing.content);
    if (side === 'here' && !hashed) this.#unhashed.add(name);
  }

  /**
   * Decides and carries out every name once.
   * @returns how many names were not left alone.
   * @throws Error when a decision displaces as recoverable what SYNC does not hold.
   */
  round(policies: Policies): number {
    let moved = 0;
    const names = new Set([...this.here.keys(), ...this.upstream.keys(), ...this.#sync.keys()]);
    for (const name of names) {
      const decision = decide(this.entry(name), policies);
      if (decision.kind === 'none') continue;
      moved += 1;
      if (decision.kind === 'acknowledge') this.#sync.set(name, decision.sync);
      else this.#carryOut(name, decision.action, decision.displaced === 'conflict-copy');
    }
    this.#unhashed.clear();
    return moved;
  }

  /** Contents that are owed and nowhere to be found. */
  lost(): string[] {
    const found = new Set<string>();
    for (const thing of [...this.here.values(), ...this.upstream.values()]) {
      if (isFile(thing)) found.add(thing.content);
    }
    return [...this.owed].filter((content) => !found.has(content));
  }

  entry(name: Name): Entry {
    const local = localOf(this.here.get(name), this.#unhashed.has(name));
    const remote = remoteOf(this.upstream.get(name));
    const sync = this.#sync.get(name) ?? ABSENT;
    const serials = { localSerial: NO_SERIAL, remoteSerial: NO_SERIAL, syncSerial: NO_SERIAL };
    return { name, local, remote, sync, ...serials, decision: null, remoteHasChildren: false };
  }

  #carryOut(name: Name, action: Action, keepsLoser: boolean): void {
    const isPush = action === 'upload' || action === 'delete-remote';
    const source = isPush ? this.here : this.upstream;
    const target = isPush ? this.upstream : this.here;
    const { local, remote, sync } = this.entry(name);
    const loser = target.get(name);
    if (loser !== undefined) {
      if (keepsLoser) target.set(this.#freeConflictName(name), loser);
      else if (!sameContent(isPush ? remote : local, sync)) {
        throw new Error(`${action} would displace what was never synced`);
      }
      target.delete(name);
    }
    const winner = source.get(name);
    if (winner !== undefined) target.set(name, winner);
    this.#sync.set(name, syncOf(winner));
  }

  #freeConflictName(name: Name): Name {
    for (let attempt = 0; attempt < 100; attempt += 1) {
      const proposed = conflictName(name, DISPLACED_AT, 'model', attempt);
      if (!this.here.has(proposed) && !this.upstream.has(proposed)) return proposed;
    }
    throw new Error(`no conflict name is free for ${name}`);
  }
}

export const MODEL_NAMES = ['a', 'b.txt'].map(toName);

export function isFile(thing: Thing | null | undefined): thing is Exclude<Thing, string> {
  return typeof thing === 'object' && thing !== null;
}

function localOf(thing: Thing | undefined, unhashed: boolean): LocalState {
  if (thing === undefined) return ABSENT;
  if (thing === 'directory') return LOCAL_DIRECTORY;
  if (thing === 'unhandled') return { kind: 'unhandled', special: 'symlink', inode: 1n, mtimeNs: 0n };
  return localFile(unhashed ? null : thing.content, thing.mtimeNs);
}

function remoteOf(thing: Thing | undefined): RemoteState {
  if (thing === undefined) return ABSENT;
  if (thing === 'directory') return REMOTE_DIRECTORY;
  if (thing === 'unhandled') return { kind: 'unhandled', version: null };
  return remoteFile(thing.content, thing.mtimeNs);
}

function syncOf(thing: Thing | undefined): SyncState {
  if (thing === undefined || thing === 'unhandled') return ABSENT;
  return thing === 'directory' ? { kind: 'directory' } : syncFile(thing.content);
}
