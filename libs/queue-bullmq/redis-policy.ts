/** Redis policy: the one setting of a Redis server that decides whether it may drop jobs by itself. */
import { Redis } from 'ioredis';
import { HoldfastError } from '#ports/errors.ts';

/**
 * Asks with INFO, since hosted servers forbid CONFIG.
 * @returns the server's `maxmemory-policy`; every one but `noeviction` may drop jobs.
 * @throws HoldfastError queue-unreachable
 */
export async function redisPolicy(redisUrl: string): Promise<string> {
  const client = new Redis(redisUrl, {
    lazyConnect: true,
    connectTimeout: 5_000,
    commandTimeout: 5_000,
    maxRetriesPerRequest: 0,
    retryStrategy: () => null,
  });
  let reason = '';
  client.on('error', (error: Error) => {
    reason = error.message;
  });
  try {
    await client.connect();
    return /^maxmemory_policy:(\S+)/m.exec(await client.info('memory'))?.[1] ?? 'unknown';
  } catch (thrown) {
    const text = reason || (thrown instanceof Error ? thrown.message : String(thrown));
    throw new HoldfastError(
      'queue-unreachable',
      `Redis does not answer (${text}): start it or correct REDIS_URL.`,
      {
        cause: thrown,
      },
    );
  } finally {
    client.disconnect();
  }
}
