// Content-addressed blocks, shared by all accounts and kept without their
// trailing NULs. Small blocks live in the database, larger ones in sharded
// files that appear by rename, so a crash leaves no half-written block.

import { randomUUID } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { blockHash, EMPTY_HASH, stripTrailingNuls } from './hash.ts';

const INLINE_LIMIT = 8192;

export class BlockStore {
  readonly #dir: string;
  readonly #find: StatementSync;
  readonly #read: StatementSync;
  readonly #insert: StatementSync;
  readonly #forget: StatementSync;
  readonly #shards = new Set<string>();

  constructor(db: DatabaseSync, dir: string) {
    this.#dir = dir;
    mkdirSync(dir, { recursive: true });
    db.exec('CREATE TABLE IF NOT EXISTS blocks (hash BLOB PRIMARY KEY, content BLOB) STRICT');
    this.#find = db.prepare('SELECT 1 AS found FROM blocks WHERE hash = ?');
    this.#read = db.prepare('SELECT content FROM blocks WHERE hash = ?');
    this.#insert = db.prepare('INSERT OR IGNORE INTO blocks (hash, content) VALUES (?, ?)');
    this.#forget = db.prepare('DELETE FROM blocks WHERE hash = ?');
    this.put(Buffer.alloc(0));
  }

  has(hash: string): boolean {
    return this.#find.get(Buffer.from(hash, 'hex')) !== undefined;
  }

  /** Missing hashes, each once, in the order first seen. */
  missing(hashes: readonly string[]): string[] {
    return [...new Set(hashes)].filter((hash) => !this.has(hash));
  }

  /** Stores a block and returns its hash; storing it again changes nothing. */
  put(block: Uint8Array): string {
    const hash = blockHash(block);
    const key = Buffer.from(hash, 'hex');
    if (this.#find.get(key) !== undefined) return hash;
    const content = stripTrailingNuls(block);
    if (content.length <= INLINE_LIMIT) {
      this.#insert.run(key, content);
      return hash;
    }
    const path = this.#pathOf(hash);
    const temporary = `${path}.${randomUUID()}.tmp`;
    writeFileSync(temporary, content);
    renameSync(temporary, path);
    // The row comes last: a hash that is found always has its content.
    this.#insert.run(key, null);
    return hash;
  }

  /** Exactly `length` bytes: stripped NULs are put back, surplus is cut. Undefined when the block is lost. */
  get(hash: string, length: number): Buffer | undefined {
    const row = this.#read.get(Buffer.from(hash, 'hex'));
    if (row === undefined) return undefined;
    const stored = row['content'] instanceof Uint8Array ? row['content'] : this.#readFile(hash);
    if (stored === undefined) return undefined;
    const block = Buffer.alloc(length);
    block.set(stored.subarray(0, length));
    return block;
  }

  /** Loses a block on purpose, so that tests can see reads fail half-way. */
  lose(hash: string): void {
    if (hash !== EMPTY_HASH) this.#forget.run(Buffer.from(hash, 'hex'));
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
