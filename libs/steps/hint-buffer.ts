/** Hint buffer: names that events spoke of, each with the time to judge it; a name is held once. */
import type { Name } from '#core/name.ts';

/** Names handed out at once, so that one query judges many and none is huge. */
const BATCH = 1_000;

export class HintBuffer {
  private readonly due = new Map<Name, number>();

  /** @param at milliseconds since the epoch; a later event of the same name does not postpone it. */
  add(names: readonly Name[], at: number): void {
    for (const name of names) {
      const known = this.due.get(name);
      if (known === undefined || known > at) this.due.set(name, at);
    }
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
