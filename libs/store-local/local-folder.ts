/**
 * Local folder: the port's operations, each on a folder opened and checked for it or for others that
 * run at the same time. Nothing is kept between operations but what the marker told, so any number of
 * processes may work on one folder and each of them may be killed at any moment.
 */
import type { Clock } from '#ports/clock.ts';
import type { LocalFolder, LocalFolderFacts, WalkItem } from '#ports/local-folder.ts';
import type { Log } from '#ports/log.ts';
import { attachFolder, detachFolder } from './attach.ts';
import { type AttemptOwner, processOwner } from './attempt-owner.ts';
import type { FileSystem } from './file-system.ts';
import { giveUpEntry } from './give-up.ts';
import { linuxFileSystem } from './linux-file-system.ts';
import { asLocalError } from './local-errors.ts';
import { tellMarker } from './marker.ts';
import { checkTrash, type FolderOptions, FolderSharing, type OpenFolder, withFolder } from './open-folder.ts';
import { probeEntry } from './probe.ts';
import { pullEntry } from './pull.ts';
import { removeEntry } from './remove.ts';
import { repairAll } from './repair.ts';
import { hashEntry, stageEntry } from './stage.ts';
import { discardFromTrash, lookAgainAtTrash, restoreFromTrash } from './trash.ts';
import { inspectTrash, trashDays, trashedOn } from './trash-listing.ts';
import { walkTree } from './walk.ts';

export interface LocalFolderOptions {
  /** Absolute path of the folder; a link in its place counts as missing. */
  readonly root: string;
  /** Must equal the marker's. */
  readonly pairId: string;
  readonly clock: Clock;
  readonly log?: Log;
  /** The real one unless a simulation or a fault stands in. */
  readonly fileSystem?: FileSystem;
  readonly owner?: AttemptOwner;
  /** Milliseconds of silence after which a commit begun on another machine counts as crashed. */
  readonly leaseMs?: number;
  /** Bytes from which on a download goes on where an earlier attempt ended. */
  readonly resumedBytes?: number;
}

const DEFAULT_LEASE_MS = 15 * 60_000;
/** Below that, fetching again costs less than looking for what there is. */
const DEFAULT_RESUMED_BYTES = 64 * 1024 * 1024;

/** Opens nothing yet: the folder may be missing and come back. `facts` are those of the last operation. */
export function openLocalFolder(given: LocalFolderOptions): LocalFolder {
  const options: FolderOptions = {
    root: given.root,
    pairId: given.pairId,
    clock: given.clock,
    log: given.log ?? null,
    fileSystem: given.fileSystem ?? linuxFileSystem,
    owner: given.owner ?? processOwner,
    leaseMs: given.leaseMs ?? DEFAULT_LEASE_MS,
    resumedBytes: given.resumedBytes ?? DEFAULT_RESUMED_BYTES,
  };
  let facts: LocalFolderFacts = { hardLinks: true, foldsCase: false, foldsUnicode: false };

  const sharing = new FolderSharing(options);
  const noting =
    <Result>(work: (folder: OpenFolder) => Promise<Result>) =>
    (folder: OpenFolder): Promise<Result> => {
      facts = folder.facts;
      return work(folder);
    };
  /** Where it matters that the folder is in its place now, or what its marker tells now. */
  const run = <Result>(what: string, work: (folder: OpenFolder) => Promise<Result>): Promise<Result> =>
    sharing.anew(what, noting(work));
  /** For what is done to one name, of which very many are done at once. */
  const runShared = <Result>(what: string, work: (folder: OpenFolder) => Promise<Result>): Promise<Result> =>
    sharing.shared(what, noting(work));

  return {
    get facts() {
      return facts;
    },
    async attach(pairId) {
      facts = await attachFolder(options, pairId);
      return facts;
    },
    detach: () => detachFolder(options),
    check: () =>
      run('check', async (folder) => {
        await checkTrash(folder);
        return folder.marker.generation;
      }),
    tell: (generation, isKept) =>
      run('write the marker', ({ privateDirectory, marker }) =>
        isKept(marker.generation)
          ? tellMarker(privateDirectory, marker, generation, options.clock.uniqueId())
          : Promise.resolve(marker.generation),
      ),
    walk: (isExcluded) => walkFolder(options, isExcluded),
    probe: (name) => runShared(`probe "${name}"`, (folder) => probeEntry(folder, name)),
    hash: (name, expected, digest) =>
      runShared(`read "${name}"`, (folder) => hashEntry(folder, name, expected, digest)),
    stage: (name, expected, digest, settledBefore) =>
      runShared(`read "${name}"`, (folder) => stageEntry(folder, name, expected, digest, settledBefore)),
    pull: (name, content, order) =>
      runShared(`write "${name}"`, (folder) => pullEntry(folder, name, content, order)),
    remove: (name, order) => runShared(`remove "${name}"`, (folder) => removeEntry(folder, name, order)),
    giveUp: (name, wanted, digest, order) =>
      runShared(`settle "${name}"`, (folder) => giveUpEntry(folder, name, wanted, digest, order)),
    recover: (before) => run('repair crashed commits', (folder) => repairAll(folder, before)),
    lookAgain: (name, pointer, conflictName) =>
      run(`look again at "${name}"`, (folder) => lookAgainAtTrash(folder, name, pointer, conflictName)),
    inspect: (pointer, digest) =>
      run('look into the trash', (folder) => inspectTrash(folder, pointer, digest)),
    trashed: async function* (known) {
      for (const day of await run('list the trash', trashDays)) {
        yield* await run('list the trash', (folder) => trashedOn(folder, day, known));
      }
    },
    restore: (name, pointer) => run(`restore "${name}"`, (folder) => restoreFromTrash(folder, name, pointer)),
    discard: (pointer) => run('empty the trash', (folder) => discardFromTrash(folder, pointer)),
    close: async () => {},
  };
}

/**
 * The folder is checked before the first and after the last entry: a volume that was
 * unmounted while it was walked must not look like one whose names are gone (invariant 6).
 */
async function* walkFolder(
  options: FolderOptions,
  isExcluded: Parameters<LocalFolder['walk']>[0],
): AsyncGenerator<WalkItem> {
  const root = await withFolder(options, 'walk', ({ rootDirectory }) => rootDirectory.openDirectoryAgain());
  try {
    yield* walkTree(root, isExcluded);
  } catch (thrown) {
    throw asLocalError(thrown, `walk ${options.root}`);
  } finally {
    await root.close();
  }
  await withFolder(options, 'walk', async () => {});
}
