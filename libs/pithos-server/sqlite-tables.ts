// The tables in a folder: containers, version rows, hash maps and small blocks
// in SQLite, larger blocks in sharded files that appear by rename, so a crash
// leaves no half-written block. Text columns use BINARY collation, which on
// UTF-8 is byte order. Statements are prepared once and cached by text.

import { randomUUID } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite';
import type { Container } from './container.ts';
import {
  type BlockTable,
  CLUSTER,
  type ContainerTable,
  type NameRange,
  type Tables,
  type VersionTable,
} from './tables.ts';
import type { Version } from './version-store.ts';

const SCHEMA = `
CREATE TABLE IF NOT EXISTS containers (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  account TEXT NOT NULL,
  name TEXT NOT NULL,
  versioning TEXT NOT NULL,
  quota INTEGER NOT NULL,
  project TEXT NOT NULL,
  meta TEXT NOT NULL,
  mtime INTEGER NOT NULL,
  objectCount INTEGER NOT NULL DEFAULT 0,
  objectBytes INTEGER NOT NULL DEFAULT 0,
  objectsChangedAt INTEGER NOT NULL DEFAULT 0,
  UNIQUE (account, name)
) STRICT;
CREATE TABLE IF NOT EXISTS versions (
  serial INTEGER PRIMARY KEY AUTOINCREMENT,
  container INTEGER NOT NULL,
  path TEXT NOT NULL,
  hash TEXT NOT NULL,
  bytes INTEGER NOT NULL,
  type TEXT NOT NULL,
  uuid TEXT NOT NULL,
  md5 TEXT NOT NULL,
  mtime INTEGER NOT NULL,
  cluster INTEGER NOT NULL,
  author TEXT NOT NULL,
  meta TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX IF NOT EXISTS currentVersions ON versions (container, path) WHERE cluster = 0;
CREATE INDEX IF NOT EXISTS versionsByPath ON versions (container, path, serial);
CREATE TABLE IF NOT EXISTS maps (
  hash TEXT NOT NULL,
  blocks INTEGER NOT NULL,
  leaves BLOB NOT NULL,
  PRIMARY KEY (hash, blocks)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS blocks (hash BLOB PRIMARY KEY, content BLOB) STRICT;
`;

class Database {
  readonly #raw: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();
  #depth = 0;

  constructor(dir: string) {
    mkdirSync(dir, { recursive: true });
    this.#raw = new DatabaseSync(join(dir, 'pithos.sqlite'));
    // The exclusive lock makes a second server on the same folder fail at once; the system drops it on a kill.
    this.#raw.exec('PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL');
    this.#raw.exec('PRAGMA cache_size = -65536');
    this.#raw.exec(SCHEMA);
  }

  one<Row>(sql: string, ...values: SQLInputValue[]): Row | undefined {
    return this.#prepare(sql).get(...values) as Row | undefined;
  }

  all<Row>(sql: string, ...values: SQLInputValue[]): Row[] {
    return this.#prepare(sql).all(...values) as Row[];
  }

  /** Returns the row id of an insert; changed rows can be asked with RETURNING. */
  run(sql: string, ...values: SQLInputValue[]): number {
    return Number(this.#prepare(sql).run(...values).lastInsertRowid);
  }

  /** All or nothing. Nested calls join the outer transaction. */
  transaction<T>(work: () => T): T {
    if (this.#depth > 0) return work();
    this.#raw.exec('BEGIN IMMEDIATE');
    this.#depth++;
    try {
      const result = work();
      this.#raw.exec('COMMIT');
      return result;
    } catch (error) {
      this.#raw.exec('ROLLBACK');
      throw error;
    } finally {
      this.#depth--;
    }
  }

  close(): void {
    this.#statements.clear();
    this.#raw.close();
  }

  #prepare(sql: string): StatementSync {
    let statement = this.#statements.get(sql);
    if (statement === undefined) {
      statement = this.#raw.prepare(sql);
      this.#statements.set(sql, statement);
    }
    return statement;
  }
}

/** @throws when another server has the folder open. */
export function openSqliteTables(dir: string): Tables {
  const db = new Database(dir);
  return {
    containers: containerTable(db),
    versions: versionTable(db),
    blocks: new BlockFiles(db, join(dir, 'blocks')),
    transaction: (work) => db.transaction(work),
    close: () => db.close(),
  };
}

function containerTable(db: Database): ContainerTable {
  return {
    find: (account, name) =>
      db.one<Container>('SELECT * FROM containers WHERE account = ? AND name = ?', account, name),
    list: (account, after, limit) =>
      db.all<Container>(
        'SELECT * FROM containers WHERE account = ? AND name > ? ORDER BY name LIMIT ?',
        account,
        after,
        limit,
      ),
    create: (account, name, { versioning, quota, project }, meta, mtime) =>
      void db.run(
        'INSERT INTO containers (account, name, versioning, quota, project, meta, mtime) VALUES (?, ?, ?, ?, ?, ?, ?)',
        account,
        name,
        versioning,
        quota,
        project,
        JSON.stringify(meta),
        mtime,
      ),
    setPolicy: (id, { versioning, quota, project }) =>
      void db.run(
        'UPDATE containers SET versioning = ?, quota = ?, project = ? WHERE id = ?',
        versioning,
        quota,
        project,
        id,
      ),
    setMeta: (id, meta, mtime) =>
      void db.run('UPDATE containers SET meta = ?, mtime = ? WHERE id = ?', JSON.stringify(meta), mtime, id),
    account: (id, count, bytes, changedAt) =>
      void db.run(
        `UPDATE containers SET objectCount = objectCount + ?, objectBytes = objectBytes + ?, objectsChangedAt = ?
         WHERE id = ?`,
        count,
        bytes,
        changedAt,
        id,
      ),
    remove: (id) =>
      db.transaction(() => {
        db.run('DELETE FROM versions WHERE container = ?', id);
        db.run('DELETE FROM containers WHERE id = ?', id);
      }),
  };
}

const COLUMNS =
  'v.serial, v.path, v.hash, v.bytes, v.type, v.uuid, v.md5, v.mtime, v.cluster, v.author, v.meta';
const OF_PATH = `SELECT ${COLUMNS} FROM versions v WHERE v.container = ? AND v.path = ?`;
/** Sorts after every name. */
const NO_END = '\u{10ffff}'.repeat(4);

function versionTable(db: Database): VersionTable {
  return {
    current: (container, path) => db.one<Version>(`${OF_PATH} AND v.cluster = 0`, container, path),
    newest: (container, path) =>
      db.one<Version>(`${OF_PATH} ORDER BY v.serial DESC LIMIT 1`, container, path),
    readable: (container, path, serial) =>
      db.one<Version>(`${OF_PATH} AND v.serial = ? AND v.cluster <> 2`, container, path, serial),
    history: (container, path) =>
      db.all<Version>(`${OF_PATH} AND v.cluster <> 2 ORDER BY v.serial`, container, path),
    page: (range, limit) => pageOf(db, range, limit),
    insert: (container, row) =>
      db.run(
        `INSERT INTO versions (container, path, hash, bytes, type, uuid, md5, mtime, cluster, author, meta)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
        container,
        row.path,
        row.hash,
        row.bytes,
        row.type,
        row.uuid,
        row.md5,
        row.mtime,
        row.cluster,
        row.author,
        row.meta,
      ),
    skipSerial: () => void db.run("UPDATE sqlite_sequence SET seq = seq + 1 WHERE name = 'versions'"),
    demote: (serial) => void db.run('UPDATE versions SET cluster = 1 WHERE serial = ?', serial),
    remove: (serial) => void db.run('DELETE FROM versions WHERE serial = ?', serial),
    removePath: (container, path, until) =>
      void db.run(
        'DELETE FROM versions WHERE container = ? AND path = ? AND mtime <= ?',
        container,
        path,
        until,
      ),
    removeHistory: (container, until) =>
      void db.run(
        'DELETE FROM versions WHERE container = ? AND cluster <> 0 AND mtime <= ?',
        container,
        until,
      ),
    saveMap: (hash, leaves) =>
      void db.run(
        'INSERT OR IGNORE INTO maps (hash, blocks, leaves) VALUES (?, ?, ?)',
        hash,
        leaves.length,
        Buffer.from(leaves.join(''), 'hex'),
      ),
    loadMap: (hash, blocks) => {
      const sql = 'SELECT leaves FROM maps WHERE hash = ? AND blocks = ?';
      const row = db.one<{ leaves: Uint8Array }>(sql, hash, blocks);
      if (row === undefined) return undefined;
      const hex = Buffer.from(row.leaves).toString('hex');
      return Array.from({ length: blocks }, (_, i) => hex.slice(i * 64, i * 64 + 64));
    },
  };
}

function pageOf(db: Database, range: NameRange, limit: number): Version[] {
  const where = 'v.container = ? AND v.path > ? AND v.path >= ? AND v.path < ?';
  const bounds = [range.container, range.after, range.from, range.end ?? NO_END];
  if (range.until === undefined) {
    const sql = `SELECT ${COLUMNS} FROM versions v WHERE ${where} AND v.cluster = 0 ORDER BY v.path LIMIT ?`;
    return db.all<Version>(sql, ...bounds, limit);
  }
  // The newest version before that time, unless it is the marker of a deletion.
  const sql = `SELECT ${COLUMNS} FROM versions v WHERE ${where} AND v.cluster <> ${CLUSTER.deleted}
    AND v.serial = (SELECT max(w.serial) FROM versions w
                    WHERE w.container = v.container AND w.path = v.path AND w.mtime < ?)
    ORDER BY v.path LIMIT ?`;
  return db.all<Version>(sql, ...bounds, range.until, limit);
}

const INLINE_LIMIT = 8192;

class BlockFiles implements BlockTable {
  readonly #db: Database;
  readonly #dir: string;
  readonly #shards = new Set<string>();

  constructor(db: Database, dir: string) {
    this.#db = db;
    this.#dir = dir;
    mkdirSync(dir, { recursive: true });
  }

  has(hash: string): boolean {
    const sql = 'SELECT 1 AS found FROM blocks WHERE hash = ?';
    return this.#db.one(sql, Buffer.from(hash, 'hex')) !== undefined;
  }

  read(hash: string): Uint8Array | undefined {
    const sql = 'SELECT content FROM blocks WHERE hash = ?';
    const row = this.#db.one<{ content: Uint8Array | null }>(sql, Buffer.from(hash, 'hex'));
    if (row === undefined) return undefined;
    return row.content ?? this.#readFile(hash);
  }

  write(hash: string, content: Uint8Array): void {
    const isInline = content.length <= INLINE_LIMIT;
    if (!isInline) {
      const path = this.#pathOf(hash);
      const temporary = `${path}.${randomUUID()}.tmp`;
      writeFileSync(temporary, content);
      renameSync(temporary, path);
    }
    // The row comes last: a hash that is found always has its content.
    const sql = 'INSERT OR IGNORE INTO blocks (hash, content) VALUES (?, ?)';
    this.#db.run(sql, Buffer.from(hash, 'hex'), isInline ? content : null);
  }

  forget(hash: string): void {
    this.#db.run('DELETE FROM blocks WHERE hash = ?', Buffer.from(hash, 'hex'));
  }

  #readFile(hash: string): Uint8Array | undefined {
    try {
      return readFileSync(this.#pathOf(hash));
    } catch {
      return undefined;
    }
  }

  #pathOf(hash: string): string {
    const shard = join(this.#dir, hash.slice(0, 2), hash.slice(2, 4));
    if (!this.#shards.has(shard)) {
      mkdirSync(shard, { recursive: true });
      this.#shards.add(shard);
    }
    return join(shard, hash);
  }
}
