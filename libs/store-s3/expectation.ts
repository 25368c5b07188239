/** Expectation: whether what the store holds is what a commit was decided on; never time or version, always content. */
import type { RemoteState } from '#core/state.ts';
import { sameRemoteContent } from '#core/state.ts';
import { type CommitOutcome, NOTHING_DISPLACED } from '#ports/commit.ts';
import { digestInTag, isMarker, type ObjectHead, stateOf } from './heads.ts';
import type { ListedVersion } from './xml.ts';

type Stale = Extract<CommitOutcome<RemoteState>, { result: 'stale' }>;

/** An object whose content nothing tells is never expected, whatever the archive says. */
export function matches(head: ObjectHead | null, expected: RemoteState): boolean {
  return expected.kind !== 'unhandled' && sameRemoteContent(stateOf(head), expected);
}

/** A directory that only its contents imply has no object to replace. */
export function isImplied(expected: RemoteState): boolean {
  return expected.kind === 'directory' && expected.version === null;
}

/** Whether a version holds the content; false where its ETag is no digest. */
export function holds(version: ListedVersion, state: RemoteState): boolean {
  if (version.isDeleted) return state.kind === 'absent';
  if (state.kind === 'directory') return isMarker(version.key, version.size);
  return state.kind === 'file' && version.size === state.size && digestInTag(version.etag) === state.hash;
}

export function staleOutcome(there: ObjectHead | null, expected: RemoteState): Stale {
  const found = there?.kind ?? 'nothing';
  const other = found === expected.kind ? 'another ' : '';
  return {
    result: 'stale',
    reason: `decided on ${expected.kind}, found ${other}${found}`,
    ...NOTHING_DISPLACED,
  };
}
