/**
 * Decide candidates: probes what may have changed, records new versions under new serials,
 * and decides. Nothing is probed while its decision is pending; a marking that arrives
 * meanwhile waits and is worked on afterwards. All writes are one compare-and-set.
 */
import { type Decision, effectiveRemote } from '#core/decide.ts';
import type { Entry } from '#core/entry.ts';
import { mapLimit } from '#core/map-limit.ts';
import type { Name } from '#core/name.ts';
import { laterSerial, type Serial } from '#core/serial.ts';
import { type LocalState, type RemoteState, sameLocalFacts, sameRemoteContent } from '#core/state.ts';
import type { Archive, Candidate, HistoryEvent, ProbeRecord, ProblemText } from '#ports/archive.ts';
import type { Clock } from '#ports/clock.ts';
import { asHoldfastError } from '#ports/errors.ts';
import type { Pair } from '#ports/pair.ts';
import type { Registry } from '#ports/registry.ts';
import type { PairSides } from '#ports/sides.ts';
import { assertContainer, assertFolder } from './continuity.ts';
import { type Around, decideAround, remarkFreed } from './decide-around.ts';
import { describeState } from './describe.ts';
import { settledAt } from './settle.ts';

const PROBES_AT_ONCE = 16;
/** After a probe that failed for a passing reason. */
const PROBE_RETRY_MS = 10_000;
/** While a commit of ours holds the name half-way. */
const IN_COMMIT_RETRY_MS = 500;

export interface DecideDeps {
  readonly archive: Archive;
  readonly registry: Pick<Registry, 'loadPair'>;
  readonly clock: Clock;
  readonly settleMs: number;
}

export interface DecideResult {
  readonly taken: number;
  readonly decided: number;
  /** Earliest time (milliseconds since the epoch) at which a postponed candidate is due; null when none was postponed. */
  readonly laterAt: number | null;
}

interface Probed {
  readonly candidate: Candidate;
  readonly local: LocalState | null;
  readonly remote: RemoteState | null;
  readonly laterAt: number | null;
  readonly problem: ProblemText | null;
}

/**
 * Works on up to `limit` candidates of a pair. Before the first poll ended nothing is decided: the first contact is a
 * union of both sides, and what upstream holds must be known before anything is sent there.
 * @throws HoldfastError of grade pair when a side itself is gone or went back in time; nothing is concluded then (invariant 6).
 */
export async function decideCandidates(
  pair: Pair,
  sides: PairSides,
  limit: number,
  deps: DecideDeps,
): Promise<DecideResult> {
  if (pair.pollDone === 0n) return { taken: 0, decided: 0, laterAt: null };
  const candidates = await deps.archive.candidates(pair.id, limit);
  if (candidates.length === 0) return { taken: 0, decided: 0, laterAt: null };
  await assertFolder(pair, sides.folder, deps.registry);
  const probed = await mapLimit(candidates, PROBES_AT_ONCE, (candidate) =>
    probeCandidate(pair, sides, candidate, deps),
  );
  await assertBothKept(pair, sides, probed, deps);
  const around = await decideAround(pair, probed.filter(isConclusive).map(currentEntry), deps.archive);
  const serials = await deps.archive.issueSerials(probed.length * 2);
  const records: ProbeRecord[] = [];
  const history: HistoryEvent[] = [];
  for (const [index, outcome] of probed.entries()) {
    const decided = around.get(outcome.candidate.entry.name);
    const judged = judge(outcome, decided, serials[index * 2] as Serial, serials[index * 2 + 1] as Serial);
    records.push(judged.record);
    history.push(...judged.history);
  }
  await deps.archive.record(pair.id, records, history);
  await remarkFreed(pair, around, deps.archive);
  const later = probed.flatMap((outcome) => (outcome.laterAt === null ? [] : [outcome.laterAt]));
  return {
    taken: candidates.length,
    decided: records.filter((record) => record.outcome.kind === 'decided').length,
    laterAt: later.length === 0 ? null : Math.min(...later),
  };
}

/**
 * Once more after the probes: what a side that went back in time meanwhile showed was no change of its user's. And the
 * pair as the database has it now, since what was read from it may be younger than `pair`.
 */
async function assertBothKept(
  pair: Pair,
  sides: PairSides,
  probed: readonly Probed[],
  { registry }: DecideDeps,
): Promise<void> {
  const now = (await registry.loadPair(pair.id)) ?? pair;
  await assertFolder(now, sides.folder, registry);
  const isNews = ({ remote, candidate: { entry } }: Probed): boolean =>
    remote !== null && !isSameRemoteRecord(remote, entry.remote);
  if (probed.some(isNews)) await assertContainer(now, sides.store, registry);
}

async function probeCandidate(
  pair: Pair,
  sides: PairSides,
  candidate: Candidate,
  deps: DecideDeps,
): Promise<Probed> {
  const { entry } = candidate;
  const untouched: Probed = { candidate, local: null, remote: null, laterAt: null, problem: null };
  const isDirectory = entry.local.kind === 'directory' || entry.remote.kind === 'directory';
  if (sides.isExcluded(entry.name, isDirectory)) return untouched;
  try {
    const neverSynced = entry.syncSerial === 0n;
    let remote: RemoteState | null = null;
    if (candidate.sides !== 'local') remote = await sides.store.probe(entry.name, pair.identity);
    const local =
      candidate.sides !== 'remote' || neverSynced ? await probeLocal(sides, entry.name) : entry.local;
    if (local === 'in-commit')
      return { ...untouched, remote, laterAt: deps.clock.now() + IN_COMMIT_RETRY_MS };
    if ('twin' in local) {
      return {
        ...untouched,
        problem: {
          code: 'name-twin',
          text: `this folder cannot hold it beside "${local.twin}", which differs only in case or Unicode form`,
        },
      };
    }
    const now = deps.clock.now();
    const settles = settledAt(local, deps.settleMs, now);
    if (settles > now && !sameLocalFacts(local, entry.local, 'with-ctime'))
      return { ...untouched, remote, laterAt: settles };
    // A listing that may lag is no ground to call a file that exists here equal or different (first contact).
    if (remote === null && neverSynced && local.kind !== 'absent' && isHearsay(entry.remote, sides)) {
      remote = await sides.store.probe(entry.name, pair.identity);
    }
    const known = sameLocalFacts(local, entry.local, 'with-ctime') ? entry.local : local;
    const hashed = await withHash(sides, entry, known, remote ?? entry.remote);
    if (hashed === null) return { ...untouched, remote, laterAt: deps.clock.now() + deps.settleMs };
    return { ...untouched, local: hashed, remote };
  } catch (thrown) {
    const error = asHoldfastError(thrown);
    if (error.grade === 'pair' || error.grade === 'fatal') throw thrown;
    const problem = { code: error.code, text: error.message };
    if (error.code === 'local-denied' && entry.local.kind !== 'unhandled')
      return unreadable(untouched, sides, problem);
    return {
      ...untouched,
      problem,
      laterAt:
        error.grade === 'transient'
          ? deps.clock.now() + Math.max(PROBE_RETRY_MS, error.retryAfterMs ?? 0)
          : null,
    };
  }
}

/** A file that may not be read is there, but is no content: it must never look deleted or changed. */
async function unreadable(untouched: Probed, sides: PairSides, problem: ProblemText): Promise<Probed> {
  const local = await probeLocal(sides, untouched.candidate.entry.name);
  if (local === 'in-commit' || 'twin' in local || local.kind !== 'file') return { ...untouched, problem };
  return {
    ...untouched,
    local: { kind: 'unhandled', special: 'unreadable', inode: local.inode, mtimeNs: local.mtimeNs },
    problem,
  };
}

async function probeLocal(
  sides: PairSides,
  name: Name,
): Promise<LocalState | 'in-commit' | { readonly twin: string }> {
  const probed = await sides.folder.probe(name);
  if (probed.result === 'state') return probed.state;
  return probed.result === 'in-commit' ? 'in-commit' : { twin: probed.twin };
}

/** Recorded from a listing of a store whose listings may lag. */
function isHearsay(remote: RemoteState, sides: PairSides): boolean {
  return sides.store.capabilities.listingLags && remote.kind === 'file' && remote.version === null;
}

/** Hashes only where sizes make equality possible. @returns null when the file changed while it was read. */
async function withHash(
  sides: PairSides,
  entry: Entry,
  local: LocalState,
  remote: RemoteState,
): Promise<LocalState | null> {
  if (local.kind !== 'file' || local.hash !== null) return local;
  const comparable =
    (entry.sync.kind === 'file' && entry.sync.size === local.size) ||
    (remote.kind === 'file' && remote.size === local.size);
  if (!comparable) return local;
  const hash = await sides.folder.hash(entry.name, local, sides.store.digest);
  return hash === null ? null : { ...local, hash };
}

/** Whether the probe found what a decision can be made on. */
function isConclusive({ local, remote, laterAt }: Probed): boolean {
  return laterAt === null && (local !== null || remote !== null);
}

/** The entry with what was found; versions that are only told by other facts keep the recorded state. */
function currentEntry({ candidate: { entry }, local, remote }: Probed): Entry {
  return {
    ...entry,
    local: local !== null && !isSameLocalRecord(local, entry.local) ? local : entry.local,
    remote: remote !== null && !isSameRemoteRecord(remote, entry.remote) ? remote : entry.remote,
  };
}

function judge(
  probed: Probed,
  around: Around | undefined,
  localSerial: Serial,
  remoteSerial: Serial,
): { record: ProbeRecord; history: readonly HistoryEvent[] } {
  const { candidate, problem } = probed;
  const { entry } = candidate;
  const localChanged = probed.local !== null && !isSameLocalRecord(probed.local, entry.local);
  const remoteChanged = probed.remote !== null && !isSameRemoteRecord(probed.remote, entry.remote);
  const local = localChanged ? { state: probed.local as LocalState, serial: localSerial } : null;
  const remote = remoteChanged ? { state: probed.remote as RemoteState, serial: remoteSerial } : null;
  const observed = observations(entry, local, remote);

  if (probed.laterAt !== null) {
    const record: ProbeRecord = {
      candidate,
      local,
      remote,
      outcome: { kind: 'later', at: probed.laterAt },
      problem,
    };
    return { record, history: observed };
  }
  if (around === undefined) {
    return { record: { candidate, local, remote, outcome: { kind: 'settled' }, problem }, history: [] };
  }
  if (around.kind !== 'decided') {
    const outcome = { kind: 'settled' } as const;
    return {
      record: { candidate, local, remote, outcome, problem: problem ?? around.problem },
      history: observed,
    };
  }
  return concluded(candidate, currentEntry(probed), around.decision, {
    local,
    remote,
    localSerial,
    remoteSerial,
    observed,
    problem,
  });
}

interface Findings {
  readonly local: ProbeRecord['local'];
  readonly remote: ProbeRecord['remote'];
  readonly localSerial: Serial;
  readonly remoteSerial: Serial;
  readonly observed: readonly HistoryEvent[];
  readonly problem: ProblemText | null;
}

function concluded(
  candidate: Candidate,
  current: Entry,
  decision: Decision,
  found: Findings,
): { record: ProbeRecord; history: readonly HistoryEvent[] } {
  const { local, remote, observed } = found;
  const { name } = current;
  if (decision.kind === 'none') {
    const standstill =
      decision.standstill === null ? null : { code: decision.standstill, text: decision.reason };
    const record: ProbeRecord = {
      candidate,
      local,
      remote,
      outcome: { kind: 'settled' },
      problem: found.problem ?? standstill,
    };
    return { record, history: observed };
  }
  if (decision.kind === 'acknowledge') {
    // The newer of both recorded versions names the common state.
    const serial = remote?.serial ?? local?.serial ?? laterSerial(current.localSerial, current.remoteSerial);
    const text = `${decision.reason}; nothing to move`;
    const outcome = { kind: 'acknowledged', sync: decision.sync, serial } as const;
    return {
      record: { candidate, local, remote, outcome, problem: found.problem },
      history: [...observed, { name, kind: 'acknowledged', side: null, serial, text }],
    };
  }
  // Every decision gets a serial of its own, even on a version recorded before: a worker that
  // wakes up late with an earlier decision on that version must not acknowledge this one.
  const source = decision.action === 'upload' || decision.action === 'delete-remote' ? 'local' : 'remote';
  const serial = source === 'local' ? found.localSerial : found.remoteSerial;
  const record: ProbeRecord = {
    candidate,
    local: source === 'local' ? { state: current.local, serial } : local,
    remote: source === 'remote' ? { state: current.remote, serial } : remote,
    outcome: {
      kind: 'decided',
      decision: {
        serial,
        action: decision.action,
        displaced: decision.displaced,
        reason: decision.reason,
        attempts: 0,
      },
    },
    problem: found.problem,
  };
  const sides = `here ${describeState(current.local)}, upstream ${describeState(effectiveRemote(current))}`;
  const text = `${decision.action}: ${decision.reason} (${sides})`;
  return { record, history: [...observed, { name, kind: 'decided', side: source, serial, text }] };
}

function observations(
  entry: Entry,
  local: ProbeRecord['local'],
  remote: ProbeRecord['remote'],
): HistoryEvent[] {
  const events: HistoryEvent[] = [];
  if (local !== null) {
    const text = `here: ${describeState(entry.local)} became ${describeState(local.state)}`;
    events.push({ name: entry.name, kind: 'observed', side: 'local', serial: local.serial, text });
  }
  if (remote !== null) {
    const text = `upstream: ${describeState(entry.remote)} became ${describeState(remote.state)}`;
    events.push({ name: entry.name, kind: 'observed', side: 'remote', serial: remote.serial, text });
  }
  return events;
}

function isSameLocalRecord(a: LocalState, b: LocalState): boolean {
  return sameLocalFacts(a, b, 'with-ctime') && (a.kind !== 'file' || b.kind !== 'file' || a.hash === b.hash);
}

function isSameRemoteRecord(a: RemoteState, b: RemoteState): boolean {
  if (!sameRemoteContent(a, b)) return false;
  return a.kind === 'absent' || b.kind === 'absent' || a.version === b.version;
}
