/** Findings: what a run must not show, each with what is needed to look into it. */
export const FINDING_KINDS = [
  'lost',
  'buried',
  'duplicated',
  'diverged',
  'stuck',
  'partial',
  'crashed',
  'secret',
] as const;

/**
 * - `lost`: a content that no user took away is nowhere any more
 * - `buried`: it is only in the trash or a version, at no name and in no conflict copy
 * - `duplicated`: a conflict copy beside the very content that it is a copy of, or a name nobody gave it
 * - `diverged`: the two sides differ
 * - `stuck`: work or problems that do not end, a pair that stays disabled, leftovers of a commit
 * - `partial`: a reader saw, or a side holds, what nobody wrote whole
 * - `crashed`: a process ended by itself
 * - `secret`: a token, key or password where anybody could read it
 */
export type FindingKind = (typeof FINDING_KINDS)[number];

export interface Finding {
  readonly kind: FindingKind;
  readonly pair: string | null;
  /** One sentence. */
  readonly text: string;
  /** Names to ask `holdfast why` about. */
  readonly names: readonly string[];
}
