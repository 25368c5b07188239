/**
 * Take notices: names that a store spoke of become REMOTE candidates, which the decider looks at
 * at once, without a listing. A name that was forged or is gone already is looked at and no more.
 * Notifications may be lost, so polls go on; while they flow there are fewer of them.
 */
import { type Name, nameFault } from '#core/name.ts';
import { MOST_NOTICES, type Notice } from '#core/notification.ts';
import type { Archive } from '#ports/archive.ts';
import type { Clock } from '#ports/clock.ts';
import type { JobQueue } from '#ports/job-queue.ts';
import type { Pair } from '#ports/pair.ts';
import type { Registry } from '#ports/registry.ts';
import type { Sides } from '#ports/sides.ts';

export interface NoticeDeps {
  readonly archive: Pick<Archive, 'mark'>;
  readonly registry: Pick<Registry, 'listPairs'>;
  readonly queue: Pick<JobQueue, 'wake' | 'pollNow'>;
  readonly sides: Pick<Sides, 'open'>;
  readonly clock: Pick<Clock, 'now'>;
}

/** How old the list of pairs may be; a new pair is polled in any case. */
const PAIRS_MS = 5_000;
/** Notifications flow while the last one is no older: longer than a busy container is quiet. */
const FLOW_MS = 900_000;

export class NoticeTaker {
  readonly #deps: NoticeDeps;
  #pairs: { readonly at: number; readonly all: readonly Pair[] } | null = null;
  /** When each pair was last spoken of. */
  readonly #spokenAt = new Map<number, number>();

  constructor(deps: NoticeDeps) {
    this.#deps = deps;
  }

  /** Whether this process was told of the pair's container lately. */
  isFlowing(pairId: number): boolean {
    return this.#deps.clock.now() - (this.#spokenAt.get(pairId) ?? Number.NEGATIVE_INFINITY) < FLOW_MS;
  }

  /** @throws what archive and queue throw: whoever told may tell again. */
  async take(store: string, notices: readonly Notice[]): Promise<void> {
    const named = new Map<string, Set<string | null>>();
    for (const { container, rawName } of notices) {
      named.set(container, (named.get(container) ?? new Set()).add(rawName));
    }
    for (const pair of await this.#activePairs()) {
      const rawNames = pair.store.name === store ? named.get(pair.container) : undefined;
      if (rawNames !== undefined) await this.#takeFor(pair, rawNames);
    }
  }

  async #takeFor(pair: Pair, rawNames: ReadonlySet<string | null>): Promise<void> {
    const { archive, queue, sides, clock } = this.#deps;
    this.#spokenAt.set(pair.id, clock.now());
    if (rawNames.has(null) || rawNames.size > MOST_NOTICES) return queue.pollNow(pair.id);
    const { isExcluded } = await sides.open(pair);
    const names = new Set<Name>();
    for (const rawName of rawNames) {
      const isDirectory = rawName?.endsWith('/') === true;
      // A marker of a directory ends with a slash.
      const name = (isDirectory ? rawName?.slice(0, -1) : rawName) as Name;
      if (nameFault(name) === null && !isExcluded(name, isDirectory)) names.add(name);
    }
    if (names.size === 0) return;
    await archive.mark(pair.id, 'remote', [...names]);
    await queue.wake(pair.volume, pair.id);
  }

  async #activePairs(): Promise<readonly Pair[]> {
    const { clock, registry } = this.#deps;
    if (this.#pairs === null || clock.now() - this.#pairs.at >= PAIRS_MS) {
      const all = await registry.listPairs();
      this.#pairs = {
        at: clock.now(),
        all: all.filter(({ paused, disabled }) => !paused && disabled === null),
      };
    }
    return this.#pairs.all;
  }
}
