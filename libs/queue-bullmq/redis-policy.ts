/** Redis policy: asks a server what it drops when it is full; anything but `noeviction` may drop jobs. */
import { Redis } from 'ioredis';
import { HoldfastError } from '#ports/errors.ts';

/** @returns the server's `maxmemory-policy`. @throws HoldfastError queue-unreachable */
export async function redisPolicy(url: string): Promise<string> {
  const client = new Redis(url, { lazyConnect: true, maxRetriesPerRequest: 1, enableOfflineQueue: false });
  try {
    await client.connect();
    const [, policy] = (await client.config('GET', 'maxmemory-policy')) as readonly string[];
    return policy ?? 'unknown';
  } catch (thrown) {
    throw new HoldfastError(
      'queue-unreachable',
      `Redis at ${new URL(url).host} does not tell its maxmemory-policy; check that it runs and that CONFIG GET is allowed`,
      { cause: thrown },
    );
  } finally {
    client.disconnect();
  }
}
