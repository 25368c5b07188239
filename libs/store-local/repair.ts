/**
 * Repair: finishes or undoes what a crashed commit left, from its journal. The new file is at
 * its name: the displaced one goes where the order said. It is not: the displaced one goes back.
 * Each step is harmless while the owner is still alive, which then finds its files gone and
 * reports a stale commit; so a wrong judgement about life costs a repetition and no content.
 */
import { baseOf, type Name } from '#core/name.ts';
import { sameLocalFacts } from '#core/state.ts';
import type { RecoveryPointer } from '#ports/commit.ts';
import type { StagedFile } from '#ports/content.ts';
import { asHoldfastError } from '#ports/errors.ts';
import {
  type Attempt,
  type Intent,
  isAtWork,
  lastStepAt,
  listAttempts,
  NEW,
  OLD,
  openAttempt,
  readIntent,
  removeAttempt,
  trashItemOf,
} from './attempts.ts';
import { dropPartialCopy, isCopyOf } from './copy-without-links.ts';
import { type Displacement, displace, type Hidden, putBack } from './displace.ts';
import type { Facts, OpenDirectory } from './file-system.ts';
import { localStateOf } from './local-state.ts';
import type { OpenFolder } from './open-folder.ts';
import { isPartial, isPartialOf, PARTIAL_KEPT_MS } from './partial.ts';
import { ensureParent } from './resolve.ts';
import { findItem, putInTrash } from './trash.ts';

export interface Repaired extends Displacement {
  /** Null when nothing visible can have changed, or the journal was torn. */
  readonly name: Name | null;
}

const UNTOUCHED: Repaired = { name: null, conflictCopies: [], recovery: null };

/** A living owner that repairs at the same time may leave the directory non-empty between two steps. */
const REMOVAL_TRIES = 3;

/** Brings one attempt to its end and removes its directory. */
export async function repairAttempt(folder: OpenFolder, attempt: Attempt): Promise<Repaired> {
  const intent = await readIntent(attempt);
  let repaired = UNTOUCHED;
  for (let tries = 0; tries < REMOVAL_TRIES; tries += 1) {
    const step = await repairContent(folder, attempt, intent);
    repaired = {
      name: step.name ?? repaired.name,
      conflictCopies: [...repaired.conflictCopies, ...step.conflictCopies],
      recovery: step.recovery ?? repaired.recovery,
    };
    if (await removeAttempt(folder, attempt)) return repaired;
  }
  return repaired;
}

async function repairContent(folder: OpenFolder, attempt: Attempt, intent: Intent | null): Promise<Repaired> {
  const old = await attempt.directory.lstat(OLD);
  if (intent === null) {
    if (old === null || old.kind === 'directory') return UNTOUCHED;
    // Content whose journal is torn: its name is lost, the content is not.
    const item = trashItemOf(attempt.id);
    const name = 'displaced' as Name;
    const at = folder.clock.now();
    const recovery = await putInTrash(folder, {
      from: attempt.directory,
      segment: OLD,
      facts: old,
      name,
      hash: null,
      at,
      item,
    });
    folder.log?.warn({ item: recovery?.locator }, 'content of a torn attempt was moved to the trash');
    return { ...UNTOUCHED, recovery };
  }
  if (old === null && !intent.copies) {
    return { ...UNTOUCHED, name: intent.name, recovery: await pointerOf(folder, attempt, intent) };
  }
  const parent = await ensureParent(folder.fileSystem, folder.rootDirectory, intent.name);
  if (parent.kind !== 'open') {
    if (old === null) return UNTOUCHED;
    const place = { attempt, intent, facts: old, parent: null, base: baseOf(intent.name) };
    const displaced = isAsExpected(old, intent) ? intent.displaced : 'conflict-copy';
    return { name: intent.name, ...(await displace(folder, place, displaced, null)) };
  }
  try {
    const moved = await repairName(folder, attempt, intent, parent.directory);
    return { name: intent.name, ...moved };
  } finally {
    await parent.directory.close();
  }
}

function isAsExpected(old: Facts, intent: Intent): boolean {
  return sameLocalFacts(localStateOf(old), intent.expected, 'without-ctime');
}

/** Its owner, or an earlier repair, may have come as far as the trash and then stopped. */
function pointerOf(folder: OpenFolder, attempt: Attempt, intent: Intent): Promise<RecoveryPointer | null> {
  return findItem(folder, intent.name, intent.displacedAt, trashItemOf(attempt.id));
}

async function repairName(
  folder: OpenFolder,
  attempt: Attempt,
  intent: Intent,
  parent: OpenDirectory,
): Promise<Displacement> {
  const base = baseOf(intent.name);
  if (intent.copies) await dropPartialCopy(attempt, parent, base);
  const facts = await attempt.directory.lstat(OLD);
  if (facts === null) return { conflictCopies: [], recovery: await pointerOf(folder, attempt, intent) };
  const hidden: Hidden = { attempt, intent, facts, parent, base };
  const current = await parent.lstat(base);
  if (current === null || current.inode === facts.inode) return putBack(folder, hidden);
  const placed = await attempt.directory.lstat(NEW);
  const isExpected = isAsExpected(facts, intent);
  const isCommitted =
    placed !== null &&
    (placed.inode === current.inode || (intent.copies && (await isCopyOf(attempt, parent, base))));
  // An unknown newcomer displaced nothing by order: what was hidden and is as expected had been synced.
  const displaced =
    isExpected && (isCommitted || intent.displaced === 'recoverable') ? intent.displaced : 'conflict-copy';
  return displace(
    folder,
    hidden,
    displaced,
    isExpected && intent.expected.kind === 'file' ? intent.expected.hash : null,
  );
}

export interface NameRepair extends Displacement {
  /** A living commit holds the name half-way. */
  readonly isHeld: boolean;
}

/**
 * Repairs the crashed attempts of one name. Stops after the first that displaced content,
 * so that its pointer is reported; the rest waits for the next commit of the name.
 * @param wanted content of which partial downloads are kept; null when none is of use any more.
 */
export async function repairAttemptsOf(
  folder: OpenFolder,
  name: Name,
  wanted: StagedFile | null,
): Promise<NameRepair> {
  let isHeld = false;
  for (const id of await listAttempts(folder, name)) {
    const attempt = await openAttempt(folder, id);
    if (attempt === null) continue;
    try {
      if (await isAtWork(folder, attempt)) {
        isHeld ||= (await attempt.directory.lstat(OLD)) !== null;
        continue;
      }
      if (wanted !== null && (await isPartialOf(folder, attempt, wanted))) continue;
      const repaired = await repairAttempt(folder, attempt);
      if (repaired.recovery !== null || repaired.conflictCopies.length > 0) return { ...repaired, isHeld };
    } finally {
      await attempt.directory.close();
    }
  }
  return { isHeld, conflictCopies: [], recovery: null };
}

/** Whether any attempt, alive or crashed, holds displaced content of the name. */
export async function isNameInCommit(folder: OpenFolder, name: Name): Promise<boolean> {
  for (const id of await listAttempts(folder, name)) {
    const attempt = await openAttempt(folder, id);
    if (attempt === null) continue;
    try {
      if ((await attempt.directory.lstat(OLD)) !== null) return true;
    } finally {
      await attempt.directory.close();
    }
  }
  return false;
}

/**
 * Repairs all crashed attempts whose last step was before `before` (ms since the epoch). One that cannot be repaired
 * now is logged and left for the next time. Partial downloads wait for their next attempt, for a while.
 */
export async function repairAll(folder: OpenFolder, before: number): Promise<Name[]> {
  const names = new Set<Name>();
  for (const id of await listAttempts(folder, null)) {
    const attempt = await openAttempt(folder, id);
    if (attempt === null) continue;
    try {
      if (await isAtWork(folder, attempt)) continue;
      const steppedAt = await lastStepAt(attempt);
      if (steppedAt >= before) continue;
      if (steppedAt + PARTIAL_KEPT_MS > folder.clock.now() && (await isPartial(attempt))) continue;
      const repaired = await repairAttempt(folder, attempt);
      if (repaired.name === null) continue;
      for (const name of [repaired.name, ...repaired.conflictCopies]) names.add(name);
    } catch (thrown) {
      const { code, message } = asHoldfastError(thrown);
      folder.log?.warn({ attempt: id, code, reason: message }, 'an attempt could not be repaired yet');
    } finally {
      await attempt.directory.close();
    }
  }
  return [...names];
}
