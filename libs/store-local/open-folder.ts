/**
 * Open folder: one operation's view of a pair's folder. Root, private directory and marker
 * are opened anew for each operation, so that a folder that was unmounted, replaced or
 * recreated meanwhile is noticed before anything is concluded from it (invariant 6).
 */
import { PRIVATE_DIRECTORY } from '#core/name.ts';
import type { Clock } from '#ports/clock.ts';
import { type ErrorCode, HoldfastError } from '#ports/errors.ts';
import type { LocalFolderFacts } from '#ports/local-folder.ts';
import type { Log } from '#ports/log.ts';
import type { AttemptOwner } from './attempt-owner.ts';
import { type FileSystem, type OpenDirectory, succeeds, systemCode } from './file-system.ts';
import { asLocalError } from './local-errors.ts';
import { type Marker, readMarker } from './marker.ts';

export interface FolderOptions {
  /** Absolute path of the folder. */
  readonly root: string;
  readonly pairId: string;
  readonly clock: Clock;
  readonly log: Log | null;
  readonly fileSystem: FileSystem;
  readonly owner: AttemptOwner;
  /** Milliseconds without activity after which an attempt of an unseen owner counts as crashed. */
  readonly leaseMs: number;
}

export interface OpenFolder extends FolderOptions {
  readonly facts: LocalFolderFacts;
  readonly marker: Marker;
  readonly rootDirectory: OpenDirectory;
  /** `.holdfast/` and its `attempts/`. */
  readonly privateDirectory: OpenDirectory;
  readonly attempts: OpenDirectory;
}

const ATTEMPTS = 'attempts';
export const TRASH = 'trash';

/** Opens the folder, checks its marker, runs `work`, closes. Failures come out as HoldfastError, naming `what`. */
export async function withFolder<Result>(
  options: FolderOptions,
  what: string,
  work: (folder: OpenFolder) => Promise<Result>,
): Promise<Result> {
  const opened: OpenDirectory[] = [];
  const keep = async (opening: Promise<OpenDirectory>): Promise<OpenDirectory> => {
    const directory = await opening;
    opened.push(directory);
    return directory;
  };
  let isOpen = false;
  try {
    const rootDirectory = await keep(openRoot(options));
    const privateDirectory = await keep(openPrivate(rootDirectory, options.root));
    const marker = await requireMarker(privateDirectory, options);
    const { facts } = marker;
    const attempts = await keep(
      openOwn(privateDirectory, ATTEMPTS, privatePath(options, ATTEMPTS), 'folder-denied'),
    );
    isOpen = true;
    return await work({ ...options, facts, marker, rootDirectory, privateDirectory, attempts });
  } catch (thrown) {
    if (passThrough(thrown)) throw thrown;
    if (!isOpen && isDenied(thrown)) throw deniedPrivate(options, thrown);
    throw asLocalError(thrown, `${what} in ${options.root}`);
  } finally {
    for (const directory of opened.reverse()) await directory.close();
  }
}

/** Errors with names of their own mean something to the caller; only failures of the system are translated. */
function passThrough(thrown: unknown): boolean {
  return thrown instanceof Error && systemCode(thrown) === undefined;
}

/** @throws HoldfastError folder-missing, folder-denied */
export async function openRoot(options: Pick<FolderOptions, 'fileSystem' | 'root'>): Promise<OpenDirectory> {
  try {
    return await options.fileSystem.openRoot(options.root);
  } catch (thrown) {
    switch (systemCode(thrown)) {
      case 'ENOENT':
        throw new HoldfastError(
          'folder-missing',
          `the folder ${options.root} does not exist; mount its volume or restore it`,
          { cause: thrown },
        );
      case 'ENOTDIR':
      case 'ELOOP':
        throw new HoldfastError(
          'folder-missing',
          `${options.root} is no directory; put the folder itself there, not a link or file`,
          { cause: thrown },
        );
      case 'EACCES':
      case 'EPERM':
        throw new HoldfastError(
          'folder-denied',
          `the folder ${options.root} may not be opened; give the service account read, write and search permission`,
          { cause: thrown },
        );
      default:
        throw asLocalError(thrown, `open ${options.root}`);
    }
  }
}

async function openPrivate(root: OpenDirectory, path: string): Promise<OpenDirectory> {
  try {
    return await root.openDirectory(PRIVATE_DIRECTORY);
  } catch (thrown) {
    switch (systemCode(thrown)) {
      case 'ENOENT':
      case 'ENOTDIR':
      case 'ELOOP':
        throw unmarked(path, thrown);
      default:
        throw thrown;
    }
  }
}

export function isDenied(thrown: unknown): boolean {
  return ['EACCES', 'EPERM'].includes(systemCode(thrown) ?? '');
}

function deniedPrivate(folder: Pick<FolderOptions, 'root'>, cause: unknown): HoldfastError {
  return new HoldfastError(
    'folder-denied',
    `${privatePath(folder)} or what is in it may not be opened; give it back to the service account`,
    { cause },
  );
}

/** For messages: where something of Holdfast's own is. */
export function privatePath({ root }: Pick<FolderOptions, 'root'>, ...segments: string[]): string {
  return [root, PRIVATE_DIRECTORY, ...segments].join('/');
}

async function requireMarker(privateDirectory: OpenDirectory, options: FolderOptions): Promise<Marker> {
  const marker = await readMarker(privateDirectory);
  if (marker === null) throw unmarked(options.root);
  if (marker.pairId === options.pairId) return marker;
  throw new HoldfastError(
    'folder-unmarked',
    `${options.root} carries the marker of another pair: the wrong folder is mounted there`,
  );
}

function unmarked(root: string, cause?: unknown): HoldfastError {
  return new HoldfastError(
    'folder-unmarked',
    `${root} has no Holdfast marker: its volume is not mounted, or another folder is in its place`,
    { cause },
  );
}

/**
 * A directory of ours below a directory of ours, made when it is missing.
 * @param path for the message when its user put something else there.
 * @throws HoldfastError with this code then
 */
export async function openOwn(
  above: OpenDirectory,
  segment: string,
  path: string,
  code: ErrorCode,
): Promise<OpenDirectory> {
  try {
    const own = await openIfThere(above, segment);
    if (own !== null) return own;
    await succeeds(above.makeDirectory(segment, 0o700), 'EEXIST');
    return await above.openDirectory(segment);
  } catch (thrown) {
    if (['ENOTDIR', 'ELOOP'].includes(systemCode(thrown) ?? '')) throw obstructed(path, code, thrown);
    throw thrown;
  }
}

async function openIfThere(above: OpenDirectory, segment: string): Promise<OpenDirectory | null> {
  try {
    return await above.openDirectory(segment);
  } catch (thrown) {
    if (systemCode(thrown) === 'ENOENT') return null;
    throw thrown;
  }
}

function obstructed(path: string, code: ErrorCode, cause?: unknown): HoldfastError {
  const text = `${path} is no directory; move it away, Holdfast needs that name for itself`;
  return new HoldfastError(code, text, { cause });
}

/** What a commit would stumble over only after it has begun. @throws HoldfastError folder-denied */
export async function checkTrash(folder: OpenFolder): Promise<void> {
  const facts = await folder.privateDirectory.lstat(TRASH);
  if (facts !== null && facts.kind !== 'directory')
    throw obstructed(privatePath(folder, TRASH), 'folder-denied');
}
