/** Fixtures of archive and registry conformance: a database with one pair, and entries in any state through the ports alone. */
import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import type { Action, Displaced } from '#core/decide.ts';
import type { Entry, PendingDecision } from '#core/entry.ts';
import { type Name, toName } from '#core/name.ts';
import { DEFAULT_POLICIES } from '#core/policies.ts';
import type { Serial } from '#core/serial.ts';
import { ABSENT, type LocalState, type RemoteState, type SyncState } from '#core/state.ts';
import type { Acknowledgement, Archive, Candidate, ProbeRecord, SideEffects } from '#ports/archive.ts';
import type { Clock } from '#ports/clock.ts';
import type { NewPair, NewStore, Pair } from '#ports/pair.ts';
import type { Registry, Union } from '#ports/registry.ts';

export const NO_EFFECTS: SideEffects = { candidates: [], recovery: [], history: [] };

export const STORE: NewStore = {
  name: 'cloud',
  kind: 'swift',
  url: 'https://store.example/auth/v1.0',
  secret: { from: 'file', at: '/etc/holdfast/cloud.json' },
  options: { region: 'athens' },
};

export function newPair(storeId: number, name: string, volume = 'default'): NewPair {
  return {
    uid: `uid-${name}`,
    name,
    storeId,
    container: `container-${name}`,
    identity: null,
    containerCreatedAt: null,
    folder: `/srv/${name}`,
    volume,
    policies: DEFAULT_POLICIES,
    excludes: ['*.tmp'],
    ignoreText: '',
    versioning: true,
    capabilities: null,
    folderFacts: null,
  };
}

/** A union that an operator asked for. */
export function unionOf({ generations }: Pick<Pair, 'generations'>, more: Partial<Union> = {}): Union {
  return {
    reason: null,
    known: generations,
    found: null,
    attached: { folder: false, container: null },
    ...more,
  };
}

export interface OpenedArchive {
  readonly archive: Archive;
  readonly registry: Registry;
  /** The pair `docs` on the store `cloud`. */
  readonly pair: Pair;
  /** The database's own. */
  readonly clock: Pick<Clock, 'now'>;
  /** Makes all that the database remembers older by this much. */
  passTime(ms: number): Promise<void>;
}

/** Opens a fresh database; registers its own clean-up with `t.after`. */
export type OpenArchive = (t: TestContext) => Promise<OpenedArchive>;

/** Adds the store `cloud` and the pair `docs`. */
export async function addDocs(registry: Registry): Promise<Pair> {
  const store = await registry.addStore(STORE);
  return registry.addPair(newPair(store.id, 'docs'));
}

export const name = (raw: string): Name => toName(raw);

export function localFile(
  size: number,
  more: Partial<Extract<LocalState, { kind: 'file' }>> = {},
): LocalState {
  return {
    kind: 'file',
    size,
    mtimeNs: 1_700_000_000_123_456_789n,
    ctimeNs: 1_700_000_000_987_654_321n,
    inode: 42n,
    mode: 0o644,
    hash: null,
    ...more,
  };
}

export function remoteFile(size: number, hash = `hash-${size}`): RemoteState {
  return { kind: 'file', size, hash, version: 'v1', mtimeNs: 1_700_000_000_000_000_000n };
}

export const LOCAL_DIRECTORY: LocalState = { kind: 'directory', inode: 7n, mtimeNs: 5n, mode: 0o755 };
export const REMOTE_DIRECTORY: RemoteState = { kind: 'directory', version: null };

/** States to give a name; what is left out stays absent. */
export interface Given {
  readonly local?: LocalState;
  readonly remote?: RemoteState;
  readonly sync?: SyncState;
  readonly decision?: readonly [Action, Displaced?];
}

/** Names get these states and decisions as a decider would give them; deletes may go. */
export async function give(
  opened: Pick<OpenedArchive, 'archive' | 'pair'>,
  states: Readonly<Record<string, Given>>,
): Promise<void> {
  await giveWaiting(opened, states);
  const { archive, pair } = opened;
  const { waitingDeletes } = await archive.counts(pair.id);
  if (waitingDeletes > 0) assert.equal(await archive.letDeletesGo(pair.id, waitingDeletes), true);
}

/** Marks, then records; deletes wait at the gate. */
export async function giveWaiting(
  { archive, pair }: Pick<OpenedArchive, 'archive' | 'pair'>,
  states: Readonly<Record<string, Given>>,
): Promise<void> {
  const names = Object.keys(states).map(name);
  await archive.mark(pair.id, 'both', names);
  const withSync = names.filter((each) => states[each]?.sync !== undefined);
  for (const round of ['sync', 'decide'] as const) {
    if (round === 'sync' && withSync.length === 0) continue;
    const wanted = new Set<string>(round === 'sync' ? withSync : names);
    const candidates = (await archive.candidates(pair.id, 1_000_000)).filter(({ entry }) =>
      wanted.has(entry.name),
    );
    const serials = await archive.issueSerials(candidates.length * 2);
    const records = candidates.map((candidate, index): ProbeRecord => {
      const given = states[candidate.entry.name] as Given;
      const [localSerial, remoteSerial] = [serials[2 * index] as Serial, serials[2 * index + 1] as Serial];
      const base = {
        candidate,
        local: { state: given.local ?? ABSENT, serial: localSerial },
        remote: { state: given.remote ?? ABSENT, serial: remoteSerial },
        problem: null,
      };
      if (round === 'sync') {
        return {
          ...base,
          outcome: { kind: 'acknowledged', sync: given.sync ?? ABSENT, serial: localSerial },
        };
      }
      if (given.decision === undefined) return { ...base, outcome: { kind: 'settled' } };
      const [action, displaced = 'recoverable'] = given.decision;
      const pushes = action === 'upload' || action === 'delete-remote';
      const serial = pushes ? localSerial : remoteSerial;
      return {
        ...base,
        outcome: { kind: 'decided', decision: { serial, action, displaced, reason: 'because', attempts: 0 } },
      };
    });
    const written = await archive.record(pair.id, records, []);
    assert.equal(written.size, candidates.length);
    if (round === 'sync') await archive.mark(pair.id, 'both', withSync);
  }
}

export async function candidateOf({ archive, pair }: OpenedArchive, of: string): Promise<Candidate> {
  const found = (await archive.candidates(pair.id, 1_000_000)).find(({ entry }) => entry.name === of);
  assert.ok(found, `${of} is no candidate`);
  return found;
}

export async function entryOf({ archive, pair }: OpenedArchive, of: string): Promise<Entry> {
  const [entry] = await archive.load(pair.id, [name(of)]);
  assert.ok(entry);
  return entry;
}

/** What a worker says that carried the pending decision of an entry out. */
export function doneWith(entry: Entry): Acknowledgement {
  const decision = entry.decision as PendingDecision;
  const { action, serial, displaced } = decision;
  const removes = action === 'delete-local' || action === 'delete-remote';
  const content = contentOf(action === 'upload' ? entry.local : entry.remote);
  const sync: SyncState = removes ? ABSENT : content;
  const bytes = sync.kind === 'file' ? sync.size : 0;
  const common = { name: entry.name, serial, sync, action, displaced, hash: null, bytes };
  if (action === 'upload' || action === 'delete-remote') {
    const state: RemoteState =
      sync.kind === 'file'
        ? { ...sync, version: 'v2', mtimeNs: null }
        : sync.kind === 'directory'
          ? REMOTE_DIRECTORY
          : ABSENT;
    return { ...common, target: { side: 'remote', state } };
  }
  const state =
    sync.kind === 'file'
      ? localFile(sync.size, { hash: sync.hash })
      : sync.kind === 'directory'
        ? LOCAL_DIRECTORY
        : ABSENT;
  return { ...common, target: { side: 'local', state } };
}

function contentOf(state: LocalState | RemoteState): SyncState {
  if (state.kind === 'file')
    return { kind: 'file', size: state.size, hash: state.hash ?? `hash-${state.size}` };
  return { kind: 'directory' };
}
