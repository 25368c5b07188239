/**
 * Resolve blocked: a commit that another name stands in the way of. The other names are
 * looked at first; only when they prove to be there to stay is the block itself decided:
 * a directory with contents nobody may delete is kept, a file above other objects is a
 * problem (invariant 10).
 */

import type { Entry, PendingDecision } from '#core/entry.ts';
import { ancestorsOf } from '#core/name.ts';
import type { CommitOutcome } from '#ports/commit.ts';
import type { Pair } from '#ports/pair.ts';
import { released, type TransferDeps, type TransferResult } from './transfer.ts';

type BlockReason = Extract<CommitOutcome<never>, { result: 'blocked' }>['reason'];

/** Time for the names in the way to be probed and dealt with. */
const BLOCKED_RETRY_MS = 500;

export async function resolveBlocked(
  pair: Pair,
  entry: Entry,
  decision: PendingDecision,
  reason: BlockReason,
  deps: TransferDeps,
): Promise<TransferResult> {
  return reason === 'ancestor-not-directory'
    ? belowNoDirectory(pair, entry, decision, deps)
    : directoryNotEmpty(pair, entry, decision, deps);
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
    return released(entry, {
      kind: 'refused',
      problem: {
        code: 'name-file-and-directory',
        text: `upstream holds both "${file.name}" and objects below it, which no folder can; rename one of them upstream`,
      },
    });
  }
  await deps.archive.mark(pair.id, 'both', above);
  return again(entry, deps, 'something above the name is not a directory here', true, decision.attempts >= 2);
}

async function directoryNotEmpty(
  pair: Pair,
  entry: Entry,
  decision: PendingDecision,
  deps: TransferDeps,
): Promise<TransferResult> {
  if (decision.attempts === 0) {
    // Deletes arrive in any order: those below may not have been noticed yet.
    await deps.archive.markBelow(pair.id, 'both', entry.name);
    return again(entry, deps, 'the directory is not empty yet', true, false);
  }
  if (await deps.archive.hasWorkBelow(pair.id, entry.name))
    return again(entry, deps, 'the directory is not empty yet', false, false);
  if (decision.action === 'delete-local') return keptDirectory(entry, decision);
  return again(
    entry,
    deps,
    'the directory here still holds files that are not synced',
    true,
    decision.attempts >= 2,
  );
}

/** What is left in it is excluded, special or new: the directory stays and goes upstream again. */
function keptDirectory(entry: Entry, decision: PendingDecision): TransferResult {
  return {
    acknowledgement: {
      name: entry.name,
      serial: decision.serial,
      sync: { kind: 'absent' },
      action: decision.action,
      displaced: decision.displaced,
      target: { side: 'local', state: entry.local },
      hash: null,
      bytes: 0,
    },
    release: null,
    effects: {
      candidates: [{ side: 'local', name: entry.name }],
      recovery: [],
      history: [
        {
          name: entry.name,
          kind: 'decided',
          side: 'local',
          serial: decision.serial,
          text: 'deleted upstream, but kept here: it holds names that are not synced or are new',
        },
      ],
    },
  };
}
