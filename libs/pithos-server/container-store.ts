// Container rows: policy, user metadata, and the running totals that HEAD
// reports. Last-Modified is the later of the container's own change and the
// last change of its current objects.

import type { Database } from './database.ts';
import type { Meta } from './version-store.ts';

export type Versioning = 'auto' | 'none';

export interface Container {
  readonly id: number;
  readonly account: string;
  readonly name: string;
  readonly versioning: Versioning;
  /** Bytes; 0 means no limit. */
  readonly quota: number;
  readonly project: string;
  /** JSON object of full header names. */
  readonly meta: string;
  readonly mtime: number;
  readonly objectCount: number;
  readonly objectBytes: number;
  readonly objectsChangedAt: number;
}

export interface Policy {
  readonly versioning: Versioning;
  readonly quota: number;
  readonly project: string;
}

export function lastModified(container: Container): number {
  return Math.max(container.mtime, container.objectsChangedAt);
}

export class ContainerStore {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  find(account: string, name: string): Container | undefined {
    return this.#db.one<Container>('SELECT * FROM containers WHERE account = ? AND name = ?', account, name);
  }

  list(account: string, after: string, limit: number): Container[] {
    return this.#db.all<Container>(
      'SELECT * FROM containers WHERE account = ? AND name > ? ORDER BY name LIMIT ?',
      account,
      after,
      limit,
    );
  }

  create(account: string, name: string, policy: Policy, meta: Meta, mtime: number): Container {
    this.#db.run(
      'INSERT INTO containers (account, name, versioning, quota, project, meta, mtime) VALUES (?, ?, ?, ?, ?, ?, ?)',
      account,
      name,
      policy.versioning,
      policy.quota,
      policy.project,
      JSON.stringify(meta),
      mtime,
    );
    return this.find(account, name)!;
  }

  /** A policy change leaves Last-Modified alone. */
  setPolicy(id: number, policy: Policy): void {
    this.#db.run(
      'UPDATE containers SET versioning = ?, quota = ?, project = ? WHERE id = ?',
      policy.versioning,
      policy.quota,
      policy.project,
      id,
    );
  }

  setMeta(id: number, meta: Meta, mtime: number): void {
    this.#db.run('UPDATE containers SET meta = ?, mtime = ? WHERE id = ?', JSON.stringify(meta), mtime, id);
  }

  /** Removes the container with all its history; the caller has checked that it holds no object. */
  remove(id: number): void {
    this.#db.transaction(() => {
      this.#db.run('DELETE FROM versions WHERE container = ?', id);
      this.#db.run('DELETE FROM containers WHERE id = ?', id);
    });
  }
}
