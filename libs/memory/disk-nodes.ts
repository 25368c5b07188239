/**
 * Disk nodes: what a memory disk holds. A node is an inode, a directory entry a name for one;
 * a node lives while a name or an open descriptor leads to it. Names are kept as bytes, one
 * character each (latin1), because a disk takes any.
 */
import { isUtf8 } from 'node:buffer';
import type { Facts } from '#libs/store-local/file-system.ts';

interface NodeFacts {
  inode: bigint;
  /** Permission bits and setuid, setgid and sticky. */
  mode: number;
  uid: number;
  gid: number;
  mtimeNs: bigint;
  ctimeNs: bigint;
  readonly bornNs: bigint;
  /** Names that lead here; of a directory 1, or 0 once it is removed. */
  links: number;
  /** Open descriptors, of all processes and users. */
  opens: number;
  /** Where its latest name was given. A removed node keeps both, as the kernel remembers `(deleted)` paths. */
  parent: DirectoryNode | null;
  name: string;
}

export interface FileNode extends NodeFacts {
  readonly kind: 'file';
  /** At least `size` long; what is behind `size` is all zeros. */
  bytes: Uint8Array;
  size: number;
  /** A snapshot or reader holds these bytes too: they are copied before the next change. */
  isShared: boolean;
}

export interface DirectoryNode extends NodeFacts {
  readonly kind: 'directory';
  readonly entries: Map<string, Entry>;
}

export interface LinkNode extends NodeFacts {
  readonly kind: 'symlink';
  readonly target: string;
}

export interface SpecialNode extends NodeFacts {
  readonly kind: 'fifo' | 'socket' | 'device';
}

export type DiskNode = FileNode | DirectoryNode | LinkNode | SpecialNode;

export interface Entry {
  /** As it was written; the map's key may be folded. */
  readonly name: string;
  readonly node: DiskNode;
}

const DIRECTORY_SIZE = 4096;
export const NO_BYTES = new Uint8Array(0);

export function sizeOf(node: DiskNode): number {
  if (node.kind === 'file') return node.size;
  if (node.kind === 'symlink') return node.target.length;
  return node.kind === 'directory' ? DIRECTORY_SIZE : 0;
}

export function factsOf(node: DiskNode): Facts {
  const { kind, inode, mtimeNs, ctimeNs, bornNs, mode, uid, gid } = node;
  return { kind, inode, size: sizeOf(node), mtimeNs, ctimeNs, bornNs, mode, uid, gid };
}

/** A view of a file's content that stays what it is while the file changes. */
export function contentOf(node: FileNode): Uint8Array {
  node.isShared = true;
  return node.bytes.subarray(0, node.size);
}

/** Makes room for `size` bytes that may be written; the file's own size stays. */
export function reserve(node: FileNode, size: number): void {
  if (!node.isShared && node.bytes.length >= size) return;
  const grown = node.size === 0 ? size : Math.max(size, node.size * 2);
  const bytes = new Uint8Array(grown);
  bytes.set(node.bytes.subarray(0, node.size));
  node.bytes = bytes;
  node.isShared = false;
}

/** Absolute path as text, from the disk's root or from that of an unmounted tree. */
export function pathOf(node: DiskNode): string {
  let path = '';
  for (let at = node; at.parent !== null; at = at.parent) path = `/${decodeName(at.name)}${path}`;
  return path === '' ? '/' : path;
}

/** Text of a name's bytes; those that are no UTF-8 become `\xNN`. */
export function decodeName(bytes: string): string {
  if (!/[\u0080-\u00ff]/.test(bytes)) return bytes;
  const raw = Buffer.from(bytes, 'latin1');
  if (isUtf8(raw)) return raw.toString('utf8');
  return bytes.replaceAll(/[\u0080-\u00ff]/g, (byte) => `\\x${byte.charCodeAt(0).toString(16)}`);
}

export function encodeName(text: string): string {
  return /[^\0-\u007f]/.test(text) ? Buffer.from(text, 'utf8').toString('latin1') : text;
}
