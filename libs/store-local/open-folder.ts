/**
 * Open folder: an operation's view of a pair's folder: root, private directory and marker, opened
 * and checked together. Nothing stays open between operations, so that a volume can be unmounted,
 * and one that was, or was replaced, is noticed before anything is concluded from it (invariant 6).
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
  /** Downloads of at least so many bytes go on where an earlier attempt ended. */
  readonly resumedBytes: number;
}

export interface OpenFolder extends FolderOptions {
  readonly facts: LocalFolderFacts;
  readonly marker: Marker;
  readonly rootDirectory: OpenDirectory;
  /** `.holdfast/` and its `attempts/`. */
  readonly privateDirectory: OpenDirectory;
  readonly attempts: OpenDirectory;
}

export const ATTEMPTS = 'attempts';
export const TRASH = 'trash';

/** Opens the folder, checks its marker, runs `work`, closes. Failures come out as HoldfastError, naming `what`. */
export function withFolder<Result>(
  options: FolderOptions,
  what: string,
  work: (folder: OpenFolder) => Promise<Result>,
): Promise<Result> {
  return new FolderSharing(options).anew(what, work);
}

/** Long enough for the operations of a batch, and far less than it takes to put another folder in place and sync it. */
const SHARED_MS = 1_000;

/** A folder that was opened, for as long as anybody uses it. */
interface Opened {
  readonly since: number;
  readonly opening: Promise<OpenFolder>;
  /** All that was opened so far. */
  readonly directories: OpenDirectory[];
  users: number;
}

/**
 * Operations that run at once share one opened folder: opening it takes more calls than most of them. All of them see
 * the very directory whose marker was read, so what they conclude is true of the pair's own folder whatever is put in
 * its place meanwhile; that it still is in its place, whoever needs to know asks `anew`, and those after see what it saw.
 */
export class FolderSharing {
  readonly #options: FolderOptions;
  #latest: Opened | null = null;

  constructor(options: FolderOptions) {
    this.#options = options;
  }

  /** Runs `work` on the folder as it is now. Failures come out as HoldfastError, naming `what`. */
  anew<Result>(what: string, work: (folder: OpenFolder) => Promise<Result>): Promise<Result> {
    const directories: OpenDirectory[] = [];
    const opening = openFolder(this.#options, directories);
    this.#latest = { since: this.#options.clock.now(), opening, directories, users: 0 };
    return this.#use(this.#latest, what, work);
  }

  /** As `anew`, or on a folder that another operation opened just now and still uses. */
  shared<Result>(what: string, work: (folder: OpenFolder) => Promise<Result>): Promise<Result> {
    const latest = this.#latest;
    const ageMs = this.#options.clock.now() - (latest?.since ?? 0);
    return latest === null || ageMs < 0 || ageMs > SHARED_MS
      ? this.anew(what, work)
      : this.#use(latest, what, work);
  }

  async #use<Result>(
    opened: Opened,
    what: string,
    work: (folder: OpenFolder) => Promise<Result>,
  ): Promise<Result> {
    const { opening, directories } = opened;
    opened.users += 1;
    let isOpen = false;
    try {
      const folder = await opening;
      isOpen = true;
      return await work(folder);
    } catch (thrown) {
      if (!isOpen && this.#latest === opened) this.#latest = null;
      if (passThrough(thrown)) throw thrown;
      if (!isOpen && isDenied(thrown)) throw deniedPrivate(this.#options, thrown);
      throw asLocalError(thrown, `${what} in ${this.#options.root}`);
    } finally {
      opened.users -= 1;
      if (opened.users === 0) {
        if (this.#latest === opened) this.#latest = null;
        for (const directory of directories.reverse()) await directory.close();
      }
    }
  }
}

/** @param directories gets all that was opened, also when it fails: its caller closes them. */
async function openFolder(options: FolderOptions, directories: OpenDirectory[]): Promise<OpenFolder> {
  const keep = async (opening: Promise<OpenDirectory>): Promise<OpenDirectory> => {
    const directory = await opening;
    directories.push(directory);
    return directory;
  };
  const rootDirectory = await keep(openRoot(options));
  const privateDirectory = await keep(openPrivate(rootDirectory, options.root));
  const marker = await requireMarker(privateDirectory, options);
  const attempts = await keep(
    openOwn(privateDirectory, ATTEMPTS, privatePath(options, ATTEMPTS), 'folder-denied'),
  );
  return { ...options, facts: marker.facts, marker, rootDirectory, privateDirectory, attempts };
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
