/** The client of one pair asks its gate before requests and within bodies. */
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { createHttpClient } from '#libs/http/client.ts';
import { pacedHttp } from '#libs/http/paced.ts';
import type { Gate } from '#ports/limits.ts';

const CONTENT = Buffer.alloc(1_000_000, 'x');

test('bodies pass in pieces, up and down, and each byte is counted once', async (t) => {
  const answers = [200, 200, 200, 429, 503, 200, 503];
  const connections: (string | undefined)[] = [];
  let uploaded = 0;
  const server = createServer((request, response) => {
    const status = answers.shift() ?? 200;
    connections.push(request.headers.connection);
    request.on('data', (chunk: Buffer) => {
      uploaded += chunk.length;
    });
    request.on('end', () => {
      const asked = status === 429 ? { 'retry-after': '0' } : {};
      response
        .writeHead(status, asked)
        .end(status === 200 && request.method === 'GET' ? CONTENT : '{"ok":1}');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const http = createHttpClient({ connections: 1, timeoutMs: 5_000 });
  t.after(async () => {
    await http.close();
    server.close();
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/c`;

  const passed: number[] = [];
  const throttled: (number | null)[] = [];
  let requests = 0;
  let isSlow = false;
  const gate = {
    request: async () => {
      requests += 1;
    },
    bytes: async (amount: number): Promise<void> => {
      passed.push(amount);
    },
    isSlow: () => isSlow,
    grant: () => 64 * 1_024,
    throttled: (askedMs: number | null) => {
      throttled.push(askedMs);
    },
  } satisfies Gate;
  const paced = pacedHttp(http, gate);
  const total = (): number => passed.splice(0).reduce((sum, amount) => sum + amount, 0);

  const down = await paced.request({ method: 'GET', url });
  let received = 0;
  for await (const piece of down.body) {
    assert.ok(piece.length <= 64 * 1_024);
    received += piece.length;
  }
  assert.equal(received, CONTENT.length);
  assert.ok(passed.length >= 8 && passed.every((amount) => amount < 128 * 1_024), `${passed}`);
  assert.equal(total(), CONTENT.length);

  const up = await paced.request({
    method: 'PUT',
    url,
    headers: { 'content-length': String(CONTENT.length) },
    body: (async function* () {
      yield CONTENT;
    })(),
  });
  assert.ok(passed.length >= 8, `${passed}`);
  assert.deepEqual(await up.json(), { ok: 1 });
  assert.equal(total(), CONTENT.length + 8);
  assert.equal(uploaded, CONTENT.length);

  await (await paced.request({ method: 'PUT', url, body: 'ä' })).discard();
  assert.equal(total(), 2);
  assert.equal(requests, 3);

  // Sent again after both: only the one that asks to slow down is told of.
  assert.equal((await (await paced.request({ method: 'GET', url })).bytes()).length, CONTENT.length);
  assert.deepEqual(throttled, [0]);
  await (await paced.request({ method: 'PUT', url, body: 'x' })).discard();
  assert.deepEqual(throttled, [0]);
  answers.push(429);
  await (await paced.request({ method: 'PUT', url, body: 'x' })).discard();
  assert.deepEqual(throttled, [0, 0]);

  // Where bytes are limited the server has sent all long before it is read: it must not end the body by ending the connection.
  isSlow = true;
  await (await paced.request({ method: 'GET', url })).discard();
  assert.equal(connections.at(-1), 'close');
  assert.ok(connections.slice(0, -1).every((connection) => connection === 'keep-alive'));
});
