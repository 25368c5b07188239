/** Last first: undoes what was set up in the opposite order, so that a fleet ends before its database does. */
import type { Cleanup } from './services.ts';

export function lastFirst(t: Cleanup): LastFirst {
  const ends = new LastFirst();
  t.after(() => ends.undo());
  return ends;
}

export class LastFirst implements Cleanup {
  private readonly works: (() => Promise<void> | void)[] = [];

  after(work: () => Promise<void> | void): void {
    this.works.push(work);
  }

  async undo(): Promise<void> {
    for (let work = this.works.pop(); work !== undefined; work = this.works.pop()) await work();
  }
}
