/** Syncing: asks for a full scan and poll of one pair, and follows it until the pair is quiet. */
import { HoldfastError } from '#ports/errors.ts';
import type { SyncProgress, SyncTicket } from '#ports/operator.ts';
import { heldBecause, readHolds } from './holds.ts';
import { findPair, type PairsDeps } from './pairs.ts';
import { isQuiet, workOf } from './views.ts';

/** @throws HoldfastError not-found; usage while the pair is paused */
export async function requestSync(deps: PairsDeps, name: string): Promise<SyncTicket> {
  const pair = await findPair(deps.registry, name);
  if (pair.paused)
    throw new HoldfastError('usage', `pair "${name}" is paused; run: holdfast pair resume ${name}`);
  const since = new Date(deps.clock.now()).toISOString();
  const tokens = await deps.registry.requestSync(pair.id);
  await deps.queue.pollNow(pair.id);
  return { pair: name, scan: tokens.scan.toString(), poll: tokens.poll.toString(), since };
}

/** @throws HoldfastError not-found; usage when the ticket is none that `requestSync` gave */
export async function syncProgress(deps: PairsDeps, ticket: SyncTicket): Promise<SyncProgress> {
  assertTicket(ticket);
  const pair = await findPair(deps.registry, ticket.pair);
  const counts = await deps.archive.counts(pair.id);
  const held = heldBecause(pair, await readHolds(deps));
  const work = workOf(counts, held);
  const done = await deps.archive.transferred(pair.id, new Date(ticket.since));
  const scanDone = pair.scanDone >= BigInt(ticket.scan);
  const pollDone = pair.pollDone >= BigInt(ticket.poll);
  return {
    quiet: scanDone && pollDone && isQuiet(pair, counts, held),
    paused: pair.paused,
    disabled: pair.disabled === null ? null : { code: pair.disabled.code, reason: pair.disabled.reason },
    scanDone,
    pollDone,
    filesDone: done.files,
    bytesDone: done.bytes,
    filesToDo: work.candidates + work.decisions,
    bytesToDo: counts.decisionBytes,
    problems: counts.problems,
    heldDeletes: held === null ? 0 : counts.waitingDeletes,
  };
}

/** It comes from outside: what is no number and no time would fail in the database, where it says less. */
function assertTicket({ scan, poll, since }: SyncTicket): void {
  const isToken = (text: string): boolean => /^\d{1,18}$/.test(text);
  if (isToken(scan) && isToken(poll) && !Number.isNaN(Date.parse(since))) return;
  throw new HoldfastError(
    'usage',
    'this ticket is none that a sync gave; ask for a sync and follow that one',
  );
}
