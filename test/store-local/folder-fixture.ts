import { randomUUID } from 'node:crypto';
import { mkdtempSync, readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { conflictName } from '#core/conflict-name.ts';
import type { Displaced } from '#core/decide.ts';
import { type Name, toName } from '#core/name.ts';
import { toSerial } from '#core/serial.ts';
import { ABSENT, type LocalState } from '#core/state.ts';
import { createDigest } from '#libs/digest/digest.ts';
import { MemoryDisk } from '#libs/memory/disk.ts';
import { atOnce } from '#libs/memory/step.ts';
import type { FileSystem, OpenDirectory, OpenFile } from '#libs/store-local/file-system.ts';
import { linuxFileSystem } from '#libs/store-local/linux-file-system.ts';
import { type LocalFolderOptions, openLocalFolder } from '#libs/store-local/local-folder.ts';
import type { Clock } from '#ports/clock.ts';
import type { CommitOrder } from '#ports/commit.ts';
import type { StagedDirectory, StagedFile } from '#ports/content.ts';
import type { LocalFolder, TrashItem } from '#ports/local-folder.ts';
import { type FolderUser, linuxUser } from '#test/support/linux-user.ts';

export const MD5 = { algorithm: 'md5' } as const;

export const systemClock: Clock = {
  now: () => Date.now(),
  sleep: async (ms) => {
    await delay(ms);
  },
  random: () => 0.5,
  uniqueId: () => randomUUID(),
};

export interface Fixture {
  readonly root: string;
  readonly folder: LocalFolder;
  readonly fileSystem: FileSystem;
  /** Works on the folder as its user does. */
  readonly user: FolderUser;
  at(...below: string[]): string;
  /** Another view of the same folder, such as another worker's. */
  open(options?: Partial<LocalFolderOptions>): LocalFolder;
  /** The file system with a hook around its primitives. */
  hooked(hook: Hook): FileSystem;
  /** Descriptors that are open now. */
  descriptors(): number;
  remove(): void;
}

/** Where folders of fixtures lie. */
interface Place {
  readonly base: string;
  readonly fileSystem: FileSystem;
  readonly user: FolderUser;
  descriptors(): number;
}

function placeOnLinux(): Place {
  return {
    base: mkdtempSync(join(tmpdir(), 'store-local-')),
    fileSystem: linuxFileSystem,
    user: linuxUser,
    descriptors: () => readdirSync('/proc/self/fd').length,
  };
}

function placeInMemory(): Place {
  const disk = new MemoryDisk(systemClock);
  const fileSystem = disk.fileSystem(atOnce);
  return { base: '/srv/base', fileSystem, user: disk.user(), descriptors: () => fileSystem.open };
}

let makePlace = placeOnLinux;

/** From now on the fixtures of this process lie on disks in memory. */
export function useMemory(): void {
  makePlace = placeInMemory;
}

export async function makeFixture(options: Partial<LocalFolderOptions> = {}): Promise<Fixture> {
  const { base, fileSystem, user, descriptors } = makePlace();
  const root = join(base, 'folder');
  user.makeDirectories(root);
  const open = (more: Partial<LocalFolderOptions> = {}): LocalFolder =>
    openLocalFolder({ root, pairId: 'pair-1', clock: systemClock, fileSystem, ...options, ...more });
  const folder = open();
  await folder.attach('pair-1');
  return {
    ...{ root, folder, fileSystem, user, open, descriptors },
    at: (...below) => join(root, ...below),
    hooked: (hook) => hooked(hook, fileSystem),
    remove: () => user.removeTree(base),
  };
}

export function md5(bytes: Uint8Array | string): string {
  const digest = createDigest(MD5);
  digest.update(Buffer.from(bytes));
  return digest.hex();
}

export function fileContent(bytes: Uint8Array | string, more: Partial<StagedFile> = {}): StagedFile {
  const content = Buffer.from(bytes);
  return {
    kind: 'file',
    size: content.length,
    mtimeNs: 1_600_000_000_000_000_000n,
    mode: null,
    hash: md5(content),
    digest: MD5,
    async *read(start = 0, end = content.length) {
      if (end > start) yield content.subarray(start, end);
    },
    release: async () => {},
    ...more,
  };
}

export const directoryContent: StagedDirectory = {
  kind: 'directory',
  mtimeNs: null,
  mode: null,
  release: async () => {},
};

export function orderOf(
  name: Name,
  expected: LocalState = ABSENT,
  displaced: Displaced = 'recoverable',
  serial = 7n,
): CommitOrder<LocalState> {
  return {
    expected,
    displaced,
    serial: toSerial(serial),
    conflictName: (at, attempt) => conflictName(name, at, 'here', attempt),
  };
}

export async function stateOf(folder: LocalFolder, name: string): Promise<LocalState> {
  const probed = await folder.probe(toName(name));
  if (probed.result !== 'state') throw new Error(`the probe of ${name} says ${probed.result}`);
  return probed.state;
}

/** Content of all visible regular files, by name. */
export async function contents({ user, root }: Fixture): Promise<Record<string, string>> {
  const visible = user.tree(root).filter(({ path }) => !path.startsWith('.holdfast'));
  return Object.fromEntries(
    visible.flatMap(({ path, bytes }) => (bytes === null ? [] : [[path, Buffer.from(bytes).toString()]])),
  );
}

/** Content of all files in the trash, in no order. */
export async function trashed({ user, root }: Fixture): Promise<string[]> {
  const inTrash = user.tree(join(root, '.holdfast/trash')).filter(({ path }) => /^\d{8}\/[^/]+\//.test(path));
  return inTrash.flatMap(({ bytes }) => (bytes === null ? [] : [Buffer.from(bytes).toString()]));
}

/** What the folder itself tells of its trash. */
export async function allTrashed(folder: LocalFolder): Promise<TrashItem[]> {
  const items: TrashItem[] = [];
  for await (const item of folder.trashed(async () => new Set())) items.push(item);
  return items;
}

export async function attemptsLeft(fixture: Fixture): Promise<string[]> {
  return namesIn(fixture, fixture.at('.holdfast/attempts'));
}

/** What lies right in a directory; nothing when there is none. */
export function namesIn({ user }: Fixture, path: string): string[] {
  const names = user.tree(path).map((entry) => entry.path);
  return names.filter((name) => !name.includes('/')).sort();
}

/** What a hook sees: the primitive and its segments. Throwing makes the primitive fail; what it returns is awaited. */
export type Hook = (primitive: string, segments: readonly string[], when: 'before' | 'after') => unknown;

/** A file system with a hook around every asynchronous primitive on a directory, and new files as `made` makes them. */
export function hooked(
  hook: Hook,
  fileSystem: FileSystem = linuxFileSystem,
  made: (file: OpenFile, segment: string) => OpenFile = (file) => file,
): FileSystem {
  const originals = new WeakMap<OpenDirectory, OpenDirectory>();
  const wrap = (directory: OpenDirectory): OpenDirectory => {
    const wrapped = new Proxy(directory, {
      get(target, key: keyof OpenDirectory) {
        const original = target[key] as ((...given: unknown[]) => unknown) | undefined;
        // Being awaited, the directory is asked for symbols and `then` as well.
        if (original === undefined) return original;
        if (key.endsWith('Now') || key === 'close') return original.bind(target);
        return async (...given: unknown[]) => {
          const segments = given.filter((item): item is string => typeof item === 'string');
          await hook(key, segments, 'before');
          const plain = given.map((item) => originals.get(item as OpenDirectory) ?? item);
          const result = await original.apply(target, plain);
          await hook(key, segments, 'after');
          if (key === 'createFile') return made(result as OpenFile, segments[0] ?? '');
          return key.startsWith('openDirectory') ? wrap(result as OpenDirectory) : result;
        };
      },
    });
    originals.set(wrapped, directory);
    return wrapped;
  };
  return {
    setsOwners: fileSystem.setsOwners,
    openRoot: async (path) => wrap(await fileSystem.openRoot(path)),
  };
}

/** Runs `action` once, before the first primitive that matches. */
export function once(primitive: string, segment: string, action: () => void): Hook {
  let isDone = false;
  return (seen, segments, when) => {
    if (isDone || when !== 'before' || seen !== primitive || !segments.includes(segment)) return;
    isDone = true;
    action();
  };
}

export function systemError(code: string): Error {
  return Object.assign(new Error(code), { code });
}
