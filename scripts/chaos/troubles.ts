/**
 * Troubles: what befalls the fleet and its services, by a plan that follows from the seed. Several
 * go on at once; between them are quiet spells, in which work gets done and new state can be hit.
 */

import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import type { RunningRedis } from '#libs/services/redis.ts';
import { FAULTS, type Fault, type FaultProxy, type Storm } from './fault-proxy.ts';
import type { Fleet } from './fleet.ts';
import type { Journal } from './journal.ts';
import type { Random } from './random.ts';
import type { SmallVolume } from './small-volume.ts';
import { forgetSwiftTokens, freshSecret, type Stand, writeSecret } from './stand.ts';

export interface TroubleOptions {
  readonly stand: Stand;
  readonly fleet: Fleet;
  readonly volume: SmallVolume | null;
  readonly journal: Journal;
  readonly randomOf: (label: string) => Random;
}

/** How often each thing was done. */
export interface Troubles {
  /** Resolves when all loops have ended; what they broke is whole again then. */
  run(signal: AbortSignal): Promise<void>;
  /** Whether something that a process needs to start is away. */
  readonly isOutage: () => boolean;
}

/** Longer than the claim of a worker (30 s), so that it wakes up after another one took its work. */
const LONG_STOP_MS = [33_000, 42_000] as const;
const SHORT_STOP_MS = [500, 9_000] as const;

export function planTroubles(options: TroubleOptions): Troubles {
  const state = { outages: 0 };
  return {
    isOutage: () => state.outages > 0,
    run: async (signal) => {
      const { stand } = options;
      const proxies: [string, FaultProxy][] = [['pithos', stand.pithos.proxy]];
      if (stand.swift !== null) proxies.push(['swift', stand.swift.proxy]);
      await Promise.all([
        ...proxies.map(([kind, proxy]) => weather(kind, proxy, options, signal)),
        killings(options, signal),
        stops(options, signal, SHORT_STOP_MS, [4_000, 12_000], 'stops'),
        stops(options, signal, LONG_STOP_MS, [10_000, 60_000], 'long-stops'),
        services(options, state, signal),
      ]);
    },
  };
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal }).catch(() => undefined);
}

/** Storms and quiet spells of one store's network. */
async function weather(
  kind: string,
  proxy: FaultProxy,
  { journal, randomOf }: TroubleOptions,
  signal: AbortSignal,
): Promise<void> {
  const random = randomOf(`weather/${kind}`);
  while (!signal.aborted) {
    await pause(random.between(2_000, 8_000), signal);
    const faults = random.shuffled(FAULTS).slice(0, random.between(1, 5));
    const storm: Storm = Object.fromEntries(
      faults.map((fault) => [fault, strengthOf(fault) * random.next()]),
    );
    journal.note('storm', { kind, storm });
    proxy.setStorm(storm);
    await pause(random.between(4_000, 14_000), signal);
    proxy.setStorm({});
  }
}

/** Requests that carry content are few beside looks and listings, so what befalls only them strikes harder. */
function strengthOf(fault: Fault): number {
  switch (fault) {
    case 'cut-upload':
    case 'corrupt-upload':
    case 'corrupt-download':
    case 'lost-answer':
      return 0.7;
    default:
      return 0.25;
  }
}

async function killings({ fleet, journal, randomOf }: TroubleOptions, signal: AbortSignal): Promise<void> {
  const random = randomOf('kills');
  while (!signal.aborted) {
    await pause(random.between(4_000, 18_000), signal);
    if (signal.aborted) return;
    const count = random.weighted([
      [1, 8],
      [2, 2],
      [fleet.members.length, 0.5],
    ]);
    // Mostly those that work: the start of a process is only one moment of its life.
    const working = fleet.members.filter((member) => member.isReady);
    const candidates = working.length > 0 && random.chance(0.8) ? working : fleet.members;
    for (const member of random.shuffled(candidates).slice(0, count)) {
      if (member.signal('SIGKILL')) journal.note('SIGKILL', { slot: member.slot });
    }
  }
}

/** Processes that stand still and wake up later, when others may have done their work. */
async function stops(
  { fleet, journal, randomOf }: TroubleOptions,
  signal: AbortSignal,
  [least, most]: readonly [number, number],
  [shortestPause, longestPause]: readonly [number, number],
  label: string,
): Promise<void> {
  const random = randomOf(label);
  while (!signal.aborted) {
    await pause(random.between(shortestPause, longestPause), signal);
    const standing = fleet.members.filter((member) => !member.isStopped);
    if (signal.aborted || standing.length === 0) return;
    const member = random.pick(standing);
    const ms = random.between(least, most);
    if (!member.signal('SIGSTOP')) continue;
    journal.note('SIGSTOP', { slot: member.slot, ms });
    await pause(ms, signal);
    // Only the one that was stopped: a kill meanwhile put another one in its place.
    if (member.isStopped) member.signal('SIGCONT');
  }
}

type Service = () => Promise<void>;

/** What the fleet leans on is taken away and given back, each in turn, in a new order every round. */
async function services(
  options: TroubleOptions,
  state: { outages: number },
  signal: AbortSignal,
): Promise<void> {
  const { journal, randomOf } = options;
  const random = randomOf('services');
  const acts = serviceActs(options, state, random, signal);
  while (!signal.aborted) {
    for (const [what, act] of random.shuffled(Object.entries(acts))) {
      await pause(random.between(3_000, 9_000), signal);
      if (signal.aborted) return;
      journal.note(what);
      await act();
    }
  }
}

function serviceActs(
  { stand, volume, journal }: TroubleOptions,
  state: { outages: number },
  random: Random,
  signal: AbortSignal,
): Record<string, Service> {
  const outage = async (work: () => Promise<void>): Promise<void> => {
    state.outages += 1;
    try {
      await work();
    } finally {
      // A process that was just starting may still notice it.
      setTimeout(() => {
        state.outages -= 1;
      }, 3_000).unref();
    }
  };
  const { swift, pithos, redis } = stand;
  return {
    ...(redis === null ? {} : redisActs(redis, outage, () => pause(random.between(200, 6_000), signal))),
    'postgres-killed': () => outage(() => stand.restartPostgres(random.between(0, 3_000))),
    'pithos-token-renewed': async () => {
      await pithos.control({ expireToken: pithos.token });
      pithos.isLocked = true;
      await pause(random.between(500, 6_000), signal);
      const token = freshSecret('pithos');
      stand.secrets.add(token);
      await pithos.control({ renewToken: { userId: 'chaos-user', token } });
      pithos.token = token;
      await pause(random.between(0, 2_000), signal);
      writeSecret(pithos.secretFile, token);
      pithos.isLocked = false;
    },
    ...(volume === null ? {} : { 'volume-full': () => volume.fillFor(random.between(3_000, 9_000), signal) }),
    ...(swift === null
      ? {}
      : {
          'swift-tokens-forgotten': () => forgetSwiftTokens(swift),
          'swift-key-wrong': async () => {
            const wrong = freshSecret('wrong');
            stand.secrets.add(wrong);
            writeSecret(swift.secretFile, { user: swift.server.user, key: wrong });
            swift.isLocked = true;
            await forgetSwiftTokens(swift);
            await pause(random.between(1_000, 6_000), signal);
            writeSecret(swift.secretFile, { user: swift.server.user, key: swift.key });
            swift.isLocked = false;
          },
          'swift-listing-frozen': async () => {
            swift.server.freezeContainerServer();
            await pause(random.between(1_000, 5_000), signal);
            swift.server.thawContainerServer();
            await swift.server
              .settle()
              .catch((thrown) => journal.note('settle-failed', { thrown: String(thrown) }));
          },
        }),
  };
}

function redisActs(
  redis: RunningRedis,
  outage: (work: () => Promise<void>) => Promise<void>,
  wait: () => Promise<void>,
): Record<string, Service> {
  return {
    'redis-flushed': async () => {
      const client = new Redis(redis.url);
      await client.flushall().finally(() => client.disconnect());
    },
    'redis-killed': () =>
      outage(async () => {
        await redis.kill();
        await wait();
        await redis.restart();
      }),
  };
}
