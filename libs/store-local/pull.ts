/**
 * Pull: the commit protocol of the local target (design section 6). Fetch and verify in private;
 * then, expected absent: link to the name. Expected present: journal, hide, verify what was
 * hidden, link, and send the hidden content where the order says. No lock is taken anywhere;
 * every step is one atomic call whose refusal is an answer.
 */
import { baseOf, type Name } from '#core/name.ts';
import { type LocalState, sameLocalFacts } from '#core/state.ts';
import type { CommitOrder, CommitOutcome } from '#ports/commit.ts';
import { type Staged, type StagedDirectory, type StagedFile, StaleContent } from '#ports/content.ts';
import { asHoldfastError, HoldfastError } from '#ports/errors.ts';
import {
  type Attempt,
  beginAttempt,
  type Intent,
  intentOf,
  NEW,
  OLD,
  removeAttempt,
  unlinkIfPresent,
  writeIntent,
} from './attempts.ts';
import { placeCopy } from './copy-without-links.ts';
import { type Displacement, displace, type Hidden, putBack } from './displace.ts';
import { dressFile, type Fetched, fetchContent, isCutOff } from './fetch.ts';
import { type Facts, type OpenDirectory, succeeds } from './file-system.ts';
import { localStateOf } from './local-state.ts';
import { moveAside } from './move.ts';
import type { OpenFolder } from './open-folder.ts';
import { dropPartials, isPartial } from './partial.ts';
import { repairAttempt, repairAttemptsOf } from './repair.ts';
import {
  type Ensured,
  ensureParent,
  isStillParentOf,
  makeLikeParent,
  openParent,
  type Resolved,
} from './resolve.ts';
import { hashSegment } from './stage.ts';
import { findTrashed } from './trash.ts';

export type Outcome = CommitOutcome<LocalState>;
type Order = CommitOrder<LocalState>;

const NOTHING: Displacement = { conflictCopies: [], recovery: null };

/** See `LocalFolder.pull`. */
export async function pullEntry(
  folder: OpenFolder,
  name: Name,
  content: Staged,
  order: Order,
): Promise<Outcome> {
  const outcome = await repairAndPull(folder, name, content, order);
  // Left by whoever was overtaken: nobody will come for them.
  if (outcome.result === 'applied' && content.kind === 'file') {
    await dropPartials(folder, name, null, content, 'all');
  }
  return outcome;
}

async function repairAndPull(
  folder: OpenFolder,
  name: Name,
  content: Staged,
  order: Order,
): Promise<Outcome> {
  const wanted = content.kind === 'file' ? content : null;
  const { isHeld, conflictCopies, recovery } = await repairAttemptsOf(folder, name, wanted);
  const repaired: Displacement = { conflictCopies, recovery };
  if (isHeld) return stale('another commit of this name is under way', repaired);
  const early = await lookBeforeFetching(folder, name, content, order, repaired);
  if (early !== null) return early;
  if (content.kind === 'directory') {
    return withAttempt(folder, name, order, (attempt) =>
      pullDirectory(folder, attempt, name, content, order),
    );
  }
  return withAttempt(folder, name, order, async (attempt) => {
    let fetched: Fetched;
    try {
      fetched = await fetchContent(folder, name, attempt, content);
    } catch (thrown) {
      if (thrown instanceof StaleContent) return stale(thrown.message, NOTHING);
      throw thrown;
    }
    try {
      return await pullFile(folder, attempt, name, content, fetched, order);
    } finally {
      await fetched.file.close();
    }
  });
}

/** @returns an outcome that needs no fetching, or null when the target is, or may be, as expected. */
async function lookBeforeFetching(
  folder: OpenFolder,
  name: Name,
  content: Staged,
  order: Order,
  repaired: Displacement,
): Promise<Outcome | null> {
  const parent = await openParent(folder.rootDirectory, name);
  const closed = outcomeOfClosed(parent, name);
  if (closed !== null) return closed;
  if (parent.kind !== 'open') return isAbsentExpected(order) ? null : stale('it is gone here', repaired);
  try {
    const current = await parent.directory.lstat(baseOf(name));
    const hasDisplaced = repaired.recovery !== null || repaired.conflictCopies.length > 0;
    if (isExpected(current, order) && !hasDisplaced) return null;
    if (content.kind === 'directory') {
      return current?.kind === 'directory'
        ? await repeated(folder, name, order, current, null, repaired)
        : stale('the entry here is not the expected one', repaired);
    }
    if (current?.kind === 'file' && current.size === content.size) {
      // Without a hash to compare only fetching can tell whether this is our own earlier effect.
      if (content.hash === null && !hasDisplaced) return null;
      const hash = await hashSegment(parent.directory, baseOf(name), current, content.digest);
      if (hash !== null && hash === content.hash) {
        return repeated(folder, name, order, current, hash, repaired);
      }
    }
    return stale('the entry here is not the expected one', repaired);
  } finally {
    await parent.directory.close();
  }
}

/**
 * Runs one attempt to its end. Whatever it left is repaired at once, as after a crash, and what the repair displaced
 * is reported: nobody else would ever tell where it is (invariant 1). Only what a source gave until it failed stays.
 */
export async function withAttempt(
  folder: OpenFolder,
  name: Name,
  order: Order,
  work: (attempt: Attempt) => Promise<Outcome>,
): Promise<Outcome> {
  const attempt = await beginAttempt(folder, name, order.serial);
  try {
    const outcome = await work(attempt);
    if (await isRemoved(folder, attempt)) {
      return await withFinalState(folder, name, outcome).catch(() => outcome);
    }
    return withDisplaced(outcome, await repairLeft(folder, attempt, name));
  } catch (thrown) {
    if (isCutOff(thrown) && (await isPartial(attempt))) throw thrown;
    const repaired = await repairLeft(folder, attempt, name);
    if (repaired.recovery === null && repaired.conflictCopies.length === 0) throw thrown;
    return stale(`it failed half-way and was repaired: ${asHoldfastError(thrown).message}`, repaired);
  } finally {
    folder.owner.end(attempt.id);
    await attempt.directory.close();
  }
}

/** A commit that was carried out stays so when tidying up fails. */
async function isRemoved(folder: OpenFolder, attempt: Attempt): Promise<boolean> {
  try {
    return await removeAttempt(folder, attempt);
  } catch {
    return false;
  }
}

async function repairLeft(folder: OpenFolder, attempt: Attempt, name: Name): Promise<Displacement> {
  folder.owner.end(attempt.id);
  try {
    return await repairAttempt(folder, attempt);
  } catch (thrown) {
    const { code, message } = asHoldfastError(thrown);
    folder.log?.warn({ name, code, reason: message }, 'an attempt is left for a later repair');
    return NOTHING;
  }
}

function withDisplaced(outcome: Outcome, { conflictCopies, recovery }: Displacement): Outcome {
  if (outcome.result === 'blocked') return outcome;
  return {
    ...outcome,
    conflictCopies: [...outcome.conflictCopies, ...conflictCopies],
    recovery: outcome.recovery ?? recovery,
  };
}

/**
 * The state to remember is what stands there after all our own links and unlinks, which move
 * ctime. When it is no longer what was placed, its user was faster: then the placed state is
 * remembered, so that the next probe sees the edit as one.
 */
async function withFinalState(folder: OpenFolder, name: Name, outcome: Outcome): Promise<Outcome> {
  if (outcome.result !== 'applied' || outcome.state.kind === 'absent') return outcome;
  const parent = await openParent(folder.rootDirectory, name);
  if (parent.kind !== 'open') return outcome;
  try {
    const final = localStateOf(await parent.directory.lstat(baseOf(name)), outcome.hash);
    return sameLocalFacts(final, outcome.state, 'without-ctime') ? { ...outcome, state: final } : outcome;
  } finally {
    await parent.directory.close();
  }
}

interface FileCommit {
  readonly folder: OpenFolder;
  readonly attempt: Attempt;
  readonly name: Name;
  readonly base: string;
  readonly parent: OpenDirectory;
  readonly content: StagedFile;
  readonly fetched: Fetched;
  /** Of the new file, dressed. */
  readonly placed: Facts;
  readonly order: Order;
}

async function pullFile(
  folder: OpenFolder,
  attempt: Attempt,
  name: Name,
  content: StagedFile,
  fetched: Fetched,
  order: Order,
): Promise<Outcome> {
  return inParent(folder, name, order, async (parent) => {
    const like = await parent.facts();
    const { fileSystem, clock } = folder;
    const placed = await dressFile(fileSystem, fetched.file, like, content, order.expected, clock.now());
    const commit: FileCommit = {
      folder,
      attempt,
      name,
      base: baseOf(name),
      parent,
      content,
      fetched,
      placed,
      order,
    };
    return commitFile(commit);
  });
}

/** Opens and makes the directories above the name, and puts those made into the outcome. */
async function inParent(
  folder: OpenFolder,
  name: Name,
  order: Order,
  work: (parent: OpenDirectory) => Promise<Outcome>,
): Promise<Outcome> {
  // A directory that its user removed meanwhile is not made again around something that was expected in it.
  const parent: Ensured = isAbsentExpected(order)
    ? await ensureParent(folder.fileSystem, folder.rootDirectory, name)
    : await openParentAsEnsured(folder, name);
  const closed = outcomeOfClosed(parent, name);
  if (closed !== null) return closed;
  if (parent.kind !== 'open') return stale('its directory is gone', NOTHING);
  try {
    const outcome = await work(parent.directory);
    return outcome.result === 'applied' ? { ...outcome, madeDirectories: parent.made } : outcome;
  } finally {
    await parent.directory.close();
  }
}

async function openParentAsEnsured(folder: OpenFolder, name: Name): Promise<Ensured> {
  const parent = await openParent(folder.rootDirectory, name);
  return parent.kind === 'open' ? { ...parent, made: [] } : parent;
}

async function commitFile(commit: FileCommit): Promise<Outcome> {
  const { folder, parent, base, name, order, attempt, placed, fetched } = commit;
  if (!(await isStillParentOf(folder.rootDirectory, parent, name))) return movedAway();
  const current = await parent.lstat(base);
  if (!isExpected(current, order)) return settleOccupied(commit, NOTHING);
  switch (order.expected.kind) {
    case 'absent': {
      // A link either is there or is not: only of a copy a part may be left.
      if (!folder.facts.hardLinks) await writeIntent(attempt, intentOf(folder, name, order));
      const state = await place(commit);
      return state === null
        ? settleOccupied(commit, NOTHING)
        : applied(localStateOf(state, fetched.hash), fetched.hash, NOTHING);
    }
    case 'directory': {
      const intent = intentOf(folder, name, order);
      const cleared = await clearDirectory(folder, parent, base, order, intent);
      if ('result' in cleared) return cleared;
      if (intent.copies) await writeIntent(attempt, intent);
      const state = await place(commit);
      return state === null
        ? settleOccupied(commit, cleared)
        : applied(localStateOf(state, fetched.hash), fetched.hash, cleared);
    }
    case 'file':
    case 'unhandled':
      await attempt.directory.sync();
      return replace(commit, intentOf(folder, name, order), placed);
  }
}

/** Links the new file to its name. @returns its facts, or null when the name is taken. */
async function place({ folder, attempt, parent, base, placed, fetched }: FileCommit): Promise<Facts | null> {
  let facts: Facts | null = placed;
  if (!folder.facts.hardLinks) facts = await placeCopy(folder.fileSystem, fetched.file, parent, base);
  else if (!(await succeeds(attempt.directory.link(NEW, parent, base), 'EEXIST', 'ENOENT'))) facts = null;
  if (facts !== null) await parent.sync();
  return facts;
}

async function replace(commit: FileCommit, intent: Intent, placed: Facts): Promise<Outcome> {
  const { folder, attempt, parent, base, name, order, fetched, content } = commit;
  await writeIntent(attempt, intent);
  if (await wasTouched(parent, base, order)) return stale('it was touched here just now', NOTHING);
  if (!(await succeeds(parent.rename(base, attempt.directory, OLD), 'ENOENT'))) {
    return stale('it was removed here just now', NOTHING);
  }
  const facts = await attempt.directory.lstat(OLD);
  if (facts === null) return stale('another process repaired this commit', NOTHING);
  const hidden = { attempt, intent, facts, parent, base };
  const oldHash = await hashOfOld(commit, facts);
  const wasExpected = isExpected(facts, order);
  const isSame = facts.kind === 'file' && facts.size === content.size && oldHash === fetched.hash;
  if (!wasExpected && isSame) {
    // Another worker placed this very content between our look and our hiding: it keeps the name.
    const displacement = await putBack(folder, hidden);
    return settleOccupied(commit, displacement);
  }
  const isInPlace = await isStillParentOf(folder.rootDirectory, parent, name);
  if (facts.kind === 'directory' || !isInPlace) {
    return stale('it was replaced or moved here just now', await putBack(folder, hidden));
  }
  const state = await place(commit);
  if (state === null && (await parent.lstat(base))?.inode === facts.inode) {
    await unlinkIfPresent(attempt.directory, OLD);
    return stale('another process repaired this commit', NOTHING);
  }
  const fate = !wasExpected ? 'conflict-copy' : isSame ? 'recoverable' : order.displaced;
  const displacement = await displace(folder, hidden, fate, oldHash);
  if (state === null) return settleOccupied(commit, displacement);
  return applied(localStateOf({ ...placed, ...state }, fetched.hash), fetched.hash, displacement);
}

/** Digest of hidden content; read again only where the archive does not know it. */
async function hashOfOld({ attempt, order, content }: FileCommit, facts: Facts): Promise<string | null> {
  const { expected } = order;
  if (expected.kind === 'file' && expected.hash !== null && isExpected(facts, order)) return expected.hash;
  return hashSegment(attempt.directory, OLD, facts, content.digest);
}

/** Empties the name of an expected directory. @returns what that displaced, or the outcome that ends the commit. */
export async function clearDirectory(
  folder: OpenFolder,
  parent: OpenDirectory,
  base: string,
  order: Order,
  intent: Intent,
): Promise<Displacement | Outcome> {
  if (order.displaced === 'conflict-copy') {
    const facts = await parent.lstat(base);
    if (facts?.kind !== 'directory') return stale('the directory here is gone', NOTHING);
    const names = (turn: number): Name | undefined => intent.conflictNames[turn];
    const copy = await moveAside(folder, parent, base, facts, parent, names);
    return copy === null
      ? stale('the directory here is gone', NOTHING)
      : { conflictCopies: [copy], recovery: null };
  }
  if (await succeeds(parent.removeDirectory(base), 'ENOTEMPTY', 'EEXIST', 'ENOTDIR', 'ENOENT'))
    return NOTHING;
  const facts = await parent.lstat(base);
  if (facts === null) return NOTHING;
  return facts.kind === 'directory'
    ? { result: 'blocked', reason: 'directory-not-empty' }
    : stale('the directory here was replaced just now', NOTHING);
}

/** Somebody has the name. The same content there is our own effect, of an earlier run or another worker. */
async function settleOccupied(commit: FileCommit, displacement: Displacement): Promise<Outcome> {
  const { folder, parent, base, name, content, fetched, order } = commit;
  const current = await parent.lstat(base);
  if (current?.kind === 'file' && current.size === fetched.size) {
    const hash = await hashSegment(parent, base, current, content.digest);
    if (hash === fetched.hash) return repeated(folder, name, order, current, hash, displacement);
  }
  return stale('the entry here is not the expected one', displacement);
}

async function repeated(
  folder: OpenFolder,
  name: Name,
  order: Order,
  current: Facts,
  hash: string | null,
  displacement: Displacement,
): Promise<Outcome> {
  const recovery = displacement.recovery ?? (await findTrashed(folder, name, order.serial));
  return applied(localStateOf(current, hash), hash, { ...displacement, recovery });
}

async function pullDirectory(
  folder: OpenFolder,
  attempt: Attempt,
  name: Name,
  content: StagedDirectory,
  order: Order,
): Promise<Outcome> {
  return inParent(folder, name, order, async (parent) => {
    const base = baseOf(name);
    if (!(await isStillParentOf(folder.rootDirectory, parent, name))) return movedAway();
    const current = await parent.lstat(base);
    if (current?.kind === 'directory') return applied(localStateOf(current), null, NOTHING);
    if (!isExpected(current, order)) return stale('the entry here is not the expected one', NOTHING);
    const hidden = current === null ? null : await hide(folder, attempt, parent, name, order);
    if (hidden !== null && 'result' in hidden) return hidden;
    // The directory comes before the hidden file's way on: until then the name counts as in commit, not as absent.
    await makeLikeParent(folder.fileSystem, parent, base, content.mode ?? undefined);
    await parent.sync();
    const made = await parent.lstat(base);
    const displacement = hidden === null ? NOTHING : await displaceExpected(folder, hidden, order);
    return made?.kind === 'directory'
      ? applied(localStateOf(made), null, displacement)
      : stale('something else took the name just now', displacement);
  });
}

/**
 * Journals and takes away a file or special file that has the name, verifying that it is the expected one;
 * another one is put back. @returns what was hidden, or the outcome that ends the commit.
 */
export async function hide(
  folder: OpenFolder,
  attempt: Attempt,
  parent: OpenDirectory,
  name: Name,
  order: Order,
): Promise<Hidden | Outcome> {
  const intent = intentOf(folder, name, order);
  await writeIntent(attempt, intent);
  if (await wasTouched(parent, baseOf(name), order)) return stale('it was touched here just now', NOTHING);
  if (!(await succeeds(parent.rename(baseOf(name), attempt.directory, OLD), 'ENOENT'))) {
    return stale('it was removed here just now', NOTHING);
  }
  const facts = await attempt.directory.lstat(OLD);
  if (facts === null) return stale('another process repaired this commit', NOTHING);
  const hidden: Hidden = { attempt, intent, facts, parent, base: baseOf(name) };
  const isInPlace = await isStillParentOf(folder.rootDirectory, parent, name);
  if (isExpected(facts, order) && isInPlace) return hidden;
  return stale('it changed here just now', await putBack(folder, hidden));
}

/**
 * The last look before hiding, which moves ctime itself: an edit that set size and mtime back shows here only. A mere
 * change of attributes shows too; the next decision then knows it.
 */
async function wasTouched(parent: OpenDirectory, base: string, order: Order): Promise<boolean> {
  const current = localStateOf(await parent.lstat(base));
  return (
    sameLocalFacts(current, order.expected, 'without-ctime') &&
    !sameLocalFacts(current, order.expected, 'with-ctime')
  );
}

/** Sends hidden content that was the expected where the order says. */
export async function displaceExpected(
  folder: OpenFolder,
  hidden: Hidden,
  order: Order,
): Promise<Displacement> {
  const { expected } = order;
  const hash = expected.kind === 'file' ? expected.hash : null;
  return displace(folder, hidden, order.displaced, hash);
}

export function isExpected(current: Facts | null, order: Order): boolean {
  return sameLocalFacts(localStateOf(current), order.expected, 'without-ctime');
}

function isAbsentExpected(order: Order): boolean {
  return order.expected.kind === 'absent';
}

/** The outcome of a name whose directory cannot be entered; null when it can, or does not exist. */
export function outcomeOfClosed(parent: Resolved | Ensured, name: Name): Outcome | null {
  if (parent.kind === 'obstructed') return { result: 'blocked', reason: 'ancestor-not-directory' };
  if (parent.kind !== 'unreadable') return null;
  throw new HoldfastError(
    'local-denied',
    `a directory above "${name}" may not be entered; give the service account permission`,
  );
}

export function applied(state: LocalState, hash: string | null, displacement: Displacement): Outcome {
  const { conflictCopies, recovery } = displacement;
  return { result: 'applied', state, hash, madeDirectories: [], conflictCopies, recovery };
}

export function stale(reason: string, displacement: Displacement): Outcome {
  const { conflictCopies, recovery } = displacement;
  return { result: 'stale', reason, conflictCopies, recovery };
}

function movedAway(): Outcome {
  return stale('its directory was moved while the commit was under way', NOTHING);
}
