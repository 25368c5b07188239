import { randomUUID } from 'node:crypto';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { mkdir, readdir, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { conflictName } from '#core/conflict-name.ts';
import type { Displaced } from '#core/decide.ts';
import { type Name, toName } from '#core/name.ts';
import { toSerial } from '#core/serial.ts';
import { ABSENT, type LocalState } from '#core/state.ts';
import { createDigest } from '#libs/digest/digest.ts';
import type { FileSystem, OpenDirectory } from '#libs/store-local/file-system.ts';
import { linuxFileSystem } from '#libs/store-local/linux-file-system.ts';
import { type LocalFolderOptions, openLocalFolder } from '#libs/store-local/local-folder.ts';
import type { Clock } from '#ports/clock.ts';
import type { CommitOrder } from '#ports/commit.ts';
import type { StagedDirectory, StagedFile } from '#ports/content.ts';
import type { LocalFolder } from '#ports/local-folder.ts';

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
  /** Another view of the same folder, such as another worker's. */
  open(options?: Partial<LocalFolderOptions>): LocalFolder;
  remove(): void;
}

export async function makeFixture(options: Partial<LocalFolderOptions> = {}): Promise<Fixture> {
  const base = mkdtempSync(join(tmpdir(), 'store-local-'));
  const root = join(base, 'folder');
  await mkdir(root);
  const open = (more: Partial<LocalFolderOptions> = {}): LocalFolder =>
    openLocalFolder({ root, pairId: 'pair-1', clock: systemClock, ...options, ...more });
  const folder = open();
  await folder.attach('pair-1');
  return { root, folder, open, remove: () => rmSync(base, { recursive: true, force: true }) };
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
export async function contents(root: string): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const entry of await readdir(root, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    const name = path.slice(root.length + 1);
    if (entry.isFile() && !name.startsWith('.holdfast')) found[name] = await readFile(path, 'utf8');
  }
  return found;
}

/** Content of all files in the trash, in no order. */
export async function trashed(root: string): Promise<string[]> {
  return filesBelow(join(root, '.holdfast/trash'), (path) => /\/\d{8}\/[^/]+\//.test(path));
}

export async function attemptsLeft(root: string): Promise<string[]> {
  const attempts = join(root, '.holdfast/attempts');
  return existsSync(attempts) ? readdir(attempts) : [];
}

async function filesBelow(path: string, isWanted: (path: string) => boolean): Promise<string[]> {
  const found: string[] = [];
  const entries = await readdir(path, { recursive: true, withFileTypes: true }).catch(() => []);
  for (const entry of entries) {
    const file = join(entry.parentPath, entry.name);
    if (entry.isFile() && isWanted(file)) found.push(await readFile(file, 'utf8'));
  }
  return found;
}

/** What a hook sees: the primitive and its segments. Throwing makes the primitive fail; what it returns is awaited. */
export type Hook = (primitive: string, segments: readonly string[], when: 'before' | 'after') => unknown;

/** The real file system with a hook around every asynchronous primitive on a directory. */
export function hooked(hook: Hook): FileSystem {
  const originals = new WeakMap<OpenDirectory, OpenDirectory>();
  const wrap = (directory: OpenDirectory): OpenDirectory => {
    const wrapped = new Proxy(directory, {
      get(target, key: keyof OpenDirectory) {
        const original = target[key] as ((...given: unknown[]) => unknown) | undefined;
        // Being awaited, the directory is asked for symbols and `then` as well.
        if (original === undefined || key.endsWith('Now') || key === 'close') return original;
        return async (...given: unknown[]) => {
          const segments = given.filter((item): item is string => typeof item === 'string');
          await hook(key, segments, 'before');
          const plain = given.map((item) => originals.get(item as OpenDirectory) ?? item);
          const result = await original(...plain);
          await hook(key, segments, 'after');
          return key.startsWith('openDirectory') ? wrap(result as OpenDirectory) : result;
        };
      },
    });
    originals.set(wrapped, directory);
    return wrapped;
  };
  return {
    setsOwners: linuxFileSystem.setsOwners,
    openRoot: async (path) => wrap(await linuxFileSystem.openRoot(path)),
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
