/**
 * Resolve blocked: a commit that another name stands in the way of. The other names are
 * looked at first; only when they prove to be there to stay is the block itself decided:
 * a directory with contents nobody may delete is kept, a file above other objects is a
 * problem (invariant 10).
 */

import { effectiveRemote } from '#core/decide.ts';
import type { Entry, PendingDecision } from '#core/entry.ts';
import { ancestorsOf, type Name } from '#core/name.ts';
import type { ProblemText } from '#ports/archive.ts';
import type { CommitOutcome } from '#ports/commit.ts';
import type { Pair } from '#ports/pair.ts';
import { released, type TransferDeps, type TransferResult } from './transfer.ts';

type BlockReason = Extract<CommitOutcome<never>, { result: 'blocked' }>['reason'];

/** Time for the names in the way to be probed and dealt with. */
const BLOCKED_RETRY_MS = 500;
/** A directory in the way gets this many chances to be emptied by the deletes below it. */
const ATTEMPTS_BEFORE_MOVING_ASIDE = 20;

/** So often a file here is decided anew before it counts as there to stay: in a pair that only pulls it is. */
const ATTEMPTS_BEFORE_REFUSING = 5;

/** @param moveAside commits again, moving the whole directory that is in the way to a conflict name. */
export async function resolveBlocked(
  pair: Pair,
  entry: Entry,
  decision: PendingDecision,
  reason: BlockReason,
  deps: TransferDeps,
  moveAside: () => Promise<TransferResult>,
): Promise<TransferResult> {
  return reason === 'ancestor-not-directory'
    ? belowNoDirectory(pair, entry, decision, deps)
    : directoryNotEmpty(pair, entry, decision, deps, moveAside);
}

function again(
  entry: Entry,
  deps: TransferDeps,
  reason: string,
  counts: boolean,
  shown: boolean,
): TransferResult {
  const problem = shown ? { code: 'blocked', text: reason } : null;
  return released(entry, {
    kind: 'retry',
    at: deps.clock.now() + BLOCKED_RETRY_MS * (shown ? 20 : 1),
    counts,
    reason,
    problem,
  });
}

async function belowNoDirectory(
  pair: Pair,
  entry: Entry,
  decision: PendingDecision,
  deps: TransferDeps,
): Promise<TransferResult> {
  const above = ancestorsOf(entry.name);
  const entries = await deps.archive.load(pair.id, above);
  const file = entries.find((ancestor) => ancestor.remote.kind === 'file');
  if (file !== undefined && decision.action === 'download' && decision.attempts > 0) {
    return released(entry, { kind: 'refused', problem: fileAndDirectory(file.name) });
  }
  const staying = entries.find((ancestor) => ancestor.local.kind === 'file' && ancestor.decision === null);
  if (
    staying !== undefined &&
    decision.action === 'download' &&
    decision.attempts >= ATTEMPTS_BEFORE_REFUSING
  ) {
    return released(entry, { kind: 'refused', problem: belowFileHere(staying.name) });
  }
  if (decision.action === 'delete-local') {
    // What became of the name here only a look tells: none of its ancestors gives the directory back.
    await deps.archive.mark(pair.id, 'both', above);
    return released(entry, {
      kind: 'stale',
      reason: 'something above the name is no directory here any more',
    });
  }
  await decideAnew(pair, entries, deps);
  // Between a file that seems to stay and the name, all wait for that file as the name does: a look at them tells nothing.
  const unsure = staying === undefined ? above : above.slice(0, above.indexOf(staying.name) + 1);
  await deps.archive.mark(pair.id, 'both', unsure);
  return again(entry, deps, 'something above the name is not a directory here', true, decision.attempts >= 2);
}

/**
 * What takes the place of a directory, or takes it away, waits for all that is pending below, and that waits for the
 * directory. Such a decision was made before upstream had news there, or the directory here gave way to something else:
 * it is made anew with them.
 */
async function decideAnew(pair: Pair, above: readonly Entry[], deps: TransferDeps): Promise<void> {
  const reason = 'something below the name needs the directory that it would replace or remove';
  const waiting = above.filter((entry) => entry.decision !== null && !bringsDirectory(entry));
  if (waiting.length === 0) return;
  const results = waiting.map((ancestor) => released(ancestor, { kind: 'stale', reason }));
  await deps.archive.release(
    pair.id,
    results.flatMap(({ release }) => (release === null ? [] : [release])),
    { candidates: [], recovery: [], history: results.flatMap(({ effects }) => effects.history) },
  );
}

function bringsDirectory(entry: Entry): boolean {
  return entry.decision?.action === 'download' && effectiveRemote(entry).kind === 'directory';
}

async function directoryNotEmpty(
  pair: Pair,
  entry: Entry,
  decision: PendingDecision,
  deps: TransferDeps,
  moveAside: () => Promise<TransferResult>,
): Promise<TransferResult> {
  if (decision.attempts === 0) {
    // Deletes arrive in any order: those below may not have been noticed yet.
    await deps.archive.markBelow(pair.id, 'both', entry.name);
    return again(entry, deps, 'the directory is not empty yet', true, false);
  }
  const isWorkedOn = await deps.archive.hasWorkBelow(pair.id, entry.name);
  if (decision.action === 'delete-local' || decision.action === 'delete-remote') {
    return isWorkedOn
      ? again(entry, deps, 'the directory is not empty yet', false, false)
      : keptDirectory(entry, decision);
  }
  if (decision.action === 'upload') {
    // Decided before upstream's news were known: with them the file here gives way, or is a problem itself.
    if (await deps.archive.hasUpstreamNewsBelow(pair.id, entry.name)) {
      return released(entry, { kind: 'stale', reason: 'upstream changed what is below the name' });
    }
    // Objects below that no poll has shown yet.
    return again(
      entry,
      deps,
      'upstream holds objects below the name that are not known yet',
      true,
      decision.attempts >= 2,
    );
  }
  if (entry.remoteHasChildren)
    return released(entry, { kind: 'refused', problem: fileAndDirectory(entry.name) });
  // Below a file upstream new files cannot be uploaded, so they never stop being work: attempts bound the wait.
  if (isWorkedOn && decision.attempts < ATTEMPTS_BEFORE_MOVING_ASIDE) {
    return again(entry, deps, 'the directory here is not empty yet', true, false);
  }
  return moveAside();
}

function fileAndDirectory(name: Name): ProblemText {
  return {
    code: 'name-file-and-directory',
    text: `upstream holds both "${name}" and objects below it, which no folder can; rename one of them upstream`,
  };
}

function belowFileHere(name: Name): ProblemText {
  return {
    code: 'name-file-and-directory',
    text: `here "${name}" is a file, upstream a directory, and the pair does not push the file; rename one of them`,
  };
}

/** What is left in it is excluded, special or new: the directory stays and goes to the other side again. */
function keptDirectory(entry: Entry, decision: PendingDecision): TransferResult {
  const isLocal = decision.action === 'delete-local';
  const side = isLocal ? 'local' : 'remote';
  return {
    acknowledgement: {
      name: entry.name,
      serial: decision.serial,
      sync: { kind: 'absent' },
      action: decision.action,
      displaced: decision.displaced,
      target: isLocal ? { side: 'local', state: entry.local } : { side: 'remote', state: entry.remote },
      hash: null,
      bytes: 0,
    },
    release: null,
    effects: {
      candidates: [{ side, name: entry.name }],
      recovery: [],
      history: [
        {
          name: entry.name,
          kind: 'decided',
          side,
          serial: decision.serial,
          text: isLocal
            ? 'deleted upstream, but kept here: it holds names that are not synced or are new'
            : 'deleted here, but kept upstream: it holds objects that are not synced or are new',
        },
      ],
    },
  };
}
