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

export async function syncProgress(deps: PairsDeps, ticket: SyncTicket): Promise<SyncProgress> {
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
