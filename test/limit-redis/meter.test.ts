/** The meter on a real Redis. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { openRedisMeter } from '#libs/limit-redis/meter.ts';
import { newPrefix } from '#test/conformance/job-queue.ts';
import { describeMeter } from '#test/conformance/limits.ts';
import { ownRedis, testRedisUrl } from '#test/support/services.ts';

describeMeter(async (t, count) => {
  const options = { url: await testRedisUrl(), prefix: newPrefix() };
  const meters = Array.from({ length: count }, () => openRedisMeter(options));
  t.after(() => Promise.all(meters.map((meter) => meter.close())));
  return meters;
});

it('fails while Redis is away, and works again once it is back', async (t) => {
  const redis = await ownRedis(t);
  const meter = openRedisMeter({ url: redis.url, prefix: newPrefix() });
  t.after(() => meter.close());
  const bucket = [{ name: 'a', perSecond: 1 }];
  assert.equal(await meter.take(bucket, 1), 0);
  await redis.stop();
  await assert.rejects(meter.take(bucket, 1));
  await redis.restart();
  for (;;) {
    const isBack = await meter.take(bucket, 0).then(
      () => true,
      () => false,
    );
    if (isBack) break;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  assert.deepEqual(await meter.pauses(), new Map());
});
