// Objects as version rows. Every change of an object appends a row with the
// next serial of one global sequence; the row it supersedes turns into history
// (policy auto) or is removed at once (policy none). Deletion appends a marker.

import { EMPTY_HASH, merkleHash } from './hash.ts';
import { CLUSTER, type NameRange, type Tables } from './tables.ts';

export type Meta = Readonly<Record<string, string>>;

export interface Version {
  readonly serial: number;
  readonly path: string;
  /** Merkle hash; empty on a deletion marker. */
  readonly hash: string;
  readonly bytes: number;
  readonly type: string;
  readonly uuid: string;
  /** Empty when never computed. */
  readonly md5: string;
  /** Epoch microseconds. */
  readonly mtime: number;
  readonly cluster: number;
  readonly author: string;
  /** JSON object of full header names. */
  readonly meta: string;
}

export interface VersionDraft {
  readonly path: string;
  readonly hash: string;
  readonly bytes: number;
  readonly type: string;
  readonly md5: string;
  readonly author: string;
  readonly meta: Meta;
  /** Given by MOVE (the source's) and COPY (a new one); otherwise an overwrite keeps the one in place. */
  readonly uuid?: string;
}

interface ContainerRef {
  readonly id: number;
  readonly versioning: string;
}

/** The first text after all texts with this (non-empty) prefix, in byte order. */
export function endOfPrefix(prefix: string): string {
  const points = [...prefix];
  const last = points.pop()!.codePointAt(0)!;
  // Surrogates are no characters of their own, so the one after U+D7FF is U+E000.
  return points.join('') + String.fromCodePoint(last === 0xd7ff ? 0xe000 : last + 1);
}

export class VersionStore {
  readonly #tables: Tables;
  readonly #newUuid: () => string;

  constructor(tables: Tables, newUuid: () => string) {
    this.#tables = tables;
    this.#newUuid = newUuid;
  }

  current(container: number, path: string): Version | undefined {
    return this.#tables.versions.current(container, path);
  }

  /** A readable version, current or superseded; deletion markers are not readable. */
  bySerial(container: number, path: string, serial: number): Version | undefined {
    return this.#tables.versions.readable(container, path, serial);
  }

  /** When the path last changed, deletion included; undefined when nothing is known of the path. */
  lastChange(container: number, path: string): number | undefined {
    return this.#tables.versions.newest(container, path)?.mtime;
  }

  readable(container: number, path: string): Version[] {
    return this.#tables.versions.history(container, path);
  }

  page(range: NameRange, limit: number): Version[] {
    return this.#tables.versions.page(range, limit);
  }

  /** Current paths that start with the prefix, in byte order; all with an empty one. */
  pathsUnder(container: number, prefix: string): string[] {
    const end = prefix === '' ? undefined : endOfPrefix(prefix);
    const range = { container, after: '', from: prefix, end, until: undefined };
    return this.page(range, -1).map((version) => version.path);
  }

  write(container: ContainerRef, draft: VersionDraft, mtime: number): Version {
    return this.#tables.transaction(() => {
      const superseded = this.current(container.id, draft.path);
      if (superseded !== undefined) this.#supersede(container, superseded);
      const uuid = draft.uuid ?? superseded?.uuid ?? this.#newUuid();
      const row = { ...draft, uuid, meta: JSON.stringify(draft.meta), mtime, cluster: CLUSTER.current };
      const serial = this.#tables.versions.insert(container.id, row);
      const added = superseded === undefined ? 1 : 0;
      this.#account(container.id, added, draft.bytes - (superseded?.bytes ?? 0), mtime);
      return { ...row, serial };
    });
  }

  /** False when there is no current object to delete. */
  remove(container: ContainerRef, path: string, author: string, mtime: number): boolean {
    return this.#tables.transaction(() => {
      const current = this.current(container.id, path);
      if (current === undefined) return false;
      this.#supersede(container, current);
      const nothing = { hash: '', bytes: 0, type: '', md5: '', meta: '{}' };
      const marker = { ...nothing, path, author, uuid: current.uuid, mtime, cluster: CLUSTER.deleted };
      this.#tables.versions.insert(container.id, marker);
      this.#account(container.id, -1, -current.bytes, mtime);
      return true;
    });
  }

  /** Forgets all versions of a path up to a time, the current one included. */
  purgePath(container: number, path: string, until: number, mtime: number): void {
    this.#tables.transaction(() => {
      const current = this.current(container, path);
      this.#tables.versions.removePath(container, path, until);
      if (current !== undefined && current.mtime <= until) {
        this.#account(container, -1, -current.bytes, mtime);
      }
    });
  }

  /** Forgets superseded versions and deletion markers up to a time; current objects stay. */
  purgeHistory(container: number, until: number): void {
    this.#tables.versions.removeHistory(container, until);
  }

  saveMap(leaves: readonly string[]): string {
    const hash = merkleHash(leaves);
    if (leaves.length > 1) this.#tables.versions.saveMap(hash, leaves);
    return hash;
  }

  loadMap(hash: string, blocks: number): string[] {
    if (blocks <= 1) return [hash === '' ? EMPTY_HASH : hash];
    const leaves = this.#tables.versions.loadMap(hash, blocks);
    if (leaves === undefined) throw new Error(`hash map ${hash} is missing`);
    return leaves;
  }

  /** Container writes take a serial too, so object serials have gaps. */
  skipSerial(): void {
    this.#tables.versions.skipSerial();
  }

  #supersede(container: ContainerRef, version: Version): void {
    if (container.versioning === 'none') this.#tables.versions.remove(version.serial);
    else this.#tables.versions.demote(version.serial);
  }

  #account(container: number, count: number, bytes: number, changedAt: number): void {
    // The change time is overwritten, not maxed: a clock that steps back takes Last-Modified with it.
    this.#tables.containers.account(container, count, bytes, changedAt);
  }
}
