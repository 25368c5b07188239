import assert from 'node:assert/strict';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, it, type TestContext } from 'node:test';
import { toName } from '#core/name.ts';
import { Turns } from '#core/turns.ts';
import { createHttpClient } from '#libs/http/client.ts';
import { openS3Store, type S3StoreOptions } from '#libs/store-s3/store.ts';
import type { ObjectStore } from '#ports/object-store.ts';
import { CLOCK, SILENT } from '#test/store-swift/fixtures.ts';

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

const NAME = toName('a');
const KEYS = { accessKeyId: 'key-id', secretAccessKey: 'very secret' };

/** A store whose server answers the given, one after the other; the last one for ever. */
async function openScripted(
  t: TestContext,
  answers: readonly Answer[],
  options: Partial<S3StoreOptions> = {},
): Promise<{ store: ObjectStore; requests: IncomingMessage[] }> {
  const requests: IncomingMessage[] = [];
  const server = createServer((request, response) => {
    const answer = answers[Math.min(requests.length, answers.length - 1)];
    requests.push(request);
    request.resume();
    request.on('end', () => answer?.(request, response));
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const { port } = server.address() as AddressInfo;
  const http = createHttpClient({ connections: 2, timeoutMs: 10_000 });
  t.after(async () => {
    await http.close();
    server.closeAllConnections();
    server.close();
  });
  const store = openS3Store({
    endpoint: { url: `http://127.0.0.1:${port}`, region: 'us-east-1', addressing: 'path' },
    credentials: async () => KEYS,
    bucket: 'bucket',
    turns: new Turns(1),
    pairId: 'pair',
    writeHeaders: {},
    http,
    clock: CLOCK,
    log: SILENT,
    ...options,
  });
  return { store, requests };
}

function problem(status: number, code: string, more = '', headers: Record<string, string> = {}): Answer {
  return (request, response) => {
    response.writeHead(status, { 'content-type': 'application/xml', ...headers });
    response.end(request.method === 'HEAD' ? '' : `<Error><Code>${code}</Code>${more}</Error>`);
  };
}

const found: Answer = (request, response) => {
  const etag = '"0cc175b9c0f1b6a831c399e269772661"';
  response.writeHead(200, { etag, 'content-length': '1', 'last-modified': new Date(0).toUTCString() });
  response.end(request.method === 'HEAD' ? '' : 'a');
};

describe('requests to S3', () => {
  it('are never made without credentials', async (t) => {
    for (const fields of [
      {},
      { token: 'bare' },
      { accessKeyId: 'key-id' },
      { ...KEYS, secretAccessKey: '' },
    ]) {
      const { store, requests } = await openScripted(t, [found], { credentials: async () => fields });
      await assert.rejects(store.probe(NAME, null), {
        code: 'secret-missing',
        message: /no anonymous requests/,
      });
      assert.equal(requests.length, 0);
    }
  });

  it('carry the token of temporary credentials under the signature', async (t) => {
    const credentials = async () => ({ ...KEYS, sessionToken: 'for an hour' });
    const { store, requests } = await openScripted(t, [found], { credentials });
    await store.probe(NAME, null);
    assert.equal(requests[0]?.headers['x-amz-security-token'], 'for an hour');
    assert.match(requests[0]?.headers.authorization ?? '', /SignedHeaders=[^,]*x-amz-security-token/);
  });

  it('are signed again by the time of the store when the clock here is off', async (t) => {
    const theirs = { date: new Date(Date.now() + 3_600_000).toUTCString() };
    const skewed = problem(403, 'RequestTimeTooSkewed', '', theirs);
    const { store, requests } = await openScripted(t, [skewed, skewed, found]);
    assert.equal((await store.probe(NAME, null)).kind, 'file');
    const [first, again] = [requests[0], requests[2]].map((request) => request?.headers['x-amz-date']);
    assert.notEqual(again, first);
    assert.equal(
      await (await openScripted(t, [skewed])).store
        .probe(NAME, null)
        .catch((e: Error) => e.message.includes("machine's clock")),
      true,
    );
  });

  it('are made with a renewed secret, and say what is wrong when there is none', async (t) => {
    let reads = 0;
    const credentials = async () => {
      reads += 1;
      return { ...KEYS, sessionToken: `token ${reads}` };
    };
    const expired = problem(400, 'ExpiredToken');
    const { store, requests } = await openScripted(t, [expired, expired, found], { credentials });
    assert.equal((await store.probe(NAME, null)).kind, 'file');
    assert.equal(requests.at(-1)?.headers['x-amz-security-token'], 'token 2');
    const stuck = await openScripted(t, [expired]);
    await assert.rejects(stuck.store.probe(NAME, null), {
      code: 'credentials-refused',
      message: /sessionToken has expired/,
    });
  });

  it('say what a refusal means, without any secret', async (t) => {
    const cases: [Answer, string, RegExp][] = [
      [problem(403, 'AccessDenied'), 'credentials-refused', /do not allow this/],
      [problem(403, 'SignatureDoesNotMatch'), 'credentials-refused', /secretAccessKey does not fit/],
      [
        problem(400, 'AuthorizationHeaderMalformed', '<Region>eu-west-3</Region>'),
        'credentials-refused',
        /region=eu-west-3/,
      ],
      [
        problem(301, 'PermanentRedirect', '', { 'x-amz-bucket-region': 'eu-west-3' }),
        'credentials-refused',
        /region=eu-west-3/,
      ],
      [problem(404, 'NoSuchBucket'), 'container-missing', /bucket bucket does not exist/],
      [problem(503, 'SlowDown', '', { 'retry-after': '7' }), 'store-throttled', /slow down/],
      [problem(429, 'TooManyRequests', '', { 'retry-after': '7' }), 'store-throttled', /slow down/],
      [problem(507, 'InsufficientStorage'), 'store-quota', /quota/],
    ];
    for (const [answer, code, message] of cases) {
      const { store } = await openScripted(t, [answer]);
      await assert.rejects(
        store.list(null, 10),
        (error: Error & { code?: string; retryAfterMs?: number | null }) => {
          assert.equal(error.code, code, error.message);
          assert.match(error.message, message);
          assert.doesNotMatch(error.message, /very secret|key-id/);
          if (code === 'store-throttled') assert.equal(error.retryAfterMs, 7_000);
          return true;
        },
      );
    }
  });

  it('address a bucket by its host where the store wants that', async (t) => {
    const { store, requests } = await openScripted(t, [found]);
    await store.probe(toName("it's (a+b) 100%"), null);
    assert.equal(requests[0]?.url, '/bucket/it%27s%20%28a%2Bb%29%20100%25');
    const endpoint = { url: 'http://localhost:1', region: 'r', addressing: 'virtual' } as const;
    await assert.rejects(openScripted(t, [found], { endpoint, bucket: 'Under_score' }), { code: 'usage' });
    const byHost = await openScripted(t, [found], { endpoint, bucket: 'photos' });
    await assert.rejects(byHost.store.probe(NAME, null), { message: /store photos\.localhost:1/ });
  });
});
