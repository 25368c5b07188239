/** Expectation: whether what the store holds is what a commit was decided on; never time or version, always content. */
import type { RemoteState } from '#core/state.ts';
import { sameRemoteContent } from '#core/state.ts';
import { type CommitOutcome, NOTHING_DISPLACED } from '#ports/commit.ts';
import { type ObjectHead, stateOf } from './heads.ts';
import type { Version } from './versions.ts';

/** An object that is not its own content is never expected, whatever the archive says. */
export function matches(head: ObjectHead | null, expected: RemoteState): boolean {
  return expected.kind !== 'unhandled' && sameRemoteContent(stateOf(head), expected);
}

/** Whether a version holds the expected content. */
export function isBase(version: Version, expected: RemoteState): boolean {
  if (expected.kind !== 'file') return version.kind === expected.kind;
  return version.kind === 'file' && version.size === expected.size && version.etag === expected.hash;
}

export function staleOutcome(
  there: ObjectHead | null,
  expected: RemoteState,
): Extract<CommitOutcome<RemoteState>, { result: 'stale' }> {
  const found = there?.kind ?? 'nothing';
  const other = found === expected.kind ? 'another ' : '';
  return {
    result: 'stale',
    reason: `decided on ${expected.kind}, found ${other}${found}`,
    ...NOTHING_DISPLACED,
  };
}
