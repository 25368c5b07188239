/**
 * Disk calls: the kernel of a memory disk. Each is one atomic change, made or refused with the
 * code, and in the order of checks, that Linux has. Names are bytes as `disk-nodes.ts` says.
 */
import type { Facts } from '#libs/store-local/file-system.ts';
import type { Caller, Medium } from './disk-medium.ts';
import {
  type DirectoryNode,
  type DiskNode,
  type FileNode,
  factsOf,
  NO_BYTES,
  reserve,
  sizeOf,
} from './disk-nodes.ts';

const READ = 4;
const WRITE = 2;
const SEARCH = 1;
const MAX_NAME_BYTES = 255;
const SETGID = 0o2000;

/** An error as the system's own. */
export function systemError(code: string, what: string): Error {
  // A stack would show the scheduler only; without it a refusal costs no more than a success.
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = 0;
  const error = Object.assign(new Error(`${code}: ${what}`), { code });
  Error.stackTraceLimit = limit;
  return error;
}

function requirePermission(caller: Caller, node: DiskNode, wanted: number): void {
  if (caller.isPrivileged) return;
  const shift = node.uid === caller.uid ? 6 : node.gid === caller.gid ? 3 : 0;
  if (((node.mode >> shift) & wanted) !== wanted) throw systemError('EACCES', 'permission denied');
}

function requireWritable(medium: Medium): void {
  if (medium.isReadOnly) throw systemError('EROFS', 'read-only file system');
}

function requireOwner(caller: Caller, node: DiskNode): void {
  if (!caller.isPrivileged && node.uid !== caller.uid) throw systemError('EPERM', 'not the owner');
}

/** What `name` leads to; undefined when nothing. */
export function find(
  medium: Medium,
  caller: Caller,
  directory: DirectoryNode,
  name: string,
): DiskNode | undefined {
  requirePermission(caller, directory, SEARCH);
  if (directory.links === 0) throw systemError('ENOENT', 'the directory is removed');
  if (name.length > MAX_NAME_BYTES) throw systemError('ENAMETOOLONG', 'file name too long');
  return directory.entries.get(medium.keyOf(name))?.node;
}

/** Null when nothing is there, also because the directory itself is gone. */
export function lstat(medium: Medium, caller: Caller, directory: DirectoryNode, name: string): Facts | null {
  requirePermission(caller, directory, SEARCH);
  if (directory.links === 0) return null;
  const node = find(medium, caller, directory, name);
  return node === undefined ? null : factsOf(node);
}

function findExisting(medium: Medium, caller: Caller, directory: DirectoryNode, name: string): DiskNode {
  const node = find(medium, caller, directory, name);
  if (node === undefined) throw systemError('ENOENT', 'no such file or directory');
  return node;
}

export function findDirectory(
  medium: Medium,
  caller: Caller,
  directory: DirectoryNode,
  name: string,
): DirectoryNode {
  const node = findExisting(medium, caller, directory, name);
  if (node.kind !== 'directory') throw systemError('ENOTDIR', 'not a directory');
  return node;
}

export function openDirectory(
  medium: Medium,
  caller: Caller,
  directory: DirectoryNode,
  name: string,
): DirectoryNode {
  return openFound(caller, findDirectory(medium, caller, directory, name));
}

/** A further descriptor of a directory, which is searched for itself. */
export function openAgain(caller: Caller, directory: DirectoryNode): DirectoryNode {
  requirePermission(caller, directory, SEARCH);
  return openFound(caller, directory);
}

export function openFound(caller: Caller, directory: DirectoryNode): DirectoryNode {
  requirePermission(caller, directory, READ);
  directory.opens += 1;
  return directory;
}

export function openForReading(
  medium: Medium,
  caller: Caller,
  directory: DirectoryNode,
  name: string,
): DiskNode {
  const node = findExisting(medium, caller, directory, name);
  if (node.kind === 'symlink') throw systemError('ELOOP', 'it is a symbolic link');
  if (node.kind !== 'file') throw systemError('ENXIO', `it is no regular file but a ${node.kind}`);
  requirePermission(caller, node, READ);
  node.opens += 1;
  return node;
}

export function closeNode(medium: Medium, node: DiskNode): void {
  node.opens -= 1;
  medium.releaseIfGone(node);
}

/** A removed directory lists as empty; permission is asked each time, because Linux is asked by path. */
export function list(caller: Caller, directory: DirectoryNode): { bytes: string; isDirectory: boolean }[] {
  requirePermission(caller, directory, READ);
  const listed: { bytes: string; isDirectory: boolean }[] = [];
  for (const { name, node } of directory.entries.values()) {
    listed.push({ bytes: name, isDirectory: node.kind === 'directory' });
  }
  return listed;
}

/** Refuses a name that is taken, or that may not be made. */
function requireFreeName(medium: Medium, caller: Caller, directory: DirectoryNode, name: string): void {
  if (find(medium, caller, directory, name) !== undefined) throw systemError('EEXIST', 'file exists');
  requireWritable(medium);
  requirePermission(caller, directory, WRITE | SEARCH);
}

function addEntry(medium: Medium, directory: DirectoryNode, name: string, node: DiskNode, now: bigint): void {
  directory.entries.set(medium.keyOf(name), { name, node });
  directory.mtimeNs = directory.ctimeNs = now;
  node.parent = directory;
  node.name = name;
  node.links += 1;
  node.ctimeNs = now;
  medium.announce(node, 'with-below');
}

/** Takes a name away; whether the node lives on depends on its other names and its descriptors. */
function dropEntry(
  medium: Medium,
  directory: DirectoryNode,
  name: string,
  node: DiskNode,
  now: bigint,
): void {
  directory.entries.delete(medium.keyOf(name));
  directory.mtimeNs = directory.ctimeNs = now;
  node.links -= 1;
  node.ctimeNs = now;
  if (medium.listeners.size > 0) medium.announce({ ...node, parent: directory, name }, 'with-below');
}

/** Puts a new node under a free name, where the medium has room for it. */
export function create<Made extends DiskNode>(
  medium: Medium,
  caller: Caller,
  directory: DirectoryNode,
  name: string,
  make: (owner: { uid: number; gid: number }) => Made,
): Made {
  requireFreeName(medium, caller, directory, name);
  const inheritsGroup = (directory.mode & SETGID) !== 0;
  // Even an empty file needs a block for its inode.
  if (medium.used >= medium.capacity) throw systemError('ENOSPC', 'no space left on device');
  const node = make({ uid: caller.uid, gid: inheritsGroup ? directory.gid : caller.gid });
  if (medium.used + sizeOf(node) > medium.capacity) throw systemError('ENOSPC', 'no space left on device');
  if (inheritsGroup && node.kind === 'directory') node.mode |= SETGID;
  medium.used += sizeOf(node);
  addEntry(medium, directory, name, node, medium.stamp());
  return node;
}

export function link(
  medium: Medium,
  caller: Caller,
  from: DirectoryNode,
  name: string,
  to: DirectoryNode,
  toName: string,
): void {
  const node = findExisting(medium, caller, from, name);
  requireFreeName(medium, caller, to, toName);
  if (node.kind === 'directory' || !medium.options.hardLinks) {
    throw systemError('EPERM', 'operation not permitted');
  }
  addEntry(medium, to, toName, node, medium.stamp());
}

export function rename(
  medium: Medium,
  caller: Caller,
  from: DirectoryNode,
  name: string,
  to: DirectoryNode,
  toName: string,
): void {
  // Both directories are reached before either name is looked for.
  requirePermission(caller, from, SEARCH);
  requirePermission(caller, to, SEARCH);
  const source = findExisting(medium, caller, from, name);
  const target = find(medium, caller, to, toName);
  requireWritable(medium);
  if (isAbove(source, to)) throw systemError('EINVAL', 'a directory cannot be moved into itself');
  if (target !== undefined && isAbove(target, from)) throw systemError('ENOTEMPTY', 'directory not empty');
  // Two names of one file: Linux does nothing. A folding disk gives the one name its new spelling.
  const isRespelling = from === to && name !== toName && medium.keyOf(name) === medium.keyOf(toName);
  if (source === target && !isRespelling) return;
  requirePermission(caller, from, WRITE | SEARCH);
  requirePermission(caller, to, WRITE | SEARCH);
  if (target !== undefined && target !== source) requireReplaceable(source, target);
  if (source.kind === 'directory' && from !== to) requirePermission(caller, source, WRITE);
  const now = medium.stamp();
  if (target !== undefined && target !== source) {
    dropEntry(medium, to, toName, target, now);
    medium.releaseIfGone(target);
  }
  dropEntry(medium, from, name, source, now);
  addEntry(medium, to, toName, source, now);
}

function isAbove(node: DiskNode, directory: DirectoryNode): boolean {
  for (let at: DirectoryNode | null = directory; at !== null; at = at.parent) if (at === node) return true;
  return false;
}

function requireReplaceable(source: DiskNode, target: DiskNode): void {
  if (source.kind !== 'directory') {
    if (target.kind === 'directory') throw systemError('EISDIR', 'is a directory');
    return;
  }
  if (target.kind !== 'directory') throw systemError('ENOTDIR', 'not a directory');
  if (target.entries.size > 0) throw systemError('ENOTEMPTY', 'directory not empty');
}

export function unlink(medium: Medium, caller: Caller, directory: DirectoryNode, name: string): void {
  requireWritable(medium);
  const node = findExisting(medium, caller, directory, name);
  requirePermission(caller, directory, WRITE | SEARCH);
  if (node.kind === 'directory') throw systemError('EISDIR', 'is a directory');
  dropEntry(medium, directory, name, node, medium.stamp());
  medium.releaseIfGone(node);
}

export function removeDirectory(
  medium: Medium,
  caller: Caller,
  directory: DirectoryNode,
  name: string,
): void {
  requireWritable(medium);
  const node = findExisting(medium, caller, directory, name);
  requirePermission(caller, directory, WRITE | SEARCH);
  if (node.kind !== 'directory') throw systemError('ENOTDIR', 'not a directory');
  if (node.entries.size > 0) throw systemError('ENOTEMPTY', 'directory not empty');
  dropEntry(medium, directory, name, node, medium.stamp());
  medium.releaseIfGone(node);
}

export function read(node: DiskNode, into: Uint8Array, position: number): number {
  if (node.kind === 'directory') throw systemError('EISDIR', 'is a directory');
  if (node.kind === 'fifo') throw systemError('ESPIPE', 'illegal seek');
  if (node.kind !== 'file') return 0;
  const end = Math.min(node.size, position + into.length);
  if (position >= end) return 0;
  into.set(node.bytes.subarray(position, end));
  return end - position;
}

/**
 * Writes as much as there is room for. @returns bytes written, all of them unless the medium is full.
 * @throws ENOSPC when not one fits.
 */
export function write(medium: Medium, node: FileNode, position: number, bytes: Uint8Array): number {
  if (bytes.length === 0) return 0;
  requireWritable(medium);
  const end = Math.min(position + bytes.length, Math.max(node.size, node.size + roomOf(medium)));
  if (end <= position) throw systemError('ENOSPC', 'no space left on device');
  reserve(node, end);
  node.bytes.set(end - position === bytes.length ? bytes : bytes.subarray(0, end - position), position);
  if (end > node.size) {
    medium.used += end - node.size;
    node.size = end;
  }
  contentChanged(medium, node);
  return end - position;
}

function roomOf(medium: Medium): number {
  return medium.capacity - medium.used;
}

/** Cuts a file, or fills it up with zeros. */
export function truncate(medium: Medium, node: FileNode, size: number): void {
  requireWritable(medium);
  if (size - node.size > roomOf(medium)) throw systemError('ENOSPC', 'no space left on device');
  medium.used += size - node.size;
  if (size > node.size) {
    reserve(node, size);
  } else {
    node.bytes = size === 0 ? NO_BYTES : node.bytes.slice(0, size);
    node.isShared = false;
  }
  node.size = size;
  contentChanged(medium, node);
}

function contentChanged(medium: Medium, node: FileNode): void {
  node.mtimeNs = node.ctimeNs = medium.stamp();
  if (node.links > 0) medium.announce(node, 'alone');
}

export function setMode(medium: Medium, caller: Caller, node: DiskNode, mode: number): void {
  requireWritable(medium);
  requireOwner(caller, node);
  node.mode = mode & 0o7777;
  attributesChanged(medium, node);
}

export function setOwner(medium: Medium, caller: Caller, node: DiskNode, uid: number, gid: number): void {
  requireWritable(medium);
  const isOwn = node.uid === caller.uid && uid === caller.uid && gid === caller.gid;
  if (!caller.isPrivileged && !isOwn) throw systemError('EPERM', 'operation not permitted');
  node.uid = uid;
  node.gid = gid;
  attributesChanged(medium, node);
}

export function setModifiedAt(medium: Medium, caller: Caller, node: DiskNode, mtimeNs: bigint): void {
  requireWritable(medium);
  requireOwner(caller, node);
  node.mtimeNs = medium.cutTime(mtimeNs);
  attributesChanged(medium, node);
}

function attributesChanged(medium: Medium, node: DiskNode): void {
  node.ctimeNs = medium.stamp();
  if (node.links > 0) medium.announce(node, 'alone');
}
