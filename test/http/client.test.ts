import assert from 'node:assert/strict';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, test } from 'node:test';
import { createHttpClient, type HttpClient } from '#libs/http/client.ts';
import { StaleContent } from '#ports/content.ts';
import { HoldfastError } from '#ports/errors.ts';

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

async function withServer(
  answers: Answer[],
  use: (http: HttpClient, url: string, seen: () => number) => Promise<void>,
): Promise<void> {
  let seen = 0;
  const server = createServer((request, response) => {
    const answer = answers[Math.min(seen, answers.length - 1)]!;
    seen += 1;
    answer(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const http = createHttpClient({ connections: 2, timeoutMs: 5_000 });
  try {
    await use(http, `http://127.0.0.1:${(server.address() as AddressInfo).port}/c?key=hidden`, () => seen);
  } finally {
    await http.close();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
}

const status =
  (code: number, headers: Record<string, string> = {}): Answer =>
  (request, response) => {
    request.resume();
    response.writeHead(code, headers).end('{"ok":true}');
  };

const reset: Answer = (request) => {
  request.socket.destroy();
};

describe('http client', () => {
  test('repeats a read after a 503 and after a broken connection', () =>
    withServer([status(503), reset, status(200)], async (http, url, seen) => {
      const response = await http.request({ method: 'GET', url });
      assert.deepEqual(await response.json(), { ok: true });
      assert.equal(seen(), 3);
    }));

  test('keeps its connections after looks without a body', () => {
    const sockets = new Set<unknown>();
    const answer: Answer = (request, response) => {
      sockets.add(request.socket);
      status(200)(request, response);
    };
    return withServer([answer], async (http, url) => {
      for (let look = 0; look < 8; look += 1) await (await http.request({ method: 'HEAD', url })).discard();
      assert.ok(sockets.size <= 2, `${sockets.size} connections`);
    });
  });

  test('never repeats a write', () =>
    withServer([status(503), status(201)], async (http, url, seen) => {
      const response = await http.request({ method: 'PUT', url, body: 'x' });
      assert.equal((await response.failure()).code, 'store-unavailable');
      assert.equal(seen(), 1);
    }));

  test('repeats a write that is marked idempotent', () =>
    withServer([status(500), reset, status(202)], async (http, url, seen) => {
      const response = await http.request({ method: 'POST', url, body: Buffer.from('x'), idempotent: true });
      await response.discard();
      assert.equal(response.status, 202);
      assert.equal(seen(), 3);
    }));

  test('leaves a long Retry-After to the caller', () =>
    withServer([status(429, { 'retry-after': '120' })], async (http, url, seen) => {
      const response = await http.request({ method: 'GET', url });
      const failure = await response.failure();
      assert.equal(failure.code, 'store-throttled');
      assert.equal(failure.retryAfterMs, 120_000);
      assert.equal(seen(), 1);
    }));

  test('gives the last answer when retries are used up', () =>
    withServer([status(500)], async (http, url, seen) => {
      const response = await http.request({ method: 'GET', url });
      assert.equal((await response.failure()).code, 'store-unavailable');
      assert.equal(seen(), 4);
    }));

  test('names the host and the attempt, never the query', () =>
    withServer([reset], async (http, url) => {
      await assert.rejects(http.request({ method: 'PUT', url, what: 'store a.txt' }), (error) => {
        assert.ok(error instanceof HoldfastError);
        assert.equal(error.code, 'store-unreachable');
        assert.match(error.message, /127\.0\.0\.1.*store a\.txt/);
        assert.doesNotMatch(error.message, /hidden/);
        return true;
      });
    }));

  test('hands through what a streamed body throws', () =>
    withServer([status(201)], async (http, url) => {
      async function* body(): AsyncGenerator<Uint8Array> {
        yield Buffer.from('x');
        throw new StaleContent('the file changed');
      }
      const headers = { 'content-length': '2' };
      await assert.rejects(http.request({ method: 'PUT', url, headers, body: body() }), StaleContent);
    }));

  test('tells a body that breaks off from a whole one', () => {
    const breaksOff: Answer = (_request, response) => {
      response.writeHead(200, { 'content-length': '100' });
      response.write('part', () => response.destroy());
    };
    return withServer([breaksOff, reset], async (http, url) => {
      const response = await http.request({ method: 'GET', url });
      await assert.rejects(response.bytes(), { code: 'store-unreachable' });
    });
  });

  test('classifies each status', async () => {
    const codes: [number, string][] = [
      [401, 'credentials-refused'],
      [403, 'credentials-refused'],
      [404, 'store-refused'],
      [413, 'store-quota'],
      [498, 'store-throttled'],
      [502, 'store-unavailable'],
      [507, 'store-quota'],
    ];
    for (const [code, expected] of codes) {
      await withServer([status(code)], async (http, url) => {
        const response = await http.request({ method: 'PUT', url, body: 'x' });
        assert.equal((await response.failure()).code, expected, String(code));
      });
    }
  });
});
