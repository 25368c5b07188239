/**
 * Memory queue: the port's promise and no more. Jobs are delivered at least once, out of
 * order, late and twice; a consumer that stops renewing its lock has its job given to another
 * while it may still be at work; and the server may forget everything it holds.
 */
import type {
  CandidatesJob,
  ConsumeOptions,
  Consumer,
  Handler,
  JobQueue,
  PollJob,
  TransferJob,
} from '#ports/job-queue.ts';
import type { Step } from './step.ts';

/** What the server takes from the world around it. */
export interface QueueWorld {
  /** Milliseconds since the epoch. */
  now(): number;
  after(ms: number, run: () => void): void;
  /** Milliseconds until the next waiting job is handed to a free consumer. */
  deliveryMs(): number;
  /** Whether a job that is added now is added twice. */
  duplicates(): boolean;
  /** Which of so many waiting jobs comes next; 0 is the one whose turn it is. */
  nextOf(waiting: number): number;
}

/** A process that is connected to the server. */
export interface QueueClient {
  readonly step: Step;
  condition(): 'alive' | 'frozen' | 'dead';
  /** Runs in the process's own turn. */
  soon(run: () => void): void;
}

const LOCK_MS = 30_000;
/** Delayed wakes of one pair that fall into the same slot are one. */
const DELAY_SLOT_MS = 1_000;

const NOBODY_FREE_MS = 1_000;

interface Job {
  readonly payload: unknown;
  readonly priority: number;
  /** Jobs with the same key are one while one of them waits; null for jobs of their own. */
  readonly key: string | null;
  readonly readyAt: number;
}

interface Listening {
  readonly client: QueueClient;
  readonly concurrency: number;
  readonly handler: Handler<never>;
  readonly stop: AbortController;
  active: number;
  isDraining: boolean;
  onIdle: () => void;
}

interface Delivery {
  readonly job: Job;
  readonly to: Listening;
  lockedUntil: number;
}

class Channel {
  waiting: Job[] = [];
  readonly active = new Set<Delivery>();
  readonly listening: Listening[] = [];
  isDelivering = false;
}

interface Schedule {
  readonly everyMs: number;
}

/** The server, which outlives its clients. */
export class MemoryQueueServer {
  readonly #world: QueueWorld;
  readonly #channels = new Map<string, Channel>();
  readonly #schedules = new Map<number, Schedule>();
  #hasSentinel = false;

  constructor(world: QueueWorld) {
    this.#world = world;
  }

  /** Jobs that wait or are held by a consumer. */
  get jobs(): number {
    let jobs = 0;
    for (const { waiting, active } of this.#channels.values()) jobs += waiting.length + active.size;
    return jobs;
  }

  /** Everything is gone, as after a flush; consumers stay connected and do not notice. */
  empty(): void {
    this.#hasSentinel = false;
    this.#schedules.clear();
    for (const channel of this.#channels.values()) {
      channel.waiting = [];
      channel.active.clear();
    }
  }

  connect(client: QueueClient): JobQueue {
    const { step } = client;
    const candidates = (volume: string) => this.#channel(`candidates.${volume}`);
    const transfers = (volume: string) => this.#channel(`transfer.${volume}`);
    const polls = () => this.#channel('poll');
    const consumers: Consumer[] = [];
    const consume = (channel: Channel, options: ConsumeOptions, handler: Handler<never>): Consumer => {
      const consumer = this.#listen(channel, client, options.concurrency, handler);
      consumers.push(consumer);
      return consumer;
    };
    return {
      wake: (volume, pairId, options = {}) =>
        step('queue.wake', String(pairId), () => {
          const payload: CandidatesJob = { pairId };
          this.#add(candidates(volume), { payload, priority: 0, ...this.#turnOfWake(pairId, options) });
        }),
      transfer: (volume, jobs) =>
        step('queue.transfer', String(jobs.length), () => {
          const readyAt = this.#world.now();
          for (const { pairId, items, priority } of jobs) {
            const payload: TransferJob = { pairId, items };
            this.#add(transfers(volume), { payload, priority, key: null, readyAt });
          }
        }),
      pollNow: (pairId) => step('queue.poll', String(pairId), () => this.#addPoll(pairId)),
      schedulePoll: (pairId, everyMs) =>
        step('queue.schedule', String(pairId), () =>
          this.#schedule(pairId, Math.max(1, Math.round(everyMs))),
        ),
      unschedulePoll: (pairId) =>
        step('queue.unschedule', String(pairId), () => void this.#schedules.delete(pairId)),
      pollSchedules: () =>
        step('queue.schedules', '', () => {
          return new Map([...this.#schedules].map(([pairId, { everyMs }]) => [pairId, everyMs]));
        }),
      consumeCandidates: (volume, options, handler) => consume(candidates(volume), options, handler),
      consumeTransfers: (volume, options, handler) => consume(transfers(volume), options, handler),
      consumePolls: (options, handler) => consume(polls(), options, handler),
      continuity: () =>
        step('queue.continuity', '', () => {
          const answer = this.#hasSentinel ? 'kept' : 'lost';
          this.#hasSentinel = true;
          return answer;
        }),
      ping: () => step('queue.ping', '', () => undefined),
      depths: () =>
        step('queue.depths', '', () =>
          [...this.#channels].flatMap(([queue, { waiting, active }]) => [
            { queue, state: 'waiting', jobs: waiting.length },
            { queue, state: 'active', jobs: active.size },
          ]),
        ),
      waits: () =>
        step('queue.waits', '', () =>
          [...this.#channels].map(([queue, { waiting }]) => {
            const since = Math.min(...waiting.map(({ readyAt }) => readyAt));
            return { queue, oldestMs: waiting.length === 0 ? 0 : Math.max(0, this.#world.now() - since) };
          }),
        ),
      close: async () => {
        await Promise.all(consumers.map((consumer) => consumer.drain(0)));
      },
    };
  }

  #channel(name: string): Channel {
    const known = this.#channels.get(name);
    if (known !== undefined) return known;
    const channel = new Channel();
    this.#channels.set(name, channel);
    return channel;
  }

  /** A delayed wake has a key of its own: it must neither swallow an immediate one nor an earlier one. */
  #turnOfWake(pairId: number, options: { delayMs?: number; force?: boolean }): Pick<Job, 'key' | 'readyAt'> {
    const now = this.#world.now();
    if (options.force === true) return { key: null, readyAt: now };
    const delayMs = Math.max(0, Math.ceil(options.delayMs ?? 0));
    if (delayMs === 0) return { key: `now-${pairId}`, readyAt: now };
    const slot = Math.ceil((now + delayMs) / DELAY_SLOT_MS);
    return { key: `later-${pairId}-${slot}`, readyAt: now + delayMs };
  }

  #addPoll(pairId: number): void {
    const payload: PollJob = { pairId };
    this.#add(this.#channel('poll'), {
      payload,
      priority: 0,
      key: `now-${pairId}`,
      readyAt: this.#world.now(),
    });
  }

  #schedule(pairId: number, everyMs: number): void {
    if (this.#schedules.get(pairId)?.everyMs === everyMs) return;
    const schedule: Schedule = { everyMs };
    this.#schedules.set(pairId, schedule);
    const tick = (): void => {
      if (this.#schedules.get(pairId) !== schedule) return;
      this.#addPoll(pairId);
      this.#world.after(everyMs, tick);
    };
    this.#world.after(everyMs, tick);
  }

  #add(channel: Channel, job: Job): void {
    if (job.key !== null && channel.waiting.some(({ key }) => key === job.key)) return;
    channel.waiting.push(job);
    if (this.#world.duplicates()) channel.waiting.push(job);
    this.#deliver(channel);
  }

  /** Hands one waiting job out after a while, and sees to the next one then. */
  #deliver(channel: Channel): void {
    if (channel.isDelivering || channel.waiting.length === 0) return;
    const earliest = channel.waiting.reduce((least, { readyAt }) => Math.min(least, readyAt), Infinity);
    const waitMs = Math.max(0, earliest - this.#world.now());
    channel.isDelivering = true;
    this.#world.after(waitMs + this.#world.deliveryMs(), () => {
      channel.isDelivering = false;
      const free = channel.listening.find(isFree);
      if (free === undefined) {
        this.#world.after(NOBODY_FREE_MS, () => this.#deliver(channel));
        return;
      }
      const job = this.#take(channel);
      if (job !== null) this.#hand(channel, job, free);
      this.#deliver(channel);
    });
  }

  #take(channel: Channel): Job | null {
    const now = this.#world.now();
    const ready = channel.waiting.filter(({ readyAt }) => readyAt <= now);
    if (ready.length === 0) return null;
    const inTurn = ready.sort((left, right) => left.priority - right.priority);
    const job = inTurn[this.#world.nextOf(inTurn.length)] ?? null;
    if (job !== null) channel.waiting.splice(channel.waiting.indexOf(job), 1);
    return job;
  }

  #hand(channel: Channel, job: Job, to: Listening): void {
    const delivery: Delivery = { job, to, lockedUntil: this.#world.now() + LOCK_MS };
    channel.active.add(delivery);
    to.active += 1;
    this.#watchLock(channel, delivery);
    to.client.soon(() => {
      const ended = (): void => {
        to.active -= 1;
        channel.active.delete(delivery);
        if (to.active === 0) to.onIdle();
        this.#deliver(channel);
      };
      // A handler that throws has its job made again by the sweep, not here.
      to.handler(job.payload as never, to.stop.signal).then(ended, ended);
    });
  }

  /** A living process renews its lock; one that stands still or is dead does not, and its job goes to another. */
  #watchLock(channel: Channel, delivery: Delivery): void {
    this.#world.after(LOCK_MS, () => {
      if (!channel.active.has(delivery)) return;
      const { client } = delivery.to;
      if (client.condition() === 'alive') {
        this.#watchLock(channel, delivery);
        return;
      }
      channel.active.delete(delivery);
      channel.waiting.push({ ...delivery.job, key: null });
      this.#deliver(channel);
    });
  }

  #listen(channel: Channel, client: QueueClient, concurrency: number, handler: Handler<never>): Consumer {
    const listening: Listening = {
      client,
      concurrency,
      handler,
      stop: new AbortController(),
      active: 0,
      isDraining: false,
      onIdle: () => {},
    };
    for (const [index, other] of channel.listening.entries()) {
      if (other.client.condition() === 'dead') channel.listening.splice(index, 1);
    }
    channel.listening.push(listening);
    this.#deliver(channel);
    return {
      drain: async () => {
        listening.isDraining = true;
        listening.stop.abort();
        if (listening.active > 0) await new Promise<void>((resolve) => (listening.onIdle = resolve));
      },
    };
  }
}

function isFree(listening: Listening): boolean {
  const { client, active, concurrency, isDraining } = listening;
  return !isDraining && active < concurrency && client.condition() === 'alive';
}
