/**
 * Notices: what the store tells the poller of its own changes: late, out of order, more than once, of names that
 * nobody ever wrote, without a name, or not at all.
 */
import { MOST_NOTICES, type Notice } from '#core/notification.ts';
import type { RawStore } from '#libs/memory/raw-store.ts';
import type { NoticeTaker } from '#steps/take-notices.ts';
import type { Life } from './process.ts';
import { Random } from './random.ts';
import type { Settings } from './scenario.ts';
import type { Scheduler } from './scheduler.ts';

/** Share of notices that come twice, that name nothing, that name what is not there, and that are far too many. */
const TWICE = 0.2;
const NAMELESS = 0.05;
const FORGED = 0.1;
const FLOOD = 0.02;
const FORGED_NAMES = ['never-was', '/leading', '../outside', '.holdfast/attempts/x', 'd//x', ''];
const LONGEST_DELAY_MS = 20_000;

export class Notices {
  readonly #settings: Settings;
  readonly #scheduler: Scheduler;
  readonly #random: Random;
  readonly #store: string;
  readonly #container: string;
  #poller: { readonly life: Life; readonly taker: NoticeTaker } | null = null;

  constructor(
    settings: Settings,
    seed: number,
    scheduler: Scheduler,
    told: { readonly store: string; readonly container: string },
  ) {
    this.#settings = settings;
    this.#scheduler = scheduler;
    this.#random = new Random(seed, 'notices');
    this.#store = told.store;
    this.#container = told.container;
  }

  /** The store tells whoever polls; what comes while nobody does is lost. */
  deliverTo(life: Life, taker: NoticeTaker): void {
    this.#poller = { life, taker };
  }

  /** A name changed, or somebody pretends so. */
  tell(name: string): void {
    const { noticesLost } = this.#settings;
    if (noticesLost === undefined || this.#random.chance(noticesLost)) return;
    const times = this.#random.chance(TWICE) ? 2 : 1;
    for (let left = times; left > 0; left -= 1) this.#send(this.#noticesOf(name));
  }

  /** What users write by, so that the store tells of it. */
  telling(raw: RawStore): RawStore {
    return {
      put: (name, bytes) => this.#after(name, () => raw.put(name, bytes)),
      putDirectory: (name) => this.#after(name, () => raw.putDirectory(name)),
      putUnhandled: (name) => this.#after(name, () => raw.putUnhandled(name)),
      remove: (name) => this.#after(name, () => raw.remove(name)),
      names: () => raw.names(),
      contents: (name) => raw.contents(name),
      history: (name) => raw.history(name),
      namesEver: () => raw.namesEver(),
      read: (name, id) => raw.read(name, id),
      told: () => raw.told(),
      tellAgain: (told) => raw.tellAgain(told),
    };
  }

  #after(name: string, change: () => void): void {
    change();
    this.tell(name);
  }

  #noticesOf(name: string): readonly Notice[] {
    const container = this.#container;
    if (this.#random.chance(NAMELESS)) return [{ container, rawName: null }];
    if (this.#random.chance(FORGED)) return [{ container, rawName: this.#random.pick(FORGED_NAMES) }];
    const one = { container, rawName: name };
    if (!this.#random.chance(FLOOD)) return [one];
    return [one, ...Array.from({ length: MOST_NOTICES }, (_, n) => ({ container, rawName: `flood-${n}` }))];
  }

  #send(notices: readonly Notice[]): void {
    const delayMs = this.#random.magnitude(1, LONGEST_DELAY_MS);
    this.#scheduler.after(delayMs * 1_000, () => {
      // What the taker throws is told to the store, which may tell again or not.
      this.#poller?.life.after(0, () => void this.#take(notices));
    });
  }

  async #take(notices: readonly Notice[]): Promise<void> {
    await this.#poller?.taker.take(this.#store, notices).catch(() => undefined);
  }
}
