/**
 * Linux file system: segments are resolved against open descriptors as
 * `/proc/self/fd/<fd>/<segment>`, which is what Node offers in place of the *at() calls.
 * The kernel takes the magic link straight to the open directory, wherever it was moved.
 */
import fs from 'node:fs';
import { promisify } from 'node:util';
import type { FactKind, Facts, FileSystem, ListedEntry, OpenDirectory, OpenFile } from './file-system.ts';
import { setModifiedAt } from './modified-at.ts';

const { O_DIRECTORY, O_NOFOLLOW, O_RDONLY, O_RDWR, O_NONBLOCK, O_CREAT, O_EXCL } = fs.constants;
const DIRECTORY_FLAGS = O_RDONLY | O_DIRECTORY | O_NOFOLLOW;
/** Gets hold of an entry without opening what it is: the kernel's own number, which Node does not name. */
const O_PATH = 0o10000000;

const open = promisify(fs.open);
const close = promisify(fs.close);
const read = promisify(fs.read);
const write = promisify(fs.write);
const fsync = promisify(fs.fsync);
const fchmod = promisify(fs.fchmod);
const fchown = promisify(fs.fchown);
const lstat = promisify(fs.lstat);
const fstat = promisify(fs.fstat);
const { link, mkdir, readdir, readlink, rename, rmdir, unlink } = fs.promises;

export const linuxFileSystem: FileSystem = {
  setsOwners: process.getuid?.() === 0,
  async openRoot(path) {
    return openDirectoryOf(await open(path, DIRECTORY_FLAGS));
  },
};

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
  if (stats.isFIFO()) return 'fifo';
  if (stats.isSocket()) return 'socket';
  return 'device';
}

/** One closing per descriptor: its number may belong to somebody else right after. */
function closeOnce(fd: number): { close(): Promise<void>; closeNow(): void } {
  let isOpen = true;
  return {
    async close() {
      if (!isOpen) return;
      isOpen = false;
      await close(fd);
    },
    closeNow() {
      if (!isOpen) return;
      isOpen = false;
      fs.closeSync(fd);
    },
  };
}

function requireSegment(segment: string): string {
  if (segment === '' || segment === '.' || segment === '..' || /[/\0]/.test(segment)) {
    throw new RangeError(`not one segment of a name: ${JSON.stringify(segment)}`);
  }
  return segment;
}

const descriptors = new WeakMap<OpenDirectory, number>();

function pathOf(directory: OpenDirectory): string {
  const fd = descriptors.get(directory);
  if (fd === undefined) throw new TypeError('a directory of another file system');
  return `/proc/self/fd/${fd}`;
}

function below(directory: OpenDirectory, segment: string): string {
  return `${pathOf(directory)}/${requireSegment(segment)}`;
}

/** What stands there may have been exchanged since it was looked at, and opening a pipe or device has effects. */
async function openRegularFile(path: string): Promise<number> {
  const held = await open(path, O_PATH | O_NOFOLLOW);
  try {
    const { kind } = factsOf(await fstat(held, { bigint: true }));
    if (kind !== 'file') throw notRegular(kind);
    return await open(`/proc/self/fd/${held}`, O_RDONLY | O_NONBLOCK);
  } finally {
    await close(held);
  }
}

function notRegular(kind: FactKind): Error {
  const code = kind === 'symlink' ? 'ELOOP' : 'ENXIO';
  return Object.assign(new Error(`${code}: not a regular file but a ${kind}`), { code });
}

async function absentAsNull(found: Promise<fs.BigIntStats>): Promise<Facts | null> {
  try {
    return factsOf(await found);
  } catch (thrown) {
    if (thrown instanceof Error && 'code' in thrown && thrown.code === 'ENOENT') return null;
    throw thrown;
  }
}

function listed(entries: fs.Dirent<string>[]): ListedEntry[] {
  return entries.map((entry) => ({ bytes: entry.name, isDirectory: entry.isDirectory() }));
}

function openDirectoryOf(fd: number): OpenDirectory {
  const self = `/proc/self/fd/${fd}`;
  const at = (segment: string): string => `${self}/${requireSegment(segment)}`;
  const listing = { withFileTypes: true, encoding: 'latin1' } as const;
  const directory: OpenDirectory = {
    path: () => readlink(self),
    facts: async () => factsOf(await fstat(fd, { bigint: true })),
    // The trailing slash makes the magic link a directory to Node, which asks for types of unknown entries by path.
    list: async () => listed(await readdir(`${self}/`, listing)),
    lstat: (segment) => absentAsNull(lstat(at(segment), { bigint: true })),
    openDirectoryAgain: async () => openDirectoryOf(await open(`${self}/.`, DIRECTORY_FLAGS)),
    openDirectory: async (segment) => openDirectoryOf(await open(at(segment), DIRECTORY_FLAGS)),
    openForReading: async (segment) => openFileOf(await openRegularFile(at(segment))),
    createFile: async (segment, mode) =>
      openFileOf(await open(at(segment), O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, mode)),
    async makeDirectory(segment, mode) {
      await mkdir(at(segment), { mode });
    },
    link: (segment, to, toSegment) => link(at(segment), below(to, toSegment)),
    rename: (segment, to, toSegment) => rename(at(segment), below(to, toSegment)),
    unlink: (segment) => unlink(at(segment)),
    removeDirectory: (segment) => rmdir(at(segment)),
    setMode: (mode) => fchmod(fd, mode),
    setOwner: (uid, gid) => fchown(fd, uid, gid),
    sync: () => fsync(fd),
    ...closeOnce(fd),
    listNow: () => listed(fs.readdirSync(`${self}/`, listing)),
    lstatNow(segment) {
      const stats = fs.lstatSync(at(segment), { bigint: true, throwIfNoEntry: false });
      return stats === undefined ? null : factsOf(stats);
    },
    openDirectoryNow: (segment) => openDirectoryOf(fs.openSync(at(segment), DIRECTORY_FLAGS)),
  };
  descriptors.set(directory, fd);
  return directory;
}

export interface DirectoryWatch {
  close(): void;
}

/**
 * Watches the very directory that is open, also after its descriptor was closed or its name moved.
 * @param onEvent `entry` when a name in it appeared or vanished, `content` when a file or its attributes changed;
 * the name's bytes as in `ListedEntry`, or null when it is the directory itself.
 * @throws Error with the system's `code`, such as ENOSPC when no more can be watched
 */
export function watchDirectory(
  directory: OpenDirectory,
  onEvent: (what: 'entry' | 'content', bytes: string | null) => void,
  onError: (error: unknown) => void,
): DirectoryWatch {
  // What is told of the watched path itself bears its last segment, which is no other entry's name.
  const path = `${pathOf(directory)}/${ITSELF}`;
  const watcher = fs.watch(path, { encoding: 'buffer' }, (event, segment) => {
    const bytes = segment?.toString('latin1') ?? ITSELF;
    onEvent(event === 'rename' ? 'entry' : 'content', bytes === ITSELF ? null : bytes);
  });
  watcher.on('error', onError);
  return watcher;
}

const ITSELF = '.';

function openFileOf(fd: number): OpenFile {
  return {
    facts: async () => factsOf(await fstat(fd, { bigint: true })),
    async read(into, position) {
      const { bytesRead } = await read(fd, into, 0, into.length, position);
      return bytesRead;
    },
    async write(bytes) {
      for (let done = 0; done < bytes.length; ) {
        const { bytesWritten } = await write(fd, bytes, done, bytes.length - done, null);
        done += bytesWritten;
      }
    },
    setMode: (mode) => fchmod(fd, mode),
    setOwner: (uid, gid) => fchown(fd, uid, gid),
    setModifiedAt: async (mtimeNs) => setModifiedAt(fd, mtimeNs),
    sync: () => fsync(fd),
    close: closeOnce(fd).close,
  };
}
