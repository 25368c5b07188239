/**
 * Resolve: the directory a name lies in, opened component by component without following
 * links. Before a commit its place is asked of the kernel again, because a directory that
 * was opened inside the folder may have been moved out of it since (invariant 8).
 */
import { type Name, parentOf } from '#core/name.ts';
import { type Facts, type FileSystem, type OpenDirectory, succeeds, systemCode } from './file-system.ts';

export type Resolved =
  | { readonly kind: 'open'; readonly directory: OpenDirectory }
  /** The directory does not exist. */
  | { readonly kind: 'missing' }
  /** Something that is no directory stands on the way. */
  | { readonly kind: 'obstructed'; readonly by: Facts }
  /** A directory on the way may not be entered: what lies below is unknown. */
  | { readonly kind: 'unreadable'; readonly directory: Facts };

/**
 * Opens the directory that holds `name`. @param root stays open and is never the one handed out.
 * The caller closes what it gets.
 */
export async function openParent(root: OpenDirectory, name: Name): Promise<Resolved> {
  return descend(root, segmentsAbove(name), async () => 'stop');
}

export type Ensured =
  | { readonly kind: 'open'; readonly directory: OpenDirectory; readonly made: readonly Name[] }
  | Exclude<Resolved, { kind: 'open' }>;

/** As `openParent`, making what is missing with mode and owner of the directory above it. */
export async function ensureParent(fs: FileSystem, root: OpenDirectory, name: Name): Promise<Ensured> {
  const made: Name[] = [];
  const resolved = await descend(root, segmentsAbove(name), async (above, segment, path) => {
    if (await makeLikeParent(fs, above, segment)) made.push(path);
    return 'retry';
  });
  return resolved.kind === 'open' ? { ...resolved, made } : resolved;
}

/**
 * @param mode what upstream wants; nothing that would lock ourselves out of what we make.
 * @returns false when something was there already, or when the directory above is itself gone.
 */
export async function makeLikeParent(
  fs: FileSystem,
  above: OpenDirectory,
  segment: string,
  mode?: number,
): Promise<boolean> {
  const like = await above.facts();
  if (!(await succeeds(above.makeDirectory(segment, 0o700), 'EEXIST', 'ENOENT'))) return false;
  let directory: OpenDirectory;
  try {
    directory = await above.openDirectory(segment);
  } catch (thrown) {
    // Removed or replaced by its user since: then it is not ours to adorn.
    if (['ENOENT', 'ENOTDIR', 'ELOOP'].includes(systemCode(thrown) ?? '')) return true;
    throw thrown;
  }
  try {
    const made = await directory.facts();
    // A directory of somebody else, moved here since, keeps its owner and mode.
    if ((made.mode & 0o777) !== 0o700) return true;
    if (fs.setsOwners) await directory.setOwner(like.uid, like.gid);
    await directory.setMode(((mode ?? like.mode) & 0o777) | 0o700 | (made.mode & 0o2000));
  } finally {
    await directory.close();
  }
  return true;
}

/** Whether the open directory still lies where `name` says, below the folder's root. */
export async function isStillParentOf(
  root: OpenDirectory,
  parent: OpenDirectory,
  name: Name,
): Promise<boolean> {
  const [rootPath, parentPath] = await Promise.all([root.path(), parent.path()]);
  const above = parentOf(name);
  const prefix = rootPath === '/' ? '' : rootPath;
  return parentPath === (above === null ? rootPath : `${prefix}/${above}`);
}

type OnMissing = (above: OpenDirectory, segment: string, path: Name) => Promise<'stop' | 'retry'>;

/** Between a missing directory and its making anything may happen; nobody loses this race for ever. */
const DESCENT_TRIES = 3;

async function descend(
  root: OpenDirectory,
  segments: readonly string[],
  onMissing: OnMissing,
): Promise<Resolved> {
  // A second descriptor of the root, so that the caller may close whatever it gets.
  if (segments.length === 0) return { kind: 'open', directory: await root.openDirectoryAgain() };
  let current = root;
  let path = '';
  for (const segment of segments) {
    path = path === '' ? segment : `${path}/${segment}`;
    let step: Resolved;
    try {
      step = await enter(current, segment, path as Name, onMissing);
    } finally {
      if (current !== root) await current.close();
    }
    if (step.kind !== 'open') return step;
    current = step.directory;
  }
  return { kind: 'open', directory: current };
}

async function enter(
  above: OpenDirectory,
  segment: string,
  path: Name,
  onMissing: OnMissing,
): Promise<Resolved> {
  for (let tries = 1; ; tries += 1) {
    try {
      return { kind: 'open', directory: await above.openDirectory(segment) };
    } catch (thrown) {
      const facts = await above.lstat(segment);
      switch (systemCode(thrown)) {
        case 'ENOENT':
          if (tries < DESCENT_TRIES && (await onMissing(above, segment, path)) === 'retry') continue;
          return { kind: 'missing' };
        case 'ENOTDIR':
        case 'ELOOP':
          if (facts !== null && facts.kind !== 'directory') return { kind: 'obstructed', by: facts };
          if (tries < DESCENT_TRIES) continue;
          return { kind: 'missing' };
        case 'EACCES':
        case 'EPERM':
          if (facts !== null) return { kind: 'unreadable', directory: facts };
          return { kind: 'missing' };
        default:
          throw thrown;
      }
    }
  }
}

function segmentsAbove(name: Name): string[] {
  return name.split('/').slice(0, -1);
}
