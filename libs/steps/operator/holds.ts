/** Holds: why deletes of a pair wait for an operator, in the operator's words. */
import { fleetStop, type UnansweredHold } from '#core/delete-hold.ts';
import type { FleetStopView, HeldDeletesView } from '#ports/operator.ts';
import type { Pair } from '#ports/pair.ts';
import type { PairsDeps } from './pairs.ts';

/** What is held in the fleet. */
export interface Holds {
  readonly unanswered: readonly UnansweredHold[];
  /** Those that together stop the deletes of all pairs; empty while none are stopped. */
  readonly stopping: readonly UnansweredHold[];
}

export async function readHolds({
  archive,
  deleteHold,
}: Pick<PairsDeps, 'archive' | 'deleteHold'>): Promise<Holds> {
  const unanswered = await archive.unansweredHolds();
  return { unanswered, stopping: fleetStop(unanswered, deleteHold) };
}

/** Why deletes of this pair wait for an operator; null while they do not. */
export function heldBecause(pair: Pair, holds: Holds): Pick<HeldDeletesView, 'because' | 'since'> | null {
  const own = holds.unanswered.find(({ pairId }) => pairId === pair.id);
  if (own !== undefined) return { because: 'mass-delete', since: timeOf(own) };
  const latest = holds.stopping.at(-1);
  return latest === undefined ? null : { because: 'fleet-stop', since: timeOf(latest) };
}

/** Counts only where something waits: it reads a whole pair. */
export async function heldDeletesOf(
  { archive }: Pick<PairsDeps, 'archive'>,
  pair: Pair,
  holds: Holds,
): Promise<HeldDeletesView | null> {
  const held = heldBecause(pair, holds);
  if (held === null) return null;
  const { local, remote } = await archive.waitingDeletes(pair.id);
  if (local === null && remote === null) return null;
  return { names: (await archive.counts(pair.id)).waitingDeletes, ...held };
}

export function describeHeld({ names, because }: HeldDeletesView): string {
  const deletes = `${names} ${names === 1 ? 'delete waits' : 'deletes wait'} for an operator`;
  return because === 'mass-delete'
    ? `${deletes}, so many of one pair that they may be a mistake`
    : `${deletes}, because those of several other pairs were held one soon after the other`;
}

export function fleetStopView({ stopping }: Holds, pairs: readonly Pair[]): FleetStopView | null {
  const latest = stopping.at(-1);
  if (latest === undefined) return null;
  const names = new Map(pairs.map(({ id, name }) => [id, name]));
  return {
    pairs: stopping.map(({ pairId }) => names.get(pairId) ?? String(pairId)),
    since: timeOf(latest),
  };
}

function timeOf({ since }: UnansweredHold): string {
  return new Date(since).toISOString();
}
