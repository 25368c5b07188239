/**
 * Alone: one piece of work on a pair at a time. Jobs overlap, since delayed wakes are jobs of
 * their own; each would look at the same names again, so that a slow store gets a request for
 * every one of them. Within this process only: others look twice at worst, as `record` fences.
 */

export class Alone {
  /** Pairs that are worked on, with whether more was asked for meanwhile. */
  readonly #askedMeanwhile = new Map<number, boolean>();

  /** @returns null when the pair is worked on already: who does it learns that more was asked for. */
  async on<Result>(
    pairId: number,
    work: () => Promise<Result>,
  ): Promise<{ readonly result: Result; readonly askedMeanwhile: boolean } | null> {
    if (this.#askedMeanwhile.has(pairId)) {
      this.#askedMeanwhile.set(pairId, true);
      return null;
    }
    this.#askedMeanwhile.set(pairId, false);
    try {
      const result = await work();
      return { result, askedMeanwhile: this.#askedMeanwhile.get(pairId) === true };
    } finally {
      this.#askedMeanwhile.delete(pairId);
    }
  }
}
