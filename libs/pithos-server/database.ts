// The SQLite file behind the server: containers, version rows and hash maps.
// Text columns use BINARY collation, which on UTF-8 is byte order: the order
// the API lists names in. Statements are prepared once and cached by text.

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite';

/** current: what GET sees. history: superseded. deleted: a marker that the object went away. */
export const CLUSTER = { current: 0, history: 1, deleted: 2 } as const;

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
`;

export class Database {
  readonly raw: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();
  #depth = 0;

  constructor(dir: string) {
    mkdirSync(dir, { recursive: true });
    this.raw = new DatabaseSync(join(dir, 'pithos.sqlite'));
    // The exclusive lock makes a second server on the same folder fail at once; the system drops it on a kill.
    this.raw.exec('PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL');
    this.raw.exec('PRAGMA cache_size = -65536');
    this.raw.exec(SCHEMA);
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
    this.raw.exec('BEGIN IMMEDIATE');
    this.#depth++;
    try {
      const result = work();
      this.raw.exec('COMMIT');
      return result;
    } catch (error) {
      this.raw.exec('ROLLBACK');
      throw error;
    } finally {
      this.#depth--;
    }
  }

  close(): void {
    this.#statements.clear();
    this.raw.close();
  }

  #prepare(sql: string): StatementSync {
    let statement = this.#statements.get(sql);
    if (statement === undefined) {
      statement = this.raw.prepare(sql);
      this.#statements.set(sql, statement);
    }
    return statement;
  }
}
