/**
 * Archive calls: any call of the ports as plain data, so that one sequence can be played on
 * two databases. A call refers to earlier answers, outdated ones included, by their place.
 */
import fc from 'fast-check';
import type { Action, Displaced } from '#core/decide.ts';
import type { Side } from '#core/entry.ts';
import type { Name } from '#core/name.ts';
import { ABSENT, type LocalState, type RemoteState, type SyncState } from '#core/state.ts';
import type { CandidateSides, ProblemText } from '#ports/archive.ts';
import {
  LOCAL_DIRECTORY,
  localFile,
  name,
  REMOTE_DIRECTORY,
  remoteFile,
} from '#test/conformance/archive-fixtures.ts';

export const HOUR_MS = 3_600_000;
/** A player remembers so many answers of each sort. */
export const REMEMBERED = 12;

export const NAMES: readonly Name[] = ['a', 'a-b', 'a/b', 'a/b/c', 'a/d', 'b', 'b/x'].map(name);
const CODES = ['name-file-and-directory', 'local-io'] as const;

export interface Effects {
  readonly candidates: readonly { readonly side: Side; readonly name: Name }[];
  readonly pointers: readonly {
    readonly name: Name;
    readonly locator: string;
    readonly lookInHours: number | null;
    readonly expiresInHours: number;
  }[];
  readonly conflicts: readonly Name[];
}

export interface Found {
  readonly place: number;
  readonly local: LocalState | null;
  readonly remote: RemoteState | null;
  readonly outcome:
    | { readonly kind: 'settled' }
    | { readonly kind: 'decided'; readonly action: Action; readonly displaced: Displaced }
    | { readonly kind: 'acknowledged'; readonly sync: SyncState }
    | { readonly kind: 'later'; readonly inHours: number };
  readonly problem: ProblemText | null;
}

export type ReleaseCall =
  | { readonly kind: 'stale' }
  | { readonly kind: 'refused'; readonly problem: ProblemText }
  | {
      readonly kind: 'retry';
      readonly inHours: number;
      readonly counts: boolean;
      readonly problem: ProblemText | null;
    };

const GATE_CALLS = [
  'holdDeletes',
  'endHold',
  'lookAgainAtDeletes',
  'takeBackDeletes',
  'approveDeletes',
  'revertDeletes',
] as const;
export type GateCall = (typeof GATE_CALLS)[number];

export type Call =
  | { readonly call: 'mark'; readonly sides: CandidateSides; readonly names: readonly Name[] }
  | { readonly call: 'markBelow'; readonly sides: CandidateSides; readonly name: Name }
  | { readonly call: 'markProblems'; readonly exceptCodes: readonly string[] }
  | { readonly call: 'recordListed'; readonly names: readonly Name[]; readonly state: RemoteState }
  | { readonly call: 'record'; readonly found: readonly Found[]; readonly events: readonly (Name | null)[] }
  | { readonly call: 'dispatch'; readonly window: number; readonly holdHours: number }
  | {
      readonly call: 'claim';
      readonly places: readonly number[];
      readonly holder: string;
      readonly holdHours: number;
    }
  | {
      readonly call: 'acknowledge';
      readonly places: readonly number[];
      readonly hash: string | null;
      readonly effects: Effects;
    }
  | {
      readonly call: 'release';
      readonly items: readonly { readonly place: number; readonly as: ReleaseCall }[];
      readonly effects: Effects;
    }
  | { readonly call: 'forgetDispatched' | 'finishPoll' | 'enable' | GateCall }
  | { readonly call: 'letDeletesGo'; readonly uncounted: number }
  | { readonly call: 'openProblem'; readonly shown: string; readonly problem: ProblemText }
  | { readonly call: 'closeProblems'; readonly codes: readonly string[]; readonly unseenForHours: number }
  | { readonly call: 'settleTrash'; readonly place: number; readonly as: 'looked' | 'gone' }
  | { readonly call: 'setPaused'; readonly paused: boolean }
  | { readonly call: 'disable'; readonly reason: string }
  | { readonly call: 'startUnion'; readonly reason: string | null; readonly ahead: number }
  | { readonly call: 'beginGenerations'; readonly minAgeHours: number }
  | { readonly call: 'confirmGeneration'; readonly side: Side; readonly number: number }
  | { readonly call: 'passTime'; readonly hours: number };

const aName = fc.constantFrom(...NAMES);
const someNames = fc.array(aName, { minLength: 1, maxLength: 4 });
const aSide = fc.constantFrom<Side>('local', 'remote');
const someSides = fc.constantFrom<CandidateSides>('local', 'remote', 'both');
const someCodes = fc.subarray<string>([...CODES]);
/** Mostly what was told last. */
const aPlace = fc.oneof(
  { weight: 3, arbitrary: fc.nat(2) },
  { weight: 1, arbitrary: fc.nat(REMEMBERED - 1) },
);
/** Time passes by whole hours, so that a quarter stays between any time and now, whatever a slow server takes. */
const inHours = fc.constantFrom(-1.25, 4.25);
const holdHours = fc.constantFrom(0, 4.25);
const aProblem = fc.record({ code: fc.constantFrom(...CODES), text: fc.constantFrom('one', 'two') });
const perhapsAProblem = fc.option(aProblem, { nil: null, freq: 2 });
const aLocalState = fc.constantFrom<LocalState>(
  ABSENT,
  LOCAL_DIRECTORY,
  localFile(1),
  localFile(2, { hash: 'hash-2' }),
  { kind: 'unhandled', special: 'fifo', inode: 3n, mtimeNs: 4n },
);
const aRemoteState = fc.constantFrom<RemoteState>(ABSENT, REMOTE_DIRECTORY, remoteFile(1), remoteFile(2), {
  kind: 'unhandled',
  version: 'v',
});
const aSyncState = fc.constantFrom<SyncState>(
  ABSENT,
  { kind: 'directory' },
  { kind: 'file', size: 1, hash: 'hash-1' },
  { kind: 'file', size: 2, hash: 'hash-2' },
);
const anAction = fc.constantFrom<Action>('upload', 'download', 'delete-remote', 'delete-local');
const displaced = fc.constantFrom<Displaced>('recoverable', 'conflict-copy');

const effects: fc.Arbitrary<Effects> = fc.record({
  candidates: fc.array(fc.record({ side: aSide, name: aName }), { maxLength: 2 }),
  pointers: fc.array(
    fc.record({
      name: aName,
      locator: fc.constantFrom('x', 'y'),
      lookInHours: fc.option(inHours, { nil: null }),
      expiresInHours: inHours,
    }),
    { maxLength: 2 },
  ),
  conflicts: fc.array(aName, { maxLength: 1 }),
});

const found: fc.Arbitrary<Found> = fc.record({
  place: aPlace,
  local: fc.option(aLocalState, { nil: null }),
  remote: fc.option(aRemoteState, { nil: null }),
  outcome: fc.oneof(
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('settled' as const) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('acknowledged' as const), sync: aSyncState }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('later' as const), inHours }) },
    {
      weight: 3,
      arbitrary: fc.record({ kind: fc.constant('decided' as const), action: anAction, displaced }),
    },
  ),
  problem: perhapsAProblem,
});

const released: fc.Arbitrary<ReleaseCall> = fc.oneof(
  fc.record({ kind: fc.constant('stale' as const) }),
  fc.record({ kind: fc.constant('refused' as const), problem: aProblem }),
  fc.record({
    kind: fc.constant('retry' as const),
    inHours,
    counts: fc.boolean(),
    problem: perhapsAProblem,
  }),
);

const call = <Which extends string>(which: Which) => ({ call: fc.constant(which) });

const mark: fc.Arbitrary<Call> = fc.record({ ...call('mark'), sides: someSides, names: someNames });
const record: fc.Arbitrary<Call> = fc.record({
  ...call('record'),
  found: fc.array(found, { minLength: 1, maxLength: 5 }),
  events: fc.array(fc.option(aName, { nil: null }), { maxLength: 2 }),
});
const letDeletesGo: fc.Arbitrary<Call> = fc.record({
  ...call('letDeletesGo'),
  uncounted: fc.constantFrom(0, 0, 0, 1),
});
const dispatch: fc.Arbitrary<Call> = fc.record({
  ...call('dispatch'),
  window: fc.integer({ min: 1, max: 5 }),
  holdHours,
});
const acknowledge: fc.Arbitrary<Call> = fc.record({
  ...call('acknowledge'),
  places: fc.array(aPlace, { minLength: 1, maxLength: 3 }),
  hash: fc.constantFrom(null, 'md5'),
  effects,
});
const release: fc.Arbitrary<Call> = fc.record({
  ...call('release'),
  items: fc.array(fc.record({ place: aPlace, as: released }), { maxLength: 3 }),
  effects,
});

const recordListed: fc.Arbitrary<Call> = fc.record({
  ...call('recordListed'),
  names: someNames,
  state: aRemoteState,
});

/** The life of a candidate, as far as it goes. */
const lives: readonly fc.Arbitrary<Call[]>[] = [
  fc.tuple(mark, record),
  fc.tuple(mark, record, letDeletesGo),
  fc.tuple(mark, record, letDeletesGo, dispatch),
  fc.tuple(mark, record, dispatch, acknowledge),
  fc.tuple(mark, record, recordListed, acknowledge),
  fc.tuple(mark, record, letDeletesGo, dispatch, fc.oneof(acknowledge, release)),
];

const others: readonly fc.Arbitrary<Call>[] = [
  mark,
  record,
  dispatch,
  acknowledge,
  release,
  fc.record({ ...call('markBelow'), sides: someSides, name: aName }),
  fc.record({ ...call('markProblems'), exceptCodes: someCodes }),
  recordListed,
  fc.record({
    ...call('claim'),
    places: fc.array(aPlace, { minLength: 1, maxLength: 3 }),
    holder: fc.constantFrom('one', 'two'),
    holdHours,
  }),
  fc.record({ call: fc.constantFrom('forgetDispatched', 'finishPoll', 'enable') }),
  fc.record({ call: fc.constantFrom(...GATE_CALLS) }),
  fc.record({ ...call('openProblem'), shown: fc.constantFrom('a', 'a/b', '\\xff'), problem: aProblem }),
  fc.record({ ...call('closeProblems'), codes: someCodes, unseenForHours: fc.constantFrom(0, 1.25) }),
  fc.record({ ...call('settleTrash'), place: aPlace, as: fc.constantFrom('looked', 'gone') }),
  fc.record({ ...call('beginGenerations'), minAgeHours: fc.constantFrom(0, 1.25) }),
  fc.record({ ...call('confirmGeneration'), side: aSide, number: fc.nat(3) }),
  fc.record({ ...call('setPaused'), paused: fc.boolean() }),
  fc.record({ ...call('disable'), reason: fc.constantFrom('gone', 'still gone') }),
  fc.record({ ...call('passTime'), hours: fc.constantFrom(1, 6, 200) }),
];

const rare = fc.record({
  ...call('startUnion'),
  reason: fc.constantFrom(null, 'restored'),
  ahead: fc.constantFrom(0, 1, 5),
});

/** Rounds of calls that follow each other. */
export const rounds: fc.Arbitrary<Call[][]> = fc.array(
  fc.oneof(
    ...lives.map((arbitrary) => ({ weight: 8, arbitrary })),
    ...others.map((arbitrary) => ({ weight: 3, arbitrary: fc.tuple(arbitrary) })),
    { weight: 2, arbitrary: fc.tuple(rare) },
  ),
  { minLength: 1, maxLength: 14, size: 'max' },
);
