/**
 * Disk user: what users, editors and checkers do to a memory disk, at once and unhindered by
 * permissions. Paths start at the disk's root; text, or the bytes themselves for names that are
 * no UTF-8. Links are not followed. Failures carry the system's codes.
 */
import type { FactKind, Facts } from '#libs/store-local/file-system.ts';
import {
  closeNode,
  create,
  find,
  findDirectory,
  link,
  removeDirectory,
  rename,
  setMode,
  setModifiedAt,
  setOwner,
  systemError,
  truncate,
  unlink,
  write,
} from './disk-calls.ts';
import type { Caller, Medium } from './disk-medium.ts';
import {
  contentOf,
  type DirectoryNode,
  type DiskNode,
  decodeName,
  encodeName,
  type FileNode,
  factsOf,
} from './disk-nodes.ts';

export type DiskPath = string | Uint8Array;

/** An open descriptor: it stays on its file wherever that is renamed, hidden or unlinked. */
export interface Writer {
  /** At its own position, which starts at 0 or, for an appending one, follows the end. */
  write(bytes: Uint8Array | string): void;
  truncate(size: number): void;
  /** The file's content now, whatever name leads to it. */
  content(): Uint8Array;
  close(): void;
}

export interface TreeEntry extends Facts {
  /** Below the root of the tree; bytes that are no UTF-8 as `\xNN`. */
  readonly path: string;
  readonly links: number;
  /** Of files: a view that stays as it is when the file changes. */
  readonly bytes: Uint8Array | null;
  /** Of links. */
  readonly target: string | null;
}

interface Place {
  readonly directory: DirectoryNode;
  readonly name: string;
}

export class DiskUser {
  readonly #medium: Medium;
  readonly #caller: Caller;
  #drafts = 0;

  constructor(medium: Medium) {
    const { uid, gid } = medium.options;
    this.#medium = medium;
    this.#caller = { uid, gid, isPrivileged: true };
  }

  /** In place: the same inode, emptied and filled, or a new file. */
  write(path: DiskPath, bytes: Uint8Array | string): void {
    const writer = this.openWriter(path, 'empty');
    try {
      writer.write(bytes);
    } finally {
      writer.close();
    }
  }

  append(path: DiskPath, bytes: Uint8Array | string): void {
    const writer = this.openWriter(path, 'append');
    try {
      writer.write(bytes);
    } finally {
      writer.close();
    }
  }

  truncate(path: DiskPath, size: number): void {
    truncate(this.#medium, this.#file(path), size);
  }

  /** As editors save: a new file beside it, renamed over it. */
  save(path: DiskPath, bytes: Uint8Array | string): void {
    const { directory, name } = this.#place(path);
    this.#drafts += 1;
    const draft = `.draft-${this.#drafts}`;
    const file = create(this.#medium, this.#caller, directory, draft, (owner) =>
      this.#medium.newFile(0o644, owner),
    );
    write(this.#medium, file, 0, bytesOf(bytes));
    rename(this.#medium, this.#caller, directory, draft, directory, name);
  }

  /**
   * @param begin `keep` writes over the beginning of what is there. A missing file is made.
   */
  openWriter(path: DiskPath, begin: 'keep' | 'empty' | 'append' = 'keep'): Writer {
    const medium = this.#medium;
    const { directory, name } = this.#place(path);
    const file =
      find(medium, this.#caller, directory, name) ??
      create(medium, this.#caller, directory, name, (owner) => medium.newFile(0o644, owner));
    requireFile(file);
    if (begin === 'empty' && file.size > 0) truncate(medium, file, 0);
    file.opens += 1;
    let isOpen = true;
    let position = 0;
    return {
      write(given) {
        if (!isOpen) throw systemError('EBADF', 'bad file descriptor');
        const bytes = bytesOf(given);
        if (begin === 'append') position = file.size;
        for (let done = 0; done < bytes.length; ) {
          const written = write(medium, file, position, bytes.subarray(done));
          done += written;
          position += written;
        }
      },
      truncate(size) {
        if (!isOpen) throw systemError('EBADF', 'bad file descriptor');
        truncate(medium, file, size);
      },
      content: () => contentOf(file),
      close() {
        if (isOpen) closeNode(medium, file);
        isOpen = false;
      },
    };
  }

  /** `mkdir -p` */
  makeDirectories(path: DiskPath): void {
    let directory = this.#medium.root;
    for (const name of segmentsOf(path)) {
      const found = find(this.#medium, this.#caller, directory, name);
      if (found !== undefined && found.kind !== 'directory') throw systemError('ENOTDIR', 'not a directory');
      directory =
        found ??
        create(this.#medium, this.#caller, directory, name, (owner) =>
          this.#medium.newDirectory(0o755, owner),
        );
    }
  }

  rename(path: DiskPath, to: DiskPath): void {
    const source = this.#place(path);
    const target = this.#place(to);
    rename(this.#medium, this.#caller, source.directory, source.name, target.directory, target.name);
  }

  /** A second name of one file. */
  link(path: DiskPath, to: DiskPath): void {
    const source = this.#place(path);
    const target = this.#place(to);
    link(this.#medium, this.#caller, source.directory, source.name, target.directory, target.name);
  }

  symlink(target: string, path: DiskPath): void {
    this.#make(path, (owner) => this.#medium.newLink(target, owner));
  }

  makeSpecial(path: DiskPath, kind: 'fifo' | 'socket' | 'device'): void {
    this.#make(path, (owner) => this.#medium.newSpecial(kind, owner));
  }

  #make(path: DiskPath, make: (owner: { uid: number; gid: number }) => DiskNode): void {
    const { directory, name } = this.#place(path);
    create(this.#medium, this.#caller, directory, name, make);
  }

  unlink(path: DiskPath): void {
    const { directory, name } = this.#place(path);
    unlink(this.#medium, this.#caller, directory, name);
  }

  removeDirectory(path: DiskPath): void {
    const { directory, name } = this.#place(path);
    removeDirectory(this.#medium, this.#caller, directory, name);
  }

  /** `rm -rf`: nothing there is fine. */
  removeTree(path: DiskPath): void {
    const node = this.#found(path);
    if (node === null) return;
    const { directory, name } = this.#place(path);
    removeBelow(this.#medium, this.#caller, directory, name, node);
  }

  chmod(path: DiskPath, mode: number): void {
    const node = this.#node(path);
    if (node.kind === 'symlink') throw systemError('ELOOP', 'links are not followed');
    setMode(this.#medium, this.#caller, node, mode);
  }

  chown(path: DiskPath, uid: number, gid: number): void {
    setOwner(this.#medium, this.#caller, this.#node(path), uid, gid);
  }

  setModifiedAt(path: DiskPath, mtimeNs: bigint): void {
    setModifiedAt(this.#medium, this.#caller, this.#node(path), mtimeNs);
  }

  /** Null when nothing is there. */
  lstat(path: DiskPath): Facts | null {
    const node = this.#found(path);
    return node === null ? null : factsOf(node);
  }

  /** Content of a file, as a view that stays as it is; null when no file is there. */
  read(path: DiskPath): Uint8Array | null {
    const node = this.#found(path);
    return node?.kind === 'file' ? contentOf(node) : null;
  }

  /** Null when no file is there. */
  readText(path: DiskPath): string | null {
    const bytes = this.read(path);
    return bytes === null ? null : Buffer.from(bytes).toString('utf8');
  }

  /** Everything below a directory, parents before children; empty when no directory is there. */
  tree(path: DiskPath): TreeEntry[] {
    const root = this.#found(path);
    const found: TreeEntry[] = [];
    if (root?.kind === 'directory') collect(root, '', found);
    return found;
  }

  #found(path: DiskPath): DiskNode | null {
    const segments = segmentsOf(path);
    let node: DiskNode = this.#medium.root;
    for (const name of segments) {
      if (node.kind !== 'directory') return null;
      const next: DiskNode | undefined = node.entries.get(this.#medium.keyOf(name))?.node;
      if (next === undefined) return null;
      node = next;
    }
    return node;
  }

  #node(path: DiskPath): DiskNode {
    const node = this.#found(path);
    if (node === null) throw systemError('ENOENT', `nothing is at ${shown(path)}`);
    return node;
  }

  #file(path: DiskPath): FileNode {
    const node = this.#node(path);
    requireFile(node);
    return node;
  }

  #place(path: DiskPath): Place {
    const segments = segmentsOf(path);
    const name = segments.pop();
    if (name === undefined) throw systemError('EBUSY', 'the root of a disk has no name');
    let directory = this.#medium.root;
    for (const segment of segments) directory = findDirectory(this.#medium, this.#caller, directory, segment);
    return { directory, name };
  }
}

/** A tree and all below it, taken away entry by entry as `rm -rf` does. */
export function removeBelow(
  medium: Medium,
  caller: Caller,
  directory: DirectoryNode,
  name: string,
  node: DiskNode,
): void {
  if (node.kind !== 'directory') {
    unlink(medium, caller, directory, name);
    return;
  }
  for (const entry of [...node.entries.values()]) removeBelow(medium, caller, node, entry.name, entry.node);
  removeDirectory(medium, caller, directory, name);
}

function collect(directory: DirectoryNode, prefix: string, into: TreeEntry[]): void {
  for (const { name, node } of directory.entries.values()) {
    const path = prefix + decodeName(name);
    into.push({
      path,
      ...factsOf(node),
      links: node.links,
      bytes: node.kind === 'file' ? contentOf(node) : null,
      target: node.kind === 'symlink' ? node.target : null,
    });
    if (node.kind === 'directory') collect(node, `${path}/`, into);
  }
}

function requireFile(node: DiskNode): asserts node is FileNode {
  if (node.kind === 'file') return;
  const codes: Record<Exclude<FactKind, 'file'>, string> = {
    directory: 'EISDIR',
    symlink: 'ELOOP',
    fifo: 'ENXIO',
    socket: 'ENXIO',
    device: 'ENXIO',
  };
  throw systemError(codes[node.kind], `no regular file but a ${node.kind}`);
}

function segmentsOf(path: DiskPath): string[] {
  const bytes = typeof path === 'string' ? encodeName(path) : Buffer.from(path).toString('latin1');
  return bytes.split('/').filter((segment) => segment !== '');
}

function shown(path: DiskPath): string {
  return typeof path === 'string' ? path : decodeName(Buffer.from(path).toString('latin1'));
}

function bytesOf(given: Uint8Array | string): Uint8Array {
  return typeof given === 'string' ? Buffer.from(given) : given;
}
