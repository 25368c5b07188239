/**
 * Codes: how unions of words are written into smallint columns. The numbers are in every
 * row of every database: a word may be added, a number never gets another meaning.
 */
import type { Action, Displaced } from '#core/decide.ts';
import type { Side } from '#core/entry.ts';
import type { SpecialKind } from '#core/state.ts';
import type { CandidateSides, HistoryEventKind } from '#ports/archive.ts';
import type { RecoveryPointer } from '#ports/commit.ts';

export const KIND = { absent: 0, file: 1, directory: 2, unhandled: 3 } as const;

export const SPECIAL: Readonly<Record<SpecialKind, number>> = {
  symlink: 1,
  fifo: 2,
  socket: 3,
  device: 4,
  unreadable: 5,
};

export const ACTION: Readonly<Record<Action, number>> = {
  upload: 1,
  download: 2,
  'delete-remote': 3,
  'delete-local': 4,
};

export const DISPLACED: Readonly<Record<Displaced, number>> = { recoverable: 0, 'conflict-copy': 1 };

/** As bits, so that markings of both sides add up. */
export const SIDES: Readonly<Record<CandidateSides, number>> = { local: 1, remote: 2, both: 3 };

export const SIDE: Readonly<Record<Side, number>> = { local: 1, remote: 2 };

export const HISTORY_KIND: Readonly<Record<HistoryEventKind, number>> = {
  observed: 1,
  decided: 2,
  acknowledged: 3,
  conflict: 4,
  stale: 5,
  failed: 6,
  problem: 7,
  recovered: 8,
  restored: 9,
  operator: 10,
};

export const POINTER_KIND: Readonly<Record<RecoveryPointer['kind'], number>> = {
  trash: 1,
  version: 2,
  copy: 3,
};

/** The word of a code. @throws RangeError for a number that no version of this code wrote. */
export function wordOf<Word extends string>(codes: Readonly<Record<Word, number>>, code: number): Word {
  for (const word in codes) if (codes[word] === code) return word;
  throw new RangeError(
    `the database holds the unknown code ${code} (known: ${Object.keys(codes).join(', ')})`,
  );
}
