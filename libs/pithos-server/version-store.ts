// Objects as version rows. Every change of an object appends a row with the
// next serial of one global sequence; the row it supersedes turns into history
// (policy auto) or is removed at once (policy none). Deletion appends a marker.

import { randomUUID } from 'node:crypto';
import { CLUSTER, type Database } from './database.ts';
import { EMPTY_HASH, merkleHash } from './hash.ts';

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

const COLUMNS = 'serial, path, hash, bytes, type, uuid, md5, mtime, cluster, author, meta';

/** The first text after all texts with this (non-empty) prefix, in byte order. */
export function endOfPrefix(prefix: string): string {
  const points = [...prefix];
  const last = points.pop()!.codePointAt(0)!;
  // Surrogates are no characters of their own, so the one after U+D7FF is U+E000.
  return points.join('') + String.fromCodePoint(last === 0xd7ff ? 0xe000 : last + 1);
}

export class VersionStore {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  current(container: number, path: string): Version | undefined {
    return this.#db.one<Version>(
      `SELECT ${COLUMNS} FROM versions WHERE container = ? AND path = ? AND cluster = 0`,
      container,
      path,
    );
  }

  /** A readable version, current or superseded; deletion markers are not readable. */
  bySerial(container: number, path: string, serial: number): Version | undefined {
    return this.#db.one<Version>(
      `SELECT ${COLUMNS} FROM versions WHERE serial = ? AND container = ? AND path = ? AND cluster <> 2`,
      serial,
      container,
      path,
    );
  }

  /** When the path last changed, deletion included; undefined when nothing is known of the path. */
  lastChange(container: number, path: string): number | undefined {
    return this.#db.one<{ mtime: number }>(
      'SELECT mtime FROM versions WHERE container = ? AND path = ? ORDER BY serial DESC LIMIT 1',
      container,
      path,
    )?.mtime;
  }

  readable(container: number, path: string): Version[] {
    return this.#db.all<Version>(
      `SELECT ${COLUMNS} FROM versions WHERE container = ? AND path = ? AND cluster <> 2 ORDER BY serial`,
      container,
      path,
    );
  }

  /** All current paths, in byte order. */
  allPaths(container: number): string[] {
    const sql = 'SELECT path FROM versions WHERE container = ? AND cluster = 0 ORDER BY path';
    return this.#db.all<{ path: string }>(sql, container).map((row) => row.path);
  }

  /** Current paths that start with the prefix, in byte order. */
  pathsUnder(container: number, prefix: string): string[] {
    const rows = this.#db.all<{ path: string }>(
      `SELECT path FROM versions WHERE container = ? AND cluster = 0 AND path >= ? AND path < ?
       ORDER BY path`,
      container,
      prefix,
      endOfPrefix(prefix),
    );
    return rows.map((row) => row.path);
  }

  write(container: ContainerRef, draft: VersionDraft, mtime: number): Version {
    return this.#db.transaction(() => {
      const superseded = this.current(container.id, draft.path);
      if (superseded !== undefined) this.#supersede(container, superseded);
      const uuid = draft.uuid ?? superseded?.uuid ?? randomUUID();
      const meta = JSON.stringify(draft.meta);
      const serial = this.#insert(container.id, { ...draft, uuid, meta }, mtime, CLUSTER.current);
      const added = superseded === undefined ? 1 : 0;
      this.#account(container.id, added, draft.bytes - (superseded?.bytes ?? 0), mtime);
      return { ...draft, serial, uuid, meta, mtime, cluster: CLUSTER.current };
    });
  }

  /** False when there is no current object to delete. */
  remove(container: ContainerRef, path: string, author: string, mtime: number): boolean {
    return this.#db.transaction(() => {
      const current = this.current(container.id, path);
      if (current === undefined) return false;
      this.#supersede(container, current);
      const marker = { path, hash: '', bytes: 0, type: '', md5: '', author, uuid: current.uuid, meta: '{}' };
      this.#insert(container.id, marker, mtime, CLUSTER.deleted);
      this.#account(container.id, -1, -current.bytes, mtime);
      return true;
    });
  }

  /** Forgets all versions of a path up to a time, the current one included. */
  purgePath(container: number, path: string, until: number, mtime: number): void {
    this.#db.transaction(() => {
      const current = this.current(container, path);
      this.#db.run(
        'DELETE FROM versions WHERE container = ? AND path = ? AND mtime <= ?',
        container,
        path,
        until,
      );
      if (current !== undefined && current.mtime <= until)
        this.#account(container, -1, -current.bytes, mtime);
    });
  }

  /** Forgets superseded versions and deletion markers up to a time; current objects stay. */
  purgeHistory(container: number, until: number): void {
    this.#db.run(
      'DELETE FROM versions WHERE container = ? AND cluster <> 0 AND mtime <= ?',
      container,
      until,
    );
  }

  saveMap(leaves: readonly string[]): string {
    const hash = merkleHash(leaves);
    if (leaves.length > 1) {
      const packed = Buffer.from(leaves.join(''), 'hex');
      this.#db.run(
        'INSERT OR IGNORE INTO maps (hash, blocks, leaves) VALUES (?, ?, ?)',
        hash,
        leaves.length,
        packed,
      );
    }
    return hash;
  }

  loadMap(hash: string, blocks: number): string[] {
    if (blocks <= 1) return [hash === '' ? EMPTY_HASH : hash];
    const sql = 'SELECT leaves FROM maps WHERE hash = ? AND blocks = ?';
    const row = this.#db.one<{ leaves: Uint8Array }>(sql, hash, blocks);
    if (row === undefined) throw new Error(`hash map ${hash} is missing`);
    const hex = Buffer.from(row.leaves).toString('hex');
    return Array.from({ length: blocks }, (_, i) => hex.slice(i * 64, i * 64 + 64));
  }

  /** Container writes take a serial too, so object serials have gaps. */
  skipSerial(): void {
    this.#db.run("UPDATE sqlite_sequence SET seq = seq + 1 WHERE name = 'versions'");
  }

  #supersede(container: ContainerRef, version: Version): void {
    if (container.versioning === 'none') {
      this.#db.run('DELETE FROM versions WHERE serial = ?', version.serial);
    } else {
      this.#db.run('UPDATE versions SET cluster = 1 WHERE serial = ?', version.serial);
    }
  }

  #insert(
    container: number,
    row: Omit<Version, 'serial' | 'mtime' | 'cluster'>,
    mtime: number,
    cluster: number,
  ): number {
    return this.#db.run(
      `INSERT INTO versions (container, path, hash, bytes, type, uuid, md5, mtime, cluster, author, meta)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      container,
      row.path,
      row.hash,
      row.bytes,
      row.type,
      row.uuid,
      row.md5,
      mtime,
      cluster,
      row.author,
      row.meta,
    );
  }

  #account(container: number, count: number, bytes: number, changedAt: number): void {
    // The change time is overwritten, not maxed: a clock that steps back takes Last-Modified with it.
    this.#db.run(
      `UPDATE containers SET objectCount = objectCount + ?, objectBytes = objectBytes + ?, objectsChangedAt = ?
       WHERE id = ?`,
      count,
      bytes,
      changedAt,
      container,
    );
  }
}
