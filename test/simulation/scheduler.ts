/**
 * Scheduler: owns time. Everything that happens is an event at a simulated moment, and events run strictly one after
 * the other, each until nothing of what it set off can go on by itself. So one seed gives one run.
 */

export interface Timed {
  readonly at: number;
  readonly order: number;
  run: (() => void) | null;
}

/** A fixed day: what lasts over midnight is found by runs that begin just before it. */
const EPOCH_MS = Date.UTC(2026, 0, 5);

export class Scheduler {
  /** Microseconds since the run began. */
  now = 0;
  readonly #startMs: number;
  readonly #heap: Timed[] = [];
  #scheduled = 0;

  /** @param startMs milliseconds after a midnight at which the run begins. */
  constructor(startMs: number) {
    this.#startMs = EPOCH_MS + startMs;
  }

  /** Milliseconds since the epoch. */
  get nowMs(): number {
    return this.#startMs + Math.floor(this.now / 1_000);
  }

  /** Nanoseconds since the epoch. */
  get nowNs(): bigint {
    return BigInt(this.#startMs * 1_000 + this.now) * 1_000n;
  }

  /** @param us microseconds from now; of equal ones the first scheduled runs first. */
  after(us: number, run: () => void): Timed {
    this.#scheduled += 1;
    const timed: Timed = { at: this.now + Math.max(0, Math.round(us)), order: this.#scheduled, run };
    push(this.#heap, timed);
    return timed;
  }

  cancel(timed: Timed): void {
    timed.run = null;
  }

  /** Runs events until `isOver`, asked between any two of them, or until there are none. */
  run(isOver: () => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      const turn = (): void => {
        const next = isOver() ? undefined : pop(this.#heap);
        if (next === undefined) {
          resolve();
          return;
        }
        this.now = next.at;
        try {
          next.run?.();
        } catch (thrown) {
          reject(thrown);
          return;
        }
        queueMicrotask(drained);
      };
      // The queue of ticks is looked at only when no microtask is left, however many follow from one another.
      const drained = (): void => process.nextTick(turn);
      turn();
    });
  }
}

function isBefore(left: Timed, right: Timed): boolean {
  return left.at < right.at || (left.at === right.at && left.order < right.order);
}

function push(heap: Timed[], timed: Timed): void {
  let at = heap.length;
  heap.push(timed);
  while (at > 0) {
    const above = (at - 1) >> 1;
    const parent = heap[above] as Timed;
    if (!isBefore(timed, parent)) break;
    heap[at] = parent;
    at = above;
  }
  heap[at] = timed;
}

function pop(heap: Timed[]): Timed | undefined {
  const first = heap[0];
  const last = heap.pop();
  if (first === undefined || last === undefined || heap.length === 0) return first;
  let at = 0;
  for (;;) {
    let below = 2 * at + 1;
    if (below >= heap.length) break;
    const right = below + 1;
    if (right < heap.length && isBefore(heap[right] as Timed, heap[below] as Timed)) below = right;
    const child = heap[below] as Timed;
    if (!isBefore(child, last)) break;
    heap[at] = child;
    at = below;
  }
  heap[at] = last;
  return first;
}
