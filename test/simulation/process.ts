/**
 * Process: one simulated process of the fleet. Its code is the real one; whatever it asks of the world is a step that
 * may come late, fail, come true without its hearing of it, or never. A crash ends one life: nothing of that life is
 * resumed any more, and the next one starts with empty memory.
 */
import type { Step } from '#libs/memory/step.ts';
import type { Clock } from '#ports/clock.ts';
import { failureOf } from './failures.ts';
import type { Moments } from './moments.ts';
import { Random } from './random.ts';
import type { Scheduler, Timed } from './scheduler.ts';

/** How long steps take, in microseconds; drawn anew for each step. */
export interface Pace {
  /** Share of steps that happen at once, so that a run has no more turns than it needs. */
  readonly atOnce: number;
  readonly shortest: number;
  readonly longest: number;
  /** Share of steps that take up to `stall` instead. */
  readonly stalls: number;
  readonly stall: number;
}

export interface World {
  readonly scheduler: Scheduler;
  readonly moments: Moments;
  /** How likely a step fails by itself. */
  readonly faultRate: number;
  paceOf(process: string, verb: string): Pace;
  /** Told after each effect; throws what ends the run. */
  observe(process: string, verb: string, subject: string, outcome: Outcome): void;
}

export type Outcome =
  | { readonly kind: 'done'; readonly result: unknown }
  | { readonly kind: 'threw'; readonly thrown: unknown }
  /** Made to fail by the simulation; `effect` says whether it happened all the same. */
  | { readonly kind: 'failed'; readonly thrown: unknown; readonly effect: boolean };

/** What a process does in one life. @returns what to do when it dies, such as closing descriptors. */
export type Start = (life: Life) => () => void;

/** Steps in a row without a pause, before one is made all the same: a loop without end must not stop the run. */
const MOST_AT_ONCE = 300;
/** What a process does once it goes on is done after so many microseconds. */
const WAKING_US = 2_000_000;

export class Life {
  readonly process: SimProcess;
  isAlive = true;
  readonly clock: Clock;
  readonly step: Step;
  /** Never resolves; of this life, so that whoever waits for it can be forgotten with it. */
  readonly never = new Promise<never>(() => {});

  constructor(process: SimProcess) {
    this.process = process;
    this.step = (verb, subject, effect) => process.step(this, verb, subject, effect);
    const { scheduler } = process.world;
    this.clock = {
      now: () => scheduler.nowMs,
      sleep: (ms, signal) => this.#sleep(ms, signal),
      random: () => process.random.next(),
      uniqueId: () => process.uniqueId(),
    };
  }

  /** Runs in this process's turn: later while it stands still, not at all when it is dead. */
  after(us: number, run: () => void): Timed {
    const { scheduler } = this.process.world;
    const timed = scheduler.after(us, () => {
      if (!this.isAlive) return;
      const { frozenUntil } = this.process;
      if (frozenUntil > scheduler.now) this.after(frozenUntil - scheduler.now, run);
      else run();
    });
    return timed;
  }

  #sleep(ms: number, signal?: AbortSignal): Promise<void> {
    if (!this.isAlive) return this.never;
    if (signal?.aborted === true) return Promise.resolve();
    return new Promise((resolve) => {
      const timed = this.after(ms * 1_000, () => {
        signal?.removeEventListener('abort', wake);
        resolve();
      });
      const wake = (): void => {
        this.process.world.scheduler.cancel(timed);
        resolve();
      };
      signal?.addEventListener('abort', wake, { once: true });
    });
  }
}

export class SimProcess {
  readonly name: string;
  readonly world: World;
  readonly random: Random;
  /** Simulated microseconds. */
  frozenUntil = 0;
  /** When the last of its steps that took long is over, microseconds. */
  stalledUntil = 0;
  life: Life | null = null;
  readonly #start: Start;
  #end: () => void = () => {};
  #named = 0;
  #inRow = 0;

  constructor(name: string, seed: number, world: World, start: Start) {
    this.name = name;
    this.world = world;
    this.random = new Random(seed, name);
    this.#start = start;
  }

  get condition(): 'alive' | 'frozen' | 'dead' {
    if (this.life === null) return 'dead';
    return this.frozenUntil > this.world.scheduler.now ? 'frozen' : 'alive';
  }

  start(): void {
    if (this.life !== null) return;
    this.frozenUntil = 0;
    const life = new Life(this);
    this.life = life;
    this.#end = this.#start(life);
  }

  crash(restartMs: number): void {
    if (this.life === null) return;
    this.life.isAlive = false;
    this.life = null;
    this.#end();
    this.world.scheduler.after(restartMs * 1_000, () => this.start());
  }

  freeze(ms: number): void {
    this.frozenUntil = Math.max(this.frozenUntil, this.world.scheduler.now + ms * 1_000);
  }

  /** Whether it stood still until a moment ago, or still does: what it was doing is not done yet. */
  isLate(): boolean {
    const until = Math.max(this.stalledUntil, this.frozenUntil);
    return until > 0 && until + WAKING_US > this.world.scheduler.now;
  }

  uniqueId(): string {
    this.#named += 1;
    return `${this.name}-${this.#named}`;
  }

  step<Result>(life: Life, verb: string, subject: string, effect: () => Result): Promise<Result> {
    if (!life.isAlive) return life.never;
    const pace = this.world.paceOf(this.name, verb);
    const isNow =
      this.random.next() < pace.atOnce && this.#inRow < MOST_AT_ONCE && this.condition === 'alive';
    this.#inRow = isNow ? this.#inRow + 1 : 0;
    if (isNow) return this.#perform(life, verb, subject, effect);
    const isStalled = this.random.next() < pace.stalls;
    const us = isStalled
      ? this.random.magnitude(pace.longest, pace.stall)
      : this.random.magnitude(pace.shortest, pace.longest);
    if (isStalled) this.stalledUntil = Math.max(this.stalledUntil, this.world.scheduler.now + us);
    // A file system call is over before its process can die; what was sent to a server may be carried out all the same.
    const isRemote = !verb.startsWith('fs.');
    return new Promise((resolve, reject) => {
      if (!isRemote) {
        life.after(us, () => void this.#perform(life, verb, subject, effect).then(resolve, reject));
        return;
      }
      const arrival = this.random.next() * us;
      this.world.scheduler.after(arrival, () => {
        if (!life.isAlive && this.random.next() < 0.5) return;
        this.#perform(life, verb, subject, effect).then(
          (result) => void life.after(us - arrival, () => resolve(result)),
          (thrown) => void life.after(us - arrival, () => reject(thrown)),
        );
      });
    });
  }

  /** The effect itself, with what befalls it. Runs synchronously; the promise is that of its answer. */
  #perform<Result>(life: Life, verb: string, subject: string, effect: () => Result): Promise<Result> {
    const { world, name } = this;
    if (life.isAlive) {
      const verdict = world.moments.at('before', name, verb, subject);
      if (verdict?.kind === 'crash') return life.never;
      if (verdict?.kind === 'freeze') {
        return new Promise((resolve, reject) => {
          life.after(0, () => void this.#perform(life, verb, subject, effect).then(resolve, reject));
        });
      }
      const failed = verdict?.kind === 'fail' ? this.#fail(verb, subject, 'before') : null;
      if (failed !== null) return failed;
    }
    const failure =
      world.faultRate > 0 && this.random.chance(world.faultRate) ? failureOf(verb, this.random) : null;
    if (failure?.when === 'before') {
      world.observe(name, verb, subject, { kind: 'failed', thrown: failure.error, effect: false });
      return Promise.reject(failure.error);
    }
    let result: Result;
    try {
      result = effect();
    } catch (thrown) {
      world.observe(name, verb, subject, { kind: 'threw', thrown });
      return Promise.reject(thrown);
    }
    if (failure !== null) {
      world.observe(name, verb, subject, { kind: 'failed', thrown: failure.error, effect: true });
      return Promise.reject(failure.error);
    }
    world.observe(name, verb, subject, { kind: 'done', result });
    const verdict = life.isAlive ? world.moments.at('after', name, verb, subject) : null;
    if (verdict?.kind === 'crash') return life.never;
    const failed = verdict?.kind === 'fail' ? this.#fail(verb, subject, 'after') : null;
    if (failed !== null) return failed;
    if (verdict?.kind === 'freeze')
      return new Promise((resolve) => void life.after(0, () => resolve(result)));
    return Promise.resolve(result);
  }

  /** @returns null for a step that cannot fail. */
  #fail(verb: string, subject: string, where: 'before' | 'after'): Promise<never> | null {
    const failure = failureOf(verb, this.random);
    if (failure === null) return null;
    this.world.observe(this.name, verb, subject, {
      kind: 'failed',
      thrown: failure.error,
      effect: where === 'after',
    });
    return Promise.reject(failure.error);
  }
}
