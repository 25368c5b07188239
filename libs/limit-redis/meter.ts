/**
 * Redis meter: buckets and pauses that all processes share, each call one script, by the server's
 * own clock. The scripts are libs/core/limits.ts once more: the same conformance tests hold both.
 * A flush makes full buckets and ends pauses, no more: what is allowed stands in the database.
 */
import { Redis } from 'ioredis';
import {
  FIRST_PAUSE_MS,
  FORGIVEN_MS,
  LONGEST_ASKED_MS,
  LONGEST_PAUSE_MS,
  SAVED_SECONDS,
} from '#core/limits.ts';
import type { Meter } from '#ports/limits.ts';

/** Who waits here keeps a store waiting: one that does not answer is left at once. */
const ANSWER_MS = 500;

const NOW = `
local time = redis.call('TIME')
local now = time[1] * 1000 + time[2] / 1000
`;

/** KEYS: buckets. ARGV: amount, then the rate of each. A bucket is kept until it would be full again. */
const TAKE = `${NOW}
local longest = 0
for i, key in ipairs(KEYS) do
  local rate = tonumber(ARGV[i + 1])
  local full = math.max(1, rate * ${SAVED_SECONDS})
  local found = redis.call('HMGET', key, 'level', 'at')
  local level, at = full, now
  if found[1] then
    at = math.max(now, tonumber(found[2]))
    level = math.min(full, tonumber(found[1]) + math.max(0, now - tonumber(found[2])) * rate / 1000)
  end
  level = level - tonumber(ARGV[1])
  redis.call('HSET', key, 'level', string.format('%.3f', level), 'at', string.format('%.3f', at))
  redis.call('PEXPIRE', key, math.ceil((full - level) * 1000 / rate) + 60000)
  if level < 0 then longest = math.max(longest, math.ceil(-level * 1000 / rate)) end
end
return longest`;

/** KEYS: until when, how often; both by store. ARGV: store, what it asked for or -1. */
const PAUSE = `${NOW}
local found = tonumber(redis.call('HGET', KEYS[1], ARGV[1]))
local strikes = tonumber(redis.call('HGET', KEYS[2], ARGV[1])) or 0
local asked = tonumber(ARGV[2])
local same = found and now < found
if same and asked < 0 then return math.ceil(found - now) end
if not same then
  if found and now < found + ${FORGIVEN_MS} then strikes = strikes + 1 else strikes = 1 end
end
local pause = math.min(${LONGEST_ASKED_MS}, asked)
if asked < 0 then pause = math.min(${LONGEST_PAUSE_MS}, ${FIRST_PAUSE_MS} * 2 ^ math.min(strikes - 1, 20)) end
local ends = math.max(found or 0, now + pause)
redis.call('HSET', KEYS[1], ARGV[1], string.format('%.3f', ends))
redis.call('HSET', KEYS[2], ARGV[1], strikes)
return math.ceil(ends - now)`;

/** KEYS: as above. Gives stores and the milliseconds left, and forgets those that are forgiven. */
const PAUSES = `${NOW}
local all = redis.call('HGETALL', KEYS[1])
local left = {}
for i = 1, #all, 2 do
  local ends = tonumber(all[i + 1])
  if ends > now then
    left[#left + 1] = tonumber(all[i])
    left[#left + 1] = math.ceil(ends - now)
  elseif ends + ${FORGIVEN_MS} <= now then
    redis.call('HDEL', KEYS[1], all[i])
    redis.call('HDEL', KEYS[2], all[i])
  end
end
return left`;

/** What `defineCommand` adds. */
interface Scripts {
  meterTake(keys: number, ...words: readonly (string | number)[]): Promise<number>;
  meterPause(until: string, strikes: string, storeId: number, askedMs: number): Promise<number>;
  meterPauses(until: string, strikes: string): Promise<number[]>;
}

export interface RedisMeterOptions {
  readonly url: string;
  /** Keeps fleets on one server apart. */
  readonly prefix: string;
}

/** Connects when it is first asked. */
export function openRedisMeter({ url, prefix }: RedisMeterOptions): Meter {
  const redis = new Redis(url, {
    lazyConnect: true,
    connectTimeout: ANSWER_MS,
    commandTimeout: ANSWER_MS,
    socketTimeout: 30_000,
    maxRetriesPerRequest: 0,
    retryStrategy: (attempt: number) => Math.min(100 * 2 ** Math.min(attempt, 5), 2_000),
  });
  // Each call tells its own failure.
  redis.on('error', () => {});
  redis.defineCommand('meterTake', { lua: TAKE });
  redis.defineCommand('meterPause', { lua: PAUSE, numberOfKeys: 2 });
  redis.defineCommand('meterPauses', { lua: PAUSES, numberOfKeys: 2 });
  const scripts = redis as unknown as Scripts;
  // All in one slot of a cluster.
  const key = (name: string): string => `${prefix}:{limits}:${name}`;
  const [until, strikes] = [key('until'), key('strikes')];
  return {
    take: (from, amount) => {
      const rates = from.map(({ perSecond }) => perSecond);
      return scripts.meterTake(from.length, ...from.map(({ name }) => key(name)), amount, ...rates);
    },
    pause: (storeId, askedMs) => scripts.meterPause(until, strikes, storeId, askedMs ?? -1),
    pauses: async () => {
      const flat = await scripts.meterPauses(until, strikes);
      const left = new Map<number, number>();
      for (let at = 0; at + 1 < flat.length; at += 2) left.set(flat[at] as number, flat[at + 1] as number);
      return left;
    },
    close: async () => redis.disconnect(),
  };
}
