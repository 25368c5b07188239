// What the server keeps, as tables: rows in, rows out, and no rule of the API.
// One implementation lies in SQLite and files; a model of the server brings
// its own. Text is ordered by its UTF-8 bytes, the order the API lists names in.

import type { Container, Policy } from './container.ts';
import type { Meta, Version } from './version-store.ts';

/** current: what GET sees. history: superseded. deleted: a marker that the object went away. */
export const CLUSTER = { current: 0, history: 1, deleted: 2 } as const;

export interface Tables {
  readonly containers: ContainerTable;
  readonly versions: VersionTable;
  readonly blocks: BlockTable;
  /** All or nothing. Nested calls join the outer transaction. */
  transaction<T>(work: () => T): T;
  close(): void;
}

export interface ContainerTable {
  find(account: string, name: string): Container | undefined;
  /** Names after `after`, in order; a negative limit is none. */
  list(account: string, after: string, limit: number): Container[];
  create(account: string, name: string, policy: Policy, meta: Meta, mtime: number): void;
  setPolicy(id: number, policy: Policy): void;
  setMeta(id: number, meta: Meta, mtime: number): void;
  /** Adds to the running totals and sets when objects last changed. */
  account(id: number, count: number, bytes: number, changedAt: number): void;
  /** Removes the container with all its history. */
  remove(id: number): void;
}

/** A part of a container's names, at one time. */
export interface NameRange {
  readonly container: number;
  /** Names strictly greater than this. */
  readonly after: string;
  /** Names at or after this. */
  readonly from: string;
  /** Names before this; undefined for no end. */
  readonly end: string | undefined;
  /** Epoch microseconds; undefined for the present. */
  readonly until: number | undefined;
}

export interface VersionTable {
  current(container: number, path: string): Version | undefined;
  /** The version with the highest serial, a deletion marker too. */
  newest(container: number, path: string): Version | undefined;
  /** A version that is no deletion marker. */
  readable(container: number, path: string, serial: number): Version | undefined;
  /** All versions that are no deletion markers, in order of their serials. */
  history(container: number, path: string): Version[];
  /** In order of names: current versions, or the newest before a time unless that is a deletion marker. A negative limit is none. */
  page(range: NameRange, limit: number): Version[];
  /** @returns the serial: the next of one sequence for everything. */
  insert(container: number, row: Omit<Version, 'serial'>): number;
  skipSerial(): void;
  /** Turns a current version into history. */
  demote(serial: number): void;
  remove(serial: number): void;
  /** Removes the versions of a path with `mtime` up to a time. */
  removePath(container: number, path: string, until: number): void;
  /** Removes all but the current versions with `mtime` up to a time. */
  removeHistory(container: number, until: number): void;
  saveMap(hash: string, leaves: readonly string[]): void;
  loadMap(hash: string, blocks: number): string[] | undefined;
}

/** Blocks without their trailing NULs, by hash. */
export interface BlockTable {
  has(hash: string): boolean;
  read(hash: string): Uint8Array | undefined;
  write(hash: string, content: Uint8Array): void;
  forget(hash: string): void;
}
