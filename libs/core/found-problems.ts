/**
 * Found problems: what only a full look at a side finds, a walk here or a listing upstream, and
 * what only the next one ends. They are shown under printable names, which entries that sync
 * may bear, too: that such an entry settles ends none of them (invariant 10).
 */
import type { NameFault } from './name.ts';

const NAME_FAULTS: readonly NameFault[] = [
  'name-empty-segment',
  'name-dot-segment',
  'name-control-character',
  'name-not-unicode',
  'name-too-long',
  'name-reserved',
];

/** What a walk finds. */
export const WALK_PROBLEMS: readonly string[] = [...NAME_FAULTS, 'directory-unreadable'];

/** What a listing finds; none is one of a walk's, since each look closes what it finds no longer. */
export const LISTING_PROBLEMS: readonly string[] = NAME_FAULTS.map((fault) => `object-${fault}`);

export const FOUND_PROBLEMS: ReadonlySet<string> = new Set([...WALK_PROBLEMS, ...LISTING_PROBLEMS]);
