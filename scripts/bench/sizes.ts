/** Sizes: how much of each workload one run does. The issue's own sizes where half an hour on two idle cores holds them. */

export interface Sizes {
  readonly rounds: number;
  /** W1, W2: files of 4 KiB that are copied. */
  readonly copied: number;
  /** W3, W4, W10 on Swift, where each peer asks for every single object. */
  readonly compared: number;
  /** W3, W10 on the Pithos server. */
  readonly entries: number;
  /** W4: files changed on each side. */
  readonly changed: number;
  /** W5: edits in each direction. */
  readonly edits: number;
  /** W5: undone files in the other pair. */
  readonly undone: number;
  /** W6. */
  readonly largeMiB: number;
  /** W7: idle pairs of 100 files, and how long they are watched. */
  readonly idlePairs: number;
  readonly idleSeconds: number;
  /** W8: files moved by 1, 2 and 4 processes. */
  readonly delayed: number;
  /** W9. */
  readonly manyEntries: number;
  /** W11: files removed, and files renamed. */
  readonly removed: number;
}

export const FULL: Sizes = {
  rounds: 3,
  copied: 1_500,
  compared: 1_500,
  entries: 100_000,
  changed: 100,
  edits: 40,
  undone: 10_000,
  largeMiB: 1_024,
  idlePairs: 200,
  idleSeconds: 60,
  delayed: 1_000,
  manyEntries: 300_000,
  removed: 3_000,
};

/** For the guard: counts are the same at any size that fills a few batches. */
export const QUICK: Sizes = {
  rounds: 1,
  copied: 200,
  compared: 100,
  entries: 2_000,
  changed: 20,
  edits: 5,
  undone: 500,
  largeMiB: 64,
  idlePairs: 20,
  idleSeconds: 5,
  delayed: 200,
  manyEntries: 4_000,
  removed: 300,
};
