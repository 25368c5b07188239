/**
 * Kernel watch: everything that is done to some files and directories, opening, listing and
 * reading included, as inotify tells it. Node's own watch leaves these out.
 */
import fs from 'node:fs';
import { join } from 'node:path';
import koffi from 'koffi';

const system = koffi.load(null);
const initialise: (flags: number) => number = system.func('int inotify_init1(int flags)');
const addWatch: (fd: number, path: string, mask: number) => number = system.func(
  'int inotify_add_watch(int fd, const char *path, uint32_t mask)',
);

const NONBLOCK = 0o4000;
const EVERYTHING = 0xfff;
const WORDS: readonly (readonly [bit: number, word: string])[] = [
  [0x1, 'read'],
  [0x2, 'written'],
  [0x4, 'attributes changed'],
  [0x20, 'opened'],
  [0x40, 'moved away'],
  [0x80, 'moved here'],
  [0x100, 'created'],
  [0x200, 'deleted'],
  [0x400, 'deleted itself'],
  [0x800, 'moved itself'],
  [0x4000, 'events were lost'],
];
/** A fixed part of four words, then the name. */
const HEADER_BYTES = 16;

export interface KernelWatch {
  /** What was done since the last call, as `path: opened`; at most a hundred lines. */
  seen(): string[];
  /** Of the watched, those whose events these processes wait for, too. */
  alsoWatchedBy(pids: readonly number[]): string[];
  close(): void;
}

/** Watches these files and directories from now on; of a directory also what is done to its entries. */
export function watchKernel(paths: readonly string[]): KernelWatch {
  const fd = initialise(NONBLOCK);
  if (fd < 0) throw new Error('no inotify instance can be had; raise fs.inotify.max_user_instances');
  const watched = new Map<number, string>();
  for (const path of paths) {
    const number = addWatch(fd, path, EVERYTHING);
    if (number < 0) throw new Error(`cannot watch ${path}`);
    watched.set(number, path);
  }
  const buffer = Buffer.alloc(64 * 1024);
  const seen = (): string[] => {
    const lines: string[] = [];
    for (let length = readSome(fd, buffer); length > 0; length = readSome(fd, buffer)) {
      for (let at = 0; at < length; ) {
        const nameBytes = buffer.readUInt32LE(at + 12);
        const end = at + HEADER_BYTES + nameBytes;
        const name = buffer.toString('utf8', at + HEADER_BYTES, end).replace(/\0+$/, '');
        const path = join(watched.get(buffer.readInt32LE(at)) ?? '', name);
        if (lines.length < 100) lines.push(`${path}: ${wordsOf(buffer.readUInt32LE(at + 4))}`);
        at = end;
      }
    }
    return lines;
  };
  const alsoWatchedBy = (pids: readonly number[]): string[] => {
    const inodes = new Map([...watched.values()].map((path) => [fs.lstatSync(path).ino, path]));
    return pids.flatMap((pid) =>
      inodesWatchedBy(pid, pid === process.pid ? fd : null).flatMap((inode) => {
        const path = inodes.get(inode);
        return path === undefined ? [] : [`${path}: watched by process ${pid}`];
      }),
    );
  };
  return { seen, alsoWatchedBy, close: () => fs.closeSync(fd) };
}

function readSome(fd: number, buffer: Buffer): number {
  try {
    return fs.readSync(fd, buffer);
  } catch (thrown) {
    if (thrown instanceof Error && 'code' in thrown && thrown.code === 'EAGAIN') return 0;
    throw thrown;
  }
}

function wordsOf(mask: number): string {
  const words = WORDS.flatMap(([bit, word]) => ((mask & bit) === 0 ? [] : [word]));
  return words.length === 0 ? `0x${mask.toString(16)}` : words.join(', ');
}

/** As the kernel shows them; inodes of different file systems may be equal. */
function inodesWatchedBy(pid: number, exceptFd: number | null): number[] {
  const directory = `/proc/${pid}/fdinfo`;
  return fs.readdirSync(directory).flatMap((fd) => {
    if (fd === `${exceptFd}`) return [];
    const text = readIfThere(join(directory, fd));
    return [...text.matchAll(/^inotify wd:\S+ ino:([0-9a-f]+)/gm)].map(([, inode = '']) =>
      Number.parseInt(inode, 16),
    );
  });
}

/** A descriptor may be closed since it was listed. */
function readIfThere(path: string): string {
  try {
    return fs.readFileSync(path, 'utf8');
  } catch (thrown) {
    if (thrown instanceof Error && 'code' in thrown && thrown.code === 'ENOENT') return '';
    throw thrown;
  }
}
