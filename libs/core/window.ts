/** Window: how many decisions of one pair are out at once, so that no pair fills the queue (design section 3). */

/** Places that must be free before a window is filled again: a quarter, so that many share the cost of filling it. */
export function refillRoom(window: number): number {
  return Math.max(1, Math.floor(window / 4));
}
