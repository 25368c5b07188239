/**
 * Memory disk: one disk that processes, users and checkers share, with all that can befall one:
 * it fills up, turns read-only, is unmounted, comes back as an older self from a backup.
 */
import type { Clock } from '#ports/clock.ts';
import { systemError } from './disk-calls.ts';
import { type Caller, type ChangeListener, type DiskOptions, Medium } from './disk-medium.ts';
import { type DirectoryNode, type DiskNode, encodeName, sizeOf } from './disk-nodes.ts';
import { DiskUser, removeBelow } from './disk-user.ts';
import { type ProcessFiles, processFiles } from './file-system.ts';
import type { Step } from './step.ts';

/** A directory with all below it, as it was. Bytes are shared with the disk until either changes. */
export interface DiskSnapshot {
  readonly tree: DirectoryNode;
}

const SYSTEM: Caller = { uid: 0, gid: 0, isPrivileged: true };

export class MemoryDisk {
  readonly #medium: Medium;
  readonly #unmounted = new Map<string, DirectoryNode>();

  constructor(clock: Pick<Clock, 'now'>, options: DiskOptions = {}) {
    this.#medium = new Medium(clock, options);
  }

  /** One process's view; its effects wait for their turn. */
  fileSystem(step: Step): ProcessFiles {
    return processFiles(this.#medium, step);
  }

  /** A user's, editor's or checker's view; its effects happen at once. */
  user(): DiskUser {
    return new DiskUser(this.#medium);
  }

  /** Bytes that may be used; what is there already stays when it is less. */
  get capacity(): number {
    return this.#medium.capacity;
  }

  set capacity(bytes: number) {
    this.#medium.capacity = bytes;
  }

  get used(): number {
    return this.#medium.used;
  }

  get isReadOnly(): boolean {
    return this.#medium.isReadOnly;
  }

  set isReadOnly(isReadOnly: boolean) {
    this.#medium.isReadOnly = isReadOnly;
  }

  /** Hears of every change with its absolute path, whoever made it. @returns how to stop that. */
  onChange(listener: ChangeListener): () => void {
    this.#medium.listeners.add(listener);
    return () => this.#medium.listeners.delete(listener);
  }

  /** Takes a directory away as unmounting it does. What processes have open in it stays usable. */
  unmount(path: string, left: 'nothing' | 'empty-directory'): void {
    const { parent, name, node } = this.#directoryAt(path);
    this.#unmounted.set(path, node);
    node.parent = null;
    parent.entries.delete(this.#medium.keyOf(name));
    if (left === 'nothing') return;
    const mountPoint = this.#medium.newDirectory(0o755, node);
    mountPoint.links = 1;
    this.#medium.used += sizeOf(mountPoint);
    this.#put(parent, name, mountPoint);
  }

  /** Brings an unmounted directory back; what was put in its place meanwhile is gone. */
  mount(path: string): void {
    const node = this.#unmounted.get(path);
    if (node === undefined) throw new Error(`${path} is not unmounted`);
    const { parent, name } = this.#placeOf(path);
    this.#unmounted.delete(path);
    this.#clear(parent, name);
    this.#put(parent, name, node);
  }

  snapshot(path: string): DiskSnapshot {
    const node = path === '/' ? this.#medium.root : this.#directoryAt(path).node;
    return { tree: cloneTree(node, null) };
  }

  /**
   * Puts a directory back as it was. @param how `files`: copied back by a backup program, so inodes are new,
   * and ctime and the time of birth are now. `volume`: rolled back as a block device, so nothing tells that time went on.
   */
  restore(path: string, snapshot: DiskSnapshot, how: 'files' | 'volume'): void {
    const medium = this.#medium;
    const restored = cloneTree(snapshot.tree, how === 'files' ? medium : null);
    if (path === '/') {
      for (const { name, node } of [...medium.root.entries.values()]) {
        removeBelow(medium, SYSTEM, medium.root, name, node);
      }
      for (const { name, node } of restored.entries.values()) this.#put(medium.root, name, node);
    } else {
      const { parent, name } = this.#placeOf(path);
      this.#clear(parent, name);
      this.#put(parent, name, restored);
    }
    this.#account(restored, path !== '/');
  }

  #clear(parent: DirectoryNode, name: string): void {
    const present = parent.entries.get(this.#medium.keyOf(name));
    if (present !== undefined) removeBelow(this.#medium, SYSTEM, parent, name, present.node);
  }

  #put(parent: DirectoryNode, name: string, node: DiskNode): void {
    parent.entries.set(this.#medium.keyOf(name), { name, node });
    node.parent = parent;
    node.name = name;
  }

  #account(tree: DirectoryNode, withItself: boolean): void {
    const seen = new Set<DiskNode>();
    const count = (node: DiskNode): void => {
      if (seen.has(node)) return;
      seen.add(node);
      this.#medium.takeInode(node.inode);
      this.#medium.used += sizeOf(node);
      if (node.kind === 'directory') for (const entry of node.entries.values()) count(entry.node);
    };
    if (withItself) count(tree);
    else for (const entry of tree.entries.values()) count(entry.node);
  }

  #directoryAt(path: string): { parent: DirectoryNode; name: string; node: DirectoryNode } {
    const { parent, name } = this.#placeOf(path);
    const node = parent.entries.get(this.#medium.keyOf(name))?.node;
    if (node?.kind !== 'directory') throw systemError('ENOENT', `no directory is at ${path}`);
    return { parent, name, node };
  }

  #placeOf(path: string): { parent: DirectoryNode; name: string } {
    const segments = encodeName(path)
      .split('/')
      .filter((segment) => segment !== '');
    const name = segments.pop();
    let parent: DiskNode | undefined = this.#medium.root;
    for (const segment of segments) {
      parent = parent.entries.get(this.#medium.keyOf(segment))?.node;
      if (parent?.kind !== 'directory') throw systemError('ENOENT', `no directory is above ${path}`);
    }
    if (name === undefined) throw systemError('EBUSY', 'the root of a disk has no name');
    return { parent, name };
  }
}

/** @param anew where the copies get new inode numbers and ctimes from; null when they keep both. */
function cloneTree(tree: DirectoryNode, anew: Medium | null): DirectoryNode {
  const clones = new Map<DiskNode, DiskNode>();
  const clone = (node: DiskNode): DiskNode => {
    const known = clones.get(node);
    if (known !== undefined) {
      known.links += 1;
      return known;
    }
    const fresh = anew === null ? {} : anew.newIdentity();
    const base = { ...fresh, links: 1, opens: 0, parent: null };
    if (node.kind === 'file') node.isShared = true;
    const made: DiskNode =
      node.kind === 'directory' ? { ...node, ...base, entries: new Map() } : { ...node, ...base };
    clones.set(node, made);
    if (node.kind === 'directory' && made.kind === 'directory') {
      for (const [key, { name, node: child }] of node.entries) {
        const copy = clone(child);
        made.entries.set(key, { name, node: copy });
        copy.parent = made;
        copy.name = name;
      }
    }
    return made;
  };
  return clone(tree) as DirectoryNode;
}
