/** What stores may post: proved, bounded, and not taken again later. */
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { test } from 'node:test';
import type { Notice } from '#core/notification.ts';
import { SIGNED_WINDOW_MS, startNotifyServer } from '#libs/notify-http/server.ts';
import { SILENT } from '#test/support/engine.ts';

const SECRET = 'a-long-secret';
const BODY = JSON.stringify({ container: 'c', names: ['a'] });

test('a notification is taken from who proves to be the store, within bounds', async (t) => {
  let now = 1_700_000_000_000;
  let fails = false;
  const taken: (readonly [string, readonly Notice[]])[] = [];
  const server = await startNotifyServer({
    host: '127.0.0.1',
    port: 0,
    clock: { now: () => now },
    log: SILENT,
    secretOf: async (store) => (store === 'cloud' ? SECRET : null),
    take: async (store, notices) => {
      if (fails) throw new Error('the database is away');
      taken.push([store, notices]);
    },
  });
  t.after(() => server.close());
  const post = async (
    headers: Record<string, string>,
    body: string = BODY,
    store = 'cloud',
  ): Promise<number> => {
    const url = `http://127.0.0.1:${server.port}/notify/${store}`;
    const answer = await fetch(url, { method: 'POST', headers, body });
    await answer.text();
    return answer.status;
  };
  const bearer = { authorization: `Bearer ${SECRET}` };
  const signed = (at: number, body = BODY, secret = SECRET) => {
    const timestamp = String(Math.floor(at / 1_000));
    const hex = createHmac('sha256', secret).update(`${timestamp}.${body}`).digest('hex');
    return { 'x-holdfast-timestamp': timestamp, 'x-holdfast-signature': `sha256=${hex}` };
  };

  assert.equal(await post(bearer), 204);
  assert.equal(await post({ authorization: `Basic ${btoa(`any:${SECRET}`)}` }), 204);
  assert.equal(await post({ 'content-type': 'application/json', ...signed(now) }), 204);
  assert.deepEqual(taken.splice(0), Array(3).fill(['cloud', [{ container: 'c', rawName: 'a' }]]));

  // The same name changed twice within a second, which is all that signed times tell.
  const first = signed(now);
  now += 900;
  assert.equal(await post(first), 204);
  assert.equal(taken.splice(0).length, 1);
  // Heard on the way and posted again: nothing is taken later by a signature that was taken before.
  for (const later of [2_000, 60_000]) {
    now += later;
    assert.equal(await post(first), 204);
    assert.deepEqual(taken, []);
  }
  for (const [headers, body, store] of [
    [{}, BODY, 'cloud'],
    [{ authorization: 'Bearer wrong' }, BODY, 'cloud'],
    [{ authorization: 'Bearer ' }, BODY, 'cloud'],
    [{ authorization: `Basic ${btoa('any:wrong')}` }, BODY, 'cloud'],
    [{ authorization: SECRET }, BODY, 'cloud'],
    [signed(now, BODY, 'wrong'), BODY, 'cloud'],
    [signed(now), `${BODY} `, 'cloud'],
    [signed(now - SIGNED_WINDOW_MS - 1_000), BODY, 'cloud'],
    [signed(now + SIGNED_WINDOW_MS + 1_000), BODY, 'cloud'],
    // A signature that is wrong is not made good by a token beside it.
    [{ ...bearer, ...signed(now, BODY, 'wrong') }, BODY, 'cloud'],
    [bearer, BODY, 'unknown'],
    [bearer, BODY, '..%2Fcloud'],
    [bearer, BODY, '.cloud'],
  ] as const) {
    assert.equal(await post(headers, body, store), 401, JSON.stringify([headers, body, store]));
  }
  assert.equal(await post(bearer, 'no json'), 400);
  assert.equal(await post(bearer, '{"other": 1}'), 400);
  assert.equal(await post(bearer, 'x'.repeat(1_100_000)), 413);
  assert.deepEqual(taken, []);

  // What could not be taken may be posted again, with the same signature.
  fails = true;
  now += 1_000;
  assert.equal(await post(signed(now)), 503);
  fails = false;
  assert.equal(await post(signed(now)), 204);
  assert.equal(taken.length, 1);

  const statuses = new Set<number>();
  for (let times = 0; times < 300; times += 1) statuses.add(await post({}));
  assert.deepEqual([...statuses], [401, 429]);
  now += 1_000;
  assert.equal(await post(bearer), 204);
});
