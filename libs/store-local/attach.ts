/**
 * Attach: makes a folder a pair's. The marker tells the pair's folder from an empty mount
 * point, and keeps what was found out about the file system by trying it.
 */
import { PRIVATE_DIRECTORY } from '#core/name.ts';
import { asHoldfastError, HoldfastError } from '#ports/errors.ts';
import type { LocalFolderFacts } from '#ports/local-folder.ts';
import { unlinkIfPresent } from './attempts.ts';
import { type OpenDirectory, succeeds } from './file-system.ts';
import { asLocalError } from './local-errors.ts';
import { draftMarker, MARKER, readMarker } from './marker.ts';
import {
  ATTEMPTS,
  type FolderOptions,
  isDenied,
  openOwn,
  openRoot,
  privatePath,
  withFolder,
} from './open-folder.ts';
import { dropAllPartials } from './partial.ts';

/** @throws HoldfastError folder-missing, folder-denied, already-exists */
export async function attachFolder(options: FolderOptions, pairId: string): Promise<LocalFolderFacts> {
  const root = await openRoot(options);
  try {
    const privateDirectory = await openOwn(root, PRIVATE_DIRECTORY, privatePath(options), 'folder-denied');
    try {
      await refuseOtherPair(privateDirectory, options.root, pairId, null);
      const facts = await probeFacts(privateDirectory, options.clock.uniqueId());
      await writeMarker(privateDirectory, options, pairId, facts);
      return facts;
    } finally {
      await privateDirectory.close();
    }
  } catch (thrown) {
    throw deniedFolder(thrown, options.root) ?? asLocalError(thrown, `attach ${options.root}`);
  } finally {
    await root.close();
  }
}

const STAYS = ['ENOTEMPTY', 'EEXIST', 'ENOENT', 'ENOTDIR'] as const;

/** See `LocalFolder.detach`. Another pair's marker is left alone. */
export async function detachFolder(options: FolderOptions): Promise<void> {
  try {
    await withFolder(options, 'detach', async (folder) => {
      const { rootDirectory, privateDirectory } = folder;
      await unlinkIfPresent(privateDirectory, MARKER);
      await privateDirectory.sync();
      await dropAllPartials(folder);
      // Trash and unfinished work stay; where there was neither, nothing tells of the pair any more.
      await succeeds(privateDirectory.removeDirectory(ATTEMPTS), ...STAYS);
      await succeeds(rootDirectory.removeDirectory(PRIVATE_DIRECTORY), ...STAYS);
    });
  } catch (thrown) {
    const { code } = asHoldfastError(thrown);
    if (code !== 'folder-missing' && code !== 'folder-unmarked') throw thrown;
  }
}

function deniedFolder(thrown: unknown, path: string): HoldfastError | null {
  if (!isDenied(thrown)) return null;
  return new HoldfastError(
    'folder-denied',
    `nothing can be written in ${path}; give the service account write permission`,
    { cause: thrown },
  );
}

async function refuseOtherPair(
  privateDirectory: OpenDirectory,
  path: string,
  pairId: string,
  draft: string | null,
): Promise<void> {
  const marker = await readMarker(privateDirectory);
  if (marker === null || marker.pairId === pairId) return;
  if (draft !== null) await privateDirectory.unlink(draft);
  throw new HoldfastError(
    'already-exists',
    `${path} belongs to another pair already; remove that pair first, or delete ${PRIVATE_DIRECTORY}/${MARKER} if it is gone`,
  );
}

async function writeMarker(
  privateDirectory: OpenDirectory,
  options: FolderOptions,
  pairId: string,
  facts: LocalFolderFacts,
): Promise<void> {
  const draft = `${MARKER}-${options.clock.uniqueId()}`;
  await draftMarker(privateDirectory, draft, pairId, facts);
  // Of two pairs that attach the folder at once, one gets it: a link is never made over another.
  const isFirst =
    facts.hardLinks && (await succeeds(privateDirectory.link(draft, privateDirectory, MARKER), 'EEXIST'));
  if (isFirst) {
    await privateDirectory.unlink(draft);
  } else {
    await refuseOtherPair(privateDirectory, options.root, pairId, draft);
    await privateDirectory.rename(draft, privateDirectory, MARKER);
  }
  await privateDirectory.sync();
}

async function probeFacts(directory: OpenDirectory, unique: string): Promise<LocalFolderFacts> {
  const plain = `probe-${unique}`;
  const linked = `probe-link-${unique}`;
  const composed = `probe-\u00e9-${unique}`;
  await (await directory.createFile(plain, 0o600)).close();
  try {
    const hardLinks = await succeeds(
      directory.link(plain, directory, linked),
      'EPERM',
      'EOPNOTSUPP',
      'ENOTSUP',
      'ENOSYS',
      'EMLINK',
    );
    if (hardLinks) await directory.unlink(linked);
    const foldsCase = (await directory.lstat(`PROBE-${unique}`)) !== null;
    const foldsUnicode = await probeUnicode(directory, composed);
    return { hardLinks, foldsCase, foldsUnicode };
  } finally {
    await directory.unlink(plain);
  }
}

async function probeUnicode(directory: OpenDirectory, composed: string): Promise<boolean> {
  await (await directory.createFile(composed, 0o600)).close();
  try {
    return (await directory.lstat(composed.normalize('NFD'))) !== null;
  } finally {
    await directory.unlink(composed);
  }
}
