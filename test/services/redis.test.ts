// The private Redis: never evicts, stops, restarts on the same port.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Redis } from 'ioredis';
import { askTcp, isAlive } from '#libs/services/processes.ts';
import { findRedis } from '#libs/services/redis.ts';
import { ownRedis, testRedisUrl } from '#test/support/services.ts';

async function ask(url: string, ...command: [string, ...string[]]): Promise<unknown> {
  const client = new Redis(url, { lazyConnect: true, maxRetriesPerRequest: 1 });
  try {
    await client.connect();
    return await client.call(...command);
  } finally {
    client.disconnect();
  }
}

test('a Redis never evicts, which BullMQ relies on', async (t) => {
  const redis = await ownRedis(t);
  assert.deepEqual(await ask(redis.url, 'CONFIG', 'GET', 'maxmemory-policy'), [
    'maxmemory-policy',
    'noeviction',
  ]);
});

test('a restart keeps the port, and the data only with appendonly', async (t) => {
  for (const appendonly of [false, true]) {
    const redis = await ownRedis(t, { appendonly });
    const { port, pid } = redis;
    await ask(redis.url, 'SET', 'k', 'v');
    await redis.restart();
    assert.equal(redis.port, port);
    assert.notEqual(redis.pid, pid);
    assert.equal(await ask(redis.url, 'GET', 'k'), appendonly ? 'v' : null);
  }
});

test('a password is asked for, and part of the URL', async (t) => {
  const redis = await ownRedis(t, { password: 'p+w/d' });
  assert.equal(await ask(redis.url, 'PING'), 'PONG');
  await redis.restart();
  assert.equal(await ask(redis.url, 'PING'), 'PONG');
  assert.match((await askTcp(redis.port, 'PING\r\n')) ?? '', /^-NOAUTH/);
});

test('kill and stop end the process', async (t) => {
  const redis = await ownRedis(t);
  await redis.kill();
  assert.equal(isAlive(redis.pid), false);
  assert.equal(await askTcp(redis.port, 'PING\r\n'), null);
  await redis.restart();
  await redis.stop();
  assert.equal(isAlive(redis.pid), false);
});

test('REDIS_URL goes before the server on PATH', () => {
  assert.deepEqual(findRedis({ REDIS_URL: 'redis://elsewhere:1' }), {
    kind: 'url',
    url: 'redis://elsewhere:1',
  });
});

test('the shared Redis answers', async () => {
  assert.equal(await ask(await testRedisUrl(), 'PING'), 'PONG');
});
