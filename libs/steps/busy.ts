/** Busy: which jobs a process works on now, for those who watch it. */

/** What a process does now. */
export interface Activity {
  /** Jobs at once at most; 0 where it takes none. */
  readonly concurrency: number;
  readonly busy: number;
  /** Pairs it works on or holds. */
  readonly pairs: readonly number[];
}

export class Busy {
  private readonly concurrency: number;
  private readonly jobs = new Map<symbol, number>();

  constructor(concurrency: number) {
    this.concurrency = concurrency;
  }

  /** Counts the work from now to its end, whatever that is. */
  async on<Result>(pairId: number, work: () => Promise<Result>): Promise<Result> {
    const job = Symbol();
    this.jobs.set(job, pairId);
    try {
      return await work();
    } finally {
      this.jobs.delete(job);
    }
  }

  activity(): Activity {
    const { concurrency, jobs } = this;
    return { concurrency, busy: jobs.size, pairs: [...new Set(jobs.values())] };
  }
}
