/**
 * Hint buffer: names that events spoke of, each with the time to judge it; a name is held once. It is bounded
 * (invariant 13): of more names than that nothing is kept, because one full scan then costs less.
 */
import type { Name } from '#core/name.ts';

/** Names handed out at once, so that one query judges many and none is huge. */
const BATCH = 1_000;
/** Names held at most. */
export const MOST_HINTS = 50_000;

export class HintBuffer {
  private readonly due = new Map<Name, number>();

  /**
   * @param at milliseconds since the epoch; a later event of the same name does not postpone it.
   * @returns `lost` when there were too many and all were dropped: only a full scan tells what changed.
   */
  add(names: readonly Name[], at: number): 'kept' | 'lost' {
    for (const name of names) {
      const known = this.due.get(name);
      if (known === undefined || known > at) this.due.set(name, at);
      if (this.due.size > MOST_HINTS) {
        this.due.clear();
        return 'lost';
      }
    }
    return 'kept';
  }

  /** Takes names that are due, at most one batch. */
  takeDue(now: number): readonly Name[] {
    const taken: Name[] = [];
    for (const [name, at] of this.due) {
      if (at > now) continue;
      taken.push(name);
      this.due.delete(name);
      if (taken.length >= BATCH) break;
    }
    return taken;
  }
}
