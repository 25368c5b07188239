/** Linux user: what a user of a memory disk can do, done to real files, so that both can be compared. */
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import { decodeName } from '#libs/memory/disk-nodes.ts';
import type { DiskPath, DiskUser, TreeEntry, Writer } from '#libs/memory/disk-user.ts';
import { type FactKind, type Facts, systemCode } from '#libs/store-local/file-system.ts';

export type FolderUser = { readonly [Action in keyof DiskUser]: DiskUser[Action] };

const { O_CREAT, O_RDWR, O_TRUNC, O_APPEND, O_NOFOLLOW } = fs.constants;
const FLAGS = { keep: 0, empty: O_TRUNC, append: O_APPEND } as const;

/** A socket's name outlives the process that listened on it. */
const LISTEN_AND_EXIT = 'net.createServer().listen(process.argv[1], () => process.exit())';

let drafts = 0;

export const linuxUser: FolderUser = {
  write: (path, bytes) => using(linuxUser.openWriter(path, 'empty'), bytes),
  append: (path, bytes) => using(linuxUser.openWriter(path, 'append'), bytes),
  truncate: (path, size) => fs.truncateSync(pathOf(path), size),
  save(path, bytes) {
    drafts += 1;
    const draft = `${String(path)}.draft-${drafts}`;
    linuxUser.write(draft, bytes);
    fs.renameSync(draft, pathOf(path));
  },
  openWriter(path, begin = 'keep'): Writer {
    const fd = fs.openSync(pathOf(path), O_RDWR | O_CREAT | O_NOFOLLOW | FLAGS[begin]);
    return {
      write(bytes) {
        fs.writeFileSync(fd, bytes);
      },
      truncate: (size) => fs.ftruncateSync(fd, size),
      content() {
        const bytes = Buffer.alloc(fs.fstatSync(fd).size);
        return bytes.subarray(0, fs.readSync(fd, bytes, 0, bytes.length, 0));
      },
      close: () => fs.closeSync(fd),
    };
  },
  makeDirectories(path) {
    fs.mkdirSync(pathOf(path), { recursive: true });
  },
  rename: (path, to) => fs.renameSync(pathOf(path), pathOf(to)),
  link: (path, to) => fs.linkSync(pathOf(path), pathOf(to)),
  symlink: (target, path) => fs.symlinkSync(target, pathOf(path)),
  makeSpecial(path, kind) {
    if (kind === 'fifo') execFileSync('mkfifo', [String(path)]);
    else if (kind === 'socket') execFileSync(process.execPath, ['-e', LISTEN_AND_EXIT, String(path)]);
    else throw new Error(`a ${kind} needs more rights than a test has`);
  },
  unlink: (path) => fs.unlinkSync(pathOf(path)),
  removeDirectory: (path) => fs.rmdirSync(pathOf(path)),
  removeTree: (path) => fs.rmSync(pathOf(path), { recursive: true, force: true }),
  chmod: (path, mode) => fs.chmodSync(pathOf(path), mode),
  chown: (path, uid, gid) => fs.lchownSync(pathOf(path), uid, gid),
  setModifiedAt(path, mtimeNs) {
    const seconds = Number(mtimeNs) / 1e9;
    fs.lutimesSync(pathOf(path), seconds, seconds);
  },
  lstat(path) {
    const stats = lstatOrNull(path);
    return stats === null ? null : factsOf(stats);
  },
  read(path) {
    return lstatOrNull(path)?.isFile() ? fs.readFileSync(pathOf(path)) : null;
  },
  readText(path) {
    const bytes = linuxUser.read(path);
    return bytes === null ? null : Buffer.from(bytes).toString('utf8');
  },
  tree(path) {
    const found: TreeEntry[] = [];
    if (lstatOrNull(path)?.isDirectory()) collect(Buffer.from(path), '', found);
    return found;
  },
};

/** Nothing is below a file either. */
function lstatOrNull(path: DiskPath): fs.BigIntStats | null {
  try {
    return fs.lstatSync(pathOf(path), { bigint: true });
  } catch (thrown) {
    if (['ENOENT', 'ENOTDIR'].includes(systemCode(thrown) ?? '')) return null;
    throw thrown;
  }
}

function pathOf(path: DiskPath): fs.PathLike {
  return typeof path === 'string' ? path : Buffer.from(path);
}

function using(writer: Writer, bytes: Uint8Array | string): void {
  try {
    writer.write(bytes);
  } finally {
    writer.close();
  }
}

function factsOf(stats: fs.BigIntStats): Facts {
  return {
    kind: kindOf(stats),
    inode: stats.ino,
    size: Number(stats.size),
    mtimeNs: stats.mtimeNs,
    ctimeNs: stats.ctimeNs,
    bornNs: stats.birthtimeNs,
    mode: Number(stats.mode & 0o7777n),
    uid: Number(stats.uid),
    gid: Number(stats.gid),
  };
}

function kindOf(stats: fs.BigIntStats): FactKind {
  if (stats.isFile()) return 'file';
  if (stats.isDirectory()) return 'directory';
  if (stats.isSymbolicLink()) return 'symlink';
  return stats.isFIFO() ? 'fifo' : stats.isSocket() ? 'socket' : 'device';
}

function collect(directory: Buffer, prefix: string, into: TreeEntry[]): void {
  for (const name of fs.readdirSync(directory, { encoding: 'latin1' })) {
    const at = Buffer.concat([directory, Buffer.from('/'), Buffer.from(name, 'latin1')]);
    const stats = fs.lstatSync(at, { bigint: true });
    const path = prefix + decodeName(name);
    into.push({
      path,
      ...factsOf(stats),
      links: stats.isDirectory() ? 1 : Number(stats.nlink),
      bytes: stats.isFile() ? fs.readFileSync(at) : null,
      target: stats.isSymbolicLink() ? fs.readlinkSync(at, 'latin1') : null,
    });
    if (stats.isDirectory()) collect(at, `${path}/`, into);
  }
}
