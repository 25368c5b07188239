/**
 * Medium: what nodes of a memory disk are written on. It owns the time they are stamped with,
 * their numbers, the room they take and how names compare; the calls on it are the kernel.
 */
import type { Clock } from '#ports/clock.ts';
import {
  type DirectoryNode,
  type DiskNode,
  decodeName,
  type FileNode,
  NO_BYTES,
  pathOf,
  sizeOf,
} from './disk-nodes.ts';

export interface DiskOptions {
  /** What times are cut to: 1 ns, 1 ms or 1 s on real file systems. */
  readonly mtimeGranularityNs?: bigint;
  /** Whether the number of a freed inode is given out again, the latest first, as ext4 does. */
  readonly reusesInodes?: boolean;
  readonly hardLinks?: boolean;
  /** Names that differ only in case, or only in Unicode form, are one. */
  readonly foldsCase?: boolean;
  readonly foldsUnicode?: boolean;
  /** Most bytes that one read of the file at this path gives; a system may always give fewer than were asked for. */
  readonly longestRead?: (path: string) => number;
  /** Owner of users' files and of the processes. A process of 0 may do everything. */
  readonly uid?: number;
  readonly gid?: number;
}

/** In whose name a call is made. */
export interface Caller {
  readonly uid: number;
  readonly gid: number;
  /** Permission bits do not bind it. */
  readonly isPrivileged: boolean;
}

/** Told of each change of a name or of the content under it, with the absolute path. */
export type ChangeListener = (path: string) => void;

export class Medium {
  readonly options: Required<DiskOptions>;
  readonly root: DirectoryNode;
  readonly listeners = new Set<ChangeListener>();
  /** Bytes that files, directories and links may take together. */
  capacity = Number.POSITIVE_INFINITY;
  used = 0;
  isReadOnly = false;
  readonly #clock: Pick<Clock, 'now'>;
  #tickMs = Number.NaN;
  #tickNs = 0n;
  #lastInode = 1n;
  #freeInodes: bigint[] = [];

  constructor(clock: Pick<Clock, 'now'>, options: DiskOptions) {
    this.#clock = clock;
    this.options = {
      mtimeGranularityNs: options.mtimeGranularityNs ?? 1n,
      reusesInodes: options.reusesInodes ?? false,
      hardLinks: options.hardLinks ?? true,
      foldsCase: options.foldsCase ?? false,
      foldsUnicode: options.foldsUnicode ?? false,
      longestRead: options.longestRead ?? (() => Number.POSITIVE_INFINITY),
      uid: options.uid ?? 1000,
      gid: options.gid ?? 1000,
    };
    this.root = this.newDirectory(0o755, this.options);
    this.root.links = 1;
  }

  /** The time of a change: the clock's, and a nanosecond later each time while the clock stands. */
  stamp(): bigint {
    const nowMs = this.#clock.now();
    if (nowMs === this.#tickMs) {
      this.#tickNs += 1n;
    } else {
      this.#tickMs = nowMs;
      this.#tickNs = BigInt(Math.floor(nowMs)) * 1_000_000n;
    }
    return this.cutTime(this.#tickNs);
  }

  cutTime(ns: bigint): bigint {
    const granularity = this.options.mtimeGranularityNs;
    return granularity === 1n ? ns : ns - (((ns % granularity) + granularity) % granularity);
  }

  /** What a name is found by. */
  keyOf(name: string): string {
    const { foldsCase, foldsUnicode } = this.options;
    if (!foldsCase && !foldsUnicode) return name;
    let key = decodeName(name);
    if (foldsUnicode) key = key.normalize('NFC');
    return foldsCase ? key.toLowerCase() : key;
  }

  newFile(mode: number, owner: { uid: number; gid: number }): FileNode {
    return { kind: 'file', bytes: NO_BYTES, size: 0, isShared: false, ...this.#newFacts(mode, owner) };
  }

  newDirectory(mode: number, owner: { uid: number; gid: number }): DirectoryNode {
    return { kind: 'directory', entries: new Map(), ...this.#newFacts(mode, owner) };
  }

  newLink(target: string, owner: { uid: number; gid: number }): DiskNode {
    return { kind: 'symlink', target, ...this.#newFacts(0o777, owner) };
  }

  newSpecial(kind: 'fifo' | 'socket' | 'device', owner: { uid: number; gid: number }): DiskNode {
    return { kind, ...this.#newFacts(0o644, owner) };
  }

  #newFacts(mode: number, { uid, gid }: { uid: number; gid: number }) {
    const now = this.stamp();
    const inode = this.newInode();
    return {
      ...{ inode, mode, uid, gid, mtimeNs: now, ctimeNs: now, bornNs: now, links: 0, opens: 0 },
      ...{ parent: null, name: '' },
    };
  }

  /** What a copy of a file has of its own. */
  newIdentity(): { inode: bigint; ctimeNs: bigint; bornNs: bigint } {
    const now = this.stamp();
    return { inode: this.newInode(), ctimeNs: now, bornNs: now };
  }

  newInode(): bigint {
    const reused = this.options.reusesInodes ? this.#freeInodes.pop() : undefined;
    if (reused !== undefined) return reused;
    this.#lastInode += 1n;
    return this.#lastInode;
  }

  /** A node that comes back with its number, as a volume's snapshot does. */
  takeInode(inode: bigint): void {
    this.#freeInodes = this.#freeInodes.filter((free) => free !== inode);
  }

  /** Frees what neither a name nor a descriptor leads to any more. */
  releaseIfGone(node: DiskNode): void {
    if (node.links > 0 || node.opens > 0) return;
    this.used -= sizeOf(node);
    if (this.options.reusesInodes) this.#freeInodes.push(node.inode);
  }

  /** @param withBelow whether all names below a directory change with it. */
  announce(node: DiskNode, withBelow: 'with-below' | 'alone'): void {
    if (this.listeners.size === 0) return;
    this.#announcePath(pathOf(node), node, withBelow);
  }

  #announcePath(path: string, node: DiskNode, withBelow: 'with-below' | 'alone'): void {
    for (const listener of this.listeners) listener(path);
    if (node.kind !== 'directory' || withBelow === 'alone') return;
    for (const { name, node: below } of node.entries.values()) {
      this.#announcePath(`${path}/${decodeName(name)}`, below, withBelow);
    }
  }
}
