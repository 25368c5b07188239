/**
 * Transfer: carries decisions out. The source stages, the target pulls under the
 * precondition of what it was decided on (invariant 5), and one transaction acknowledges
 * the whole batch by comparing decision serials (invariant 4). One bad item never fails
 * its neighbours (invariant 9).
 */
import { type BackoffPolicy, backoffMs, RETRY_BACKOFF } from '#core/backoff.ts';
import { conflictName } from '#core/conflict-name.ts';
import type { Entry, PendingDecision, Side } from '#core/entry.ts';
import { mapLimit } from '#core/map-limit.ts';
import type { Name } from '#core/name.ts';
import { type LocalState, type RemoteState, type SyncState, syncStateOf } from '#core/state.ts';
import type { Acknowledgement, Archive, HistoryEvent, Release, SideEffects } from '#ports/archive.ts';
import type { Clock } from '#ports/clock.ts';
import type { CommitOrder, CommitOutcome } from '#ports/commit.ts';
import { asHoldfastError, type HoldfastError } from '#ports/errors.ts';
import type { TransferJob } from '#ports/job-queue.ts';
import type { Log } from '#ports/log.ts';
import type { Pair } from '#ports/pair.ts';
import type { Registry } from '#ports/registry.ts';
import type { PairSides } from '#ports/sides.ts';
import type { Telemetry } from '#ports/telemetry.ts';
import { commitDecision } from './commit-decision.ts';
import { conflictEvents } from './conflict-events.ts';
import { assertFolder } from './continuity.ts';
import { resolveBlocked } from './resolve-blocked.ts';
import { keptMs } from './trash.ts';
import { findTwins, NO_TWINS, type Twins } from './twins.ts';

/** A claim outlives a worker that died by this much; a live one renews it. */
export const CLAIM_HOLD_MS = 30_000;
/** Items of one job that are carried out at once: stores then check the commits of several with one request. */
const ITEMS_AT_ONCE = 4;
/** From this failed attempt on a transient failure is shown as a problem (design section 8). */
const SHOWN_FROM_ATTEMPT = 3;
/** A displaced file is looked at once more after this time: a writer may still have held it open. */
const LOOK_AGAIN_MS = 10_000;

export interface TransferDeps {
  readonly archive: Archive;
  readonly registry: Registry;
  readonly clock: Clock;
  readonly log: Log;
  readonly telemetry: Telemetry;
  readonly settleMs: number;
  readonly trashMs: number;
  /** Names this host or fleet in conflict copies. */
  readonly origin: string;
  readonly backoff?: BackoffPolicy;
}

/** What became of one item; `error` is set when it ends work on the whole pair. */
interface Result {
  readonly acknowledgement: Acknowledgement | null;
  readonly release: Release | null;
  readonly effects: SideEffects;
}

const NO_EFFECTS: SideEffects = { candidates: [], recovery: [], history: [] };

/**
 * Runs one job. Decisions that no longer hold, or that another worker holds, are left out silently.
 * @throws HoldfastError of grade pair when a side itself is gone or went back in time; what was done until then is recorded.
 */
export async function transferBatch(
  pair: Pair,
  sides: PairSides,
  items: TransferJob['items'],
  deps: TransferDeps,
  signal: AbortSignal,
): Promise<{ readonly acknowledged: number; readonly released: number }> {
  await assertFolder(pair, sides.folder, deps.registry);
  const holder = deps.clock.uniqueId();
  const entries = await deps.archive.claim(pair.id, items, holder, CLAIM_HOLD_MS);
  if (entries.length === 0) return { acknowledged: 0, released: 0 };
  const stopRenewing = renewClaims(pair, items, holder, deps);
  let twins = NO_TWINS;
  let pairError: HoldfastError | null = null;
  const handle = async (entry: Entry): Promise<Result> => {
    const decision = entry.decision as PendingDecision;
    if (signal.aborted || pairError !== null) return handedBack(entry, deps);
    try {
      return await carryOut(pair, sides, entry, decision, deps, twins);
    } catch (thrown) {
      const error = asHoldfastError(thrown);
      if (error.grade === 'pair' || error.grade === 'fatal') pairError ??= error;
      return failed(entry, decision, error, deps);
    }
  };
  let results: readonly Result[];
  try {
    twins = await findTwins(pair.id, sides.store.capabilities, entries, deps.archive);
    results = await mapLimit(entries, ITEMS_AT_ONCE, handle);
  } finally {
    stopRenewing();
  }
  const counts = await settle(pair, results, deps);
  if (pairError !== null) throw pairError;
  return counts;
}

function handedBack(entry: Entry, { clock }: TransferDeps): Result {
  const outcome = {
    kind: 'retry',
    at: clock.now(),
    counts: false,
    reason: 'handed back',
    problem: null,
  } as const;
  return released(entry, outcome);
}

async function settle(
  pair: Pair,
  results: readonly Result[],
  deps: TransferDeps,
): Promise<{ readonly acknowledged: number; readonly released: number }> {
  const acknowledgements = results.flatMap((result) =>
    result.acknowledgement === null ? [] : [result.acknowledgement],
  );
  const releases = results.flatMap((result) => (result.release === null ? [] : [result.release]));
  const effectsOf = (chosen: readonly Result[]): SideEffects => ({
    candidates: chosen.flatMap((result) => result.effects.candidates),
    recovery: chosen.flatMap((result) => result.effects.recovery),
    history: chosen.flatMap((result) => result.effects.history),
  });
  let acknowledged = 0;
  if (acknowledgements.length > 0) {
    const effects = effectsOf(results.filter((result) => result.acknowledgement !== null));
    const acknowledge = () => deps.archive.acknowledge(pair.id, acknowledgements, effects);
    acknowledged = (await deps.telemetry.span('acknowledge', acknowledge)).size;
  }
  if (releases.length > 0) {
    await deps.archive.release(
      pair.id,
      releases,
      effectsOf(results.filter((result) => result.release !== null)),
    );
  }
  return { acknowledged, released: releases.length };
}

/** Renews the claims of a running batch, so that a large file is not taken over while it moves. */
function renewClaims(
  pair: Pair,
  items: TransferJob['items'],
  holder: string,
  deps: TransferDeps,
): () => void {
  const ended = new AbortController();
  const loop = async (): Promise<void> => {
    for (;;) {
      await deps.clock.sleep(CLAIM_HOLD_MS / 3, ended.signal);
      if (ended.signal.aborted) return;
      try {
        await deps.archive.claim(pair.id, items, holder, CLAIM_HOLD_MS);
      } catch (thrown) {
        // A lost claim costs a repeated transfer, which the acknowledgement fences; it must not end this one.
        deps.log.warn({ pair: pair.name, err: asHoldfastError(thrown).message }, 'could not renew claims');
      }
    }
  };
  void loop();
  return () => ended.abort();
}

async function carryOut(
  pair: Pair,
  sides: PairSides,
  entry: Entry,
  decision: PendingDecision,
  deps: TransferDeps,
  twins: Twins,
): Promise<Result> {
  const isDirectory = entry.local.kind === 'directory' || entry.remote.kind === 'directory';
  if (sides.isExcluded(entry.name, isDirectory))
    return released(entry, { kind: 'stale', reason: 'the name is excluded by now' });
  const order = {
    displaced: decision.displaced,
    serial: decision.serial,
    conflictName: (at: Date, attempt: number) => conflictName(entry.name, at, deps.origin, attempt),
  };
  const committed = await measured(decision, deps, () =>
    commitDecision(sides, pair, entry, decision, order, deps, twins),
  );
  if (committed.kind === 'unsettled') {
    return released(entry, {
      kind: 'retry',
      at: committed.until,
      counts: false,
      reason: 'still being written',
      problem: null,
    });
  }
  return concluded(pair, sides, entry, decision, committed, deps);
}

/** A source still being written is no transfer yet; everything else is told, with what became of it. */
async function measured(
  { action: direction }: Pick<PendingDecision, 'action'>,
  { clock, telemetry }: TransferDeps,
  commit: () => Promise<Committed>,
): Promise<Committed> {
  const startedAt = clock.now();
  const tell = (outcome: 'applied' | 'stale' | 'blocked' | 'failed', bytes: number): void =>
    telemetry.tell({ kind: 'transferred', direction, outcome, bytes, tookMs: clock.now() - startedAt });
  try {
    const committed = await telemetry.span(direction, commit);
    if (committed.kind !== 'unsettled') tell(committed.outcome.result, committed.bytes);
    return committed;
  } catch (thrown) {
    tell('failed', 0);
    throw thrown;
  }
}

/** What the target side answered, with the side it is. */
export type Committed =
  | {
      readonly kind: 'local';
      readonly outcome: CommitOutcome<LocalState>;
      readonly bytes: number;
      readonly copiedFrom?: Name;
      readonly source: SyncState;
      /** What stands is the work of an earlier attempt: the source is another by now. */
      readonly sourceMoved?: true;
    }
  | {
      readonly kind: 'remote';
      readonly outcome: CommitOutcome<RemoteState>;
      readonly bytes: number;
      readonly copiedFrom?: Name;
      readonly source: SyncState;
      readonly sourceMoved?: true;
    }
  | { readonly kind: 'unsettled'; readonly until: number };

/** The order less what the target's archive says, which differs by side. */
export type OrderTerms = Omit<CommitOrder<never>, 'expected'>;

async function concluded(
  pair: Pair,
  sides: PairSides,
  entry: Entry,
  decision: PendingDecision,
  committed: Extract<Committed, { kind: 'local' | 'remote' }>,
  deps: TransferDeps,
): Promise<Result> {
  const { outcome, kind: side } = committed;
  if (outcome.result === 'blocked') {
    const moveAside = (): Promise<Result> =>
      carryOut(pair, sides, entry, { ...decision, displaced: 'conflict-copy' }, deps, NO_TWINS);
    return resolveBlocked(pair, entry, decision, outcome.reason, deps, moveAside);
  }
  const keepMs = keptMs(pair, deps.trashMs);
  const effects = effectsOf(entry, decision, side, outcome, deps.clock.now(), keepMs);
  if (outcome.result === 'stale') {
    const { release, effects: told } = released(entry, { kind: 'stale', reason: outcome.reason });
    const history = [...effects.history, ...told.history];
    return { acknowledgement: null, release, effects: { ...effects, history } };
  }
  if (side === 'local' && entry.local.kind === 'directory' && outcome.conflictCopies.length > 0) {
    // A whole tree moved aside: only a scan knows all the names it now has.
    await deps.registry.requestSync(pair.id);
    await deps.archive.markBelow(pair.id, 'local', entry.name);
  }
  // A link that is gone stood in the way of whatever is synced below its name.
  if (side === 'local' && entry.local.kind === 'unhandled')
    await deps.archive.markBelow(pair.id, 'local', entry.name);
  const sync =
    committed.source.kind === 'file' ? (syncStateOf(outcome.state) ?? committed.source) : committed.source;
  const acknowledgement: Acknowledgement = {
    name: entry.name,
    serial: decision.serial,
    sync,
    action: decision.action,
    // As it is pending: what was moved aside on the way is no other decision.
    displaced: entry.decision?.displaced ?? decision.displaced,
    target:
      committed.kind === 'local'
        ? {
            side: 'local',
            state: committed.outcome.result === 'applied' ? committed.outcome.state : entry.local,
          }
        : {
            side: 'remote',
            state: committed.outcome.result === 'applied' ? committed.outcome.state : entry.remote,
          },
    hash: outcome.hash,
    bytes: committed.bytes,
    ...(committed.copiedFrom === undefined ? {} : { copiedFrom: committed.copiedFrom }),
  };
  const source: Side = side === 'local' ? 'remote' : 'local';
  const again = committed.sourceMoved === true ? [{ side: source, name: entry.name }] : [];
  const candidates = [...effects.candidates, ...again];
  return { acknowledgement, release: null, effects: { ...effects, candidates } };
}

function effectsOf(
  entry: Entry,
  decision: PendingDecision,
  side: Side,
  outcome: Extract<CommitOutcome<LocalState | RemoteState>, { result: 'applied' | 'stale' }>,
  now: number,
  keepMs: number,
): SideEffects {
  const { name } = entry;
  const history = outcome.conflictCopies.flatMap((copy) =>
    conflictEvents(name, copy, side, decision.serial, 'the losing content was kept as'),
  );
  const made = outcome.result === 'applied' ? outcome.madeDirectories : [];
  const { recovery } = outcome;
  return {
    candidates: [
      ...outcome.conflictCopies.map((copy) => ({ side, name: copy })),
      ...made.map((directory) => ({ side, name: directory })),
    ],
    recovery:
      recovery === null
        ? []
        : [
            {
              name,
              side,
              serial: decision.serial,
              pointer: recovery,
              lookAgainAt: recovery.kind === 'trash' ? now + LOOK_AGAIN_MS : null,
              expiresAt: now + keepMs,
            },
          ],
    history,
  };
}

export function released(entry: Entry, outcome: Release['outcome']): Result {
  const serial = (entry.decision as PendingDecision).serial;
  const history: HistoryEvent[] =
    outcome.kind === 'stale'
      ? [{ name: entry.name, kind: 'stale', side: null, serial, text: `not carried out: ${outcome.reason}` }]
      : outcome.kind === 'refused'
        ? [{ name: entry.name, kind: 'problem', side: null, serial, text: outcome.problem.text }]
        : [];
  return {
    acknowledgement: null,
    release: { name: entry.name, serial, outcome },
    effects: { ...NO_EFFECTS, history },
  };
}

function failed(entry: Entry, decision: PendingDecision, error: HoldfastError, deps: TransferDeps): Result {
  const problem = { code: error.code, text: error.message };
  if (error.grade === 'permanent') return released(entry, { kind: 'refused', problem });
  deps.telemetry.tell({ kind: 'attempt-failed', code: error.code });
  const attempt = decision.attempts + 1;
  const delay = backoffMs(deps.backoff ?? RETRY_BACKOFF, attempt, deps.clock.random());
  const at = deps.clock.now() + Math.max(delay, error.retryAfterMs ?? 0);
  const shown = attempt >= SHOWN_FROM_ATTEMPT ? problem : null;
  const result = released(entry, { kind: 'retry', at, counts: true, reason: error.message, problem: shown });
  const event: HistoryEvent = {
    name: entry.name,
    kind: 'failed',
    side: null,
    serial: decision.serial,
    text: `attempt ${attempt}: ${error.message}`,
  };
  return { ...result, effects: { ...result.effects, history: attempt <= SHOWN_FROM_ATTEMPT ? [event] : [] } };
}

export type { Result as TransferResult };
