/** Cases: every combination of states and policies that can matter to a decision, for rules that hold in all of them. */
import { type Decision, decide, effectiveRemote } from '#core/decide.ts';
import type { Policies } from '#core/policies.ts';
import { type LocalState, type RemoteState, type SyncState, sameContent } from '#core/state.ts';
import {
  ABSENT,
  entryOf,
  LOCAL_DIRECTORY,
  localFile,
  MANIFEST,
  NOON,
  REMOTE_DIRECTORY,
  remoteFile,
  SYMLINK,
  SYNC_DIRECTORY,
  syncFile,
} from './fixtures.ts';

const LOCALS: readonly LocalState[] = [
  ABSENT,
  LOCAL_DIRECTORY,
  localFile('x'),
  localFile('y'),
  localFile('z', NOON + 5n),
  localFile(null),
  SYMLINK,
];

const REMOTES: readonly RemoteState[] = [
  ABSENT,
  REMOTE_DIRECTORY,
  remoteFile('x'),
  remoteFile('y'),
  remoteFile('z', null),
  MANIFEST,
];

const SYNCS: readonly SyncState[] = [ABSENT, SYNC_DIRECTORY, syncFile('x')];

export interface Case {
  readonly local: LocalState;
  /** With an implied directory counted in. */
  readonly remote: RemoteState;
  readonly sync: SyncState;
  readonly policies: Policies;
  readonly decision: Decision;
  /** All of it in one line, for assertion messages. */
  readonly text: string;
}

export function* allPolicies(): Generator<Policies> {
  for (const conflict of ['upstream', 'newest', 'local'] as const) {
    for (const deleteVsEdit of ['upstream', 'edit-wins'] as const) {
      for (const direction of ['both', 'push-only', 'pull-only'] as const) {
        yield { conflict, deleteVsEdit, direction };
      }
    }
  }
}

/** Policies as the words an operator gives. */
export function wordsOf(policies: Policies): string[] {
  return [
    `conflict=${policies.conflict}`,
    `delete-vs-edit=${policies.deleteVsEdit}`,
    `direction=${policies.direction}`,
  ];
}

export function* allCases(): Generator<Case> {
  for (const local of LOCALS) {
    for (const listed of REMOTES) {
      for (const sync of SYNCS) {
        for (const hasChildren of [false, true]) yield* casesOf(local, listed, sync, hasChildren);
      }
    }
  }
}

function* casesOf(
  local: LocalState,
  listed: RemoteState,
  sync: SyncState,
  hasChildren: boolean,
): Generator<Case> {
  const entry = entryOf(local, listed, sync, hasChildren);
  const remote = effectiveRemote(entry);
  for (const policies of allPolicies()) {
    const decision = decide(entry, policies);
    const states = [local, remote, sync].map((state) =>
      state.kind === 'file' ? `file ${state.hash}` : state.kind,
    );
    const text = [...states, wordsOf(policies).join(' '), describeDecision(decision)].join(' | ');
    yield { local, remote, sync, policies, decision, text };
  }
}

/** A decision without its reason, in the words of the case table. */
export function describeDecision(decision: Decision): string {
  switch (decision.kind) {
    case 'none':
      return decision.standstill === null ? 'none' : `none ${decision.standstill}`;
    case 'acknowledge':
      return `acknowledge ${decision.sync.kind}${decision.sync.kind === 'file' ? ` ${decision.sync.hash}` : ''}`;
    case 'transfer':
      return decision.displaced === 'recoverable'
        ? decision.action
        : `${decision.action}, ${decision.displaced}`;
  }
}

/** What a row of the table is about: both kinds, and whether each differs from SYNC. */
export function signatureOf(local: LocalState, remote: RemoteState, sync: SyncState): string {
  const change = (state: LocalState | RemoteState) => (sameContent(state, sync) ? 'unchanged' : 'changed');
  if (remote.kind === 'unhandled') return `${local.kind}, unhandled`;
  return `${local.kind} ${change(local)}, ${remote.kind} ${change(remote)}`;
}
