/** The fault proxy: passes what it should, and each fault is what its name says. */
import assert from 'node:assert/strict';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, it, type TestContext } from 'node:test';
import { request } from 'undici';
import { type Fault, startFaultProxy } from '../../scripts/chaos/fault-proxy.ts';
import { randomOf } from '../../scripts/chaos/random.ts';

interface Received {
  readonly method: string;
  readonly url: string;
  readonly body: string;
}

const BODY = 'the whole body, long enough to be cut in two halves';

async function open(t: TestContext) {
  const received: Received[] = [];
  const answer = (req: IncomingMessage, res: ServerResponse, body: string): void => {
    received.push({ method: req.method ?? '', url: req.url ?? '', body });
    const here = `http://${req.headers['host']}`;
    if (req.url === '/auth/v1.0') {
      res.writeHead(200, { 'X-Storage-Url': `${server}/v1/a`, 'X-Auth-Token': 'a-token' }).end();
    } else if (req.url === '/identity/v2.0/tokens') {
      res.end(JSON.stringify({ publicURL: `${server}/store`, host: here }));
    } else if (req.method === 'HEAD') {
      res.writeHead(200, { 'content-length': '1234', etag: 'e' }).end();
    } else {
      res.writeHead(req.method === 'GET' ? 200 : 201, { 'content-length': String(BODY.length) }).end(BODY);
    }
  };
  const store = createServer((req, res) => {
    let body = '';
    req.on('data', (piece) => {
      body += piece;
    });
    req.on('end', () => answer(req, res, body));
  });
  await new Promise<void>((done) => store.listen(0, '127.0.0.1', done));
  const server = `http://127.0.0.1:${(store.address() as AddressInfo).port}`;
  const damaged: string[] = [];
  const faults: Fault[] = [];
  const proxy = await startFaultProxy({
    upstream: server,
    random: randomOf('test', 'proxy'),
    onDamaged: (_path, body) => damaged.push(body.toString()),
    onFault: (fault) => faults.push(fault),
  });
  t.after(async () => {
    await proxy.close();
    store.closeAllConnections();
    await new Promise((done) => store.close(done));
  });
  const send = async (method: string, path: string, body?: string) => {
    const answered = await request(`${proxy.origin}${path}`, {
      method: method as 'GET',
      body: body ?? null,
      headers: { 'x-auth-token': 'sent-token' },
    });
    const text = await answered.body.text();
    return { status: answered.statusCode, headers: answered.headers, text };
  };
  return { proxy, send, received, damaged, faults, server };
}

describe('without faults', () => {
  it('passes methods, paths, bodies and statuses as they are', async (t) => {
    const { send, received } = await open(t);
    assert.deepEqual((await send('GET', '/v1/a/c/sp%C3%A4%20%23?x=1')).text, BODY);
    assert.equal((await send('PUT', '/v1/a/c/o', 'sent')).status, 201);
    assert.equal((await send('COPY', '/v1/a/c/o')).status, 201);
    assert.equal((await send('HEAD', '/v1/a/c/o')).headers['content-length'], '1234');
    assert.deepEqual(
      received.map(({ method, url, body }) => `${method} ${url} ${body}`),
      ['GET /v1/a/c/sp%C3%A4%20%23?x=1 ', 'PUT /v1/a/c/o sent', 'COPY /v1/a/c/o ', 'HEAD /v1/a/c/o '],
    );
  });

  it('takes the place of the store in what logins say, and remembers tokens', async (t) => {
    const { proxy, send } = await open(t);
    assert.equal((await send('GET', '/auth/v1.0')).headers['x-storage-url'], `${proxy.origin}/v1/a`);
    const catalog = JSON.parse((await send('POST', '/identity/v2.0/tokens', '{}')).text);
    assert.equal(catalog.publicURL, `${proxy.origin}/store`);
    assert.deepEqual([...proxy.secrets].sort(), ['a-token', 'sent-token']);
  });
});

describe('faults', () => {
  const broken = (work: Promise<unknown>) =>
    assert.rejects(work, /other side closed|ECONNRESET|terminated|aborted/);

  it('reset: the store never hears of it', async (t) => {
    const { proxy, send, received } = await open(t);
    proxy.setStorm({ reset: 1 });
    await broken(send('PUT', '/o', BODY));
    assert.deepEqual(received, []);
  });

  it('cut-upload: the store gets half and no end', async (t) => {
    const { proxy, send, received } = await open(t);
    proxy.setStorm({ 'cut-upload': 1 });
    await broken(send('PUT', '/o', BODY));
    assert.deepEqual(received, []);
  });

  it('server-error and throttle: answered here, with a time to wait', async (t) => {
    const { proxy, send, received } = await open(t);
    proxy.setStorm({ 'server-error': 1 });
    assert.ok((await send('PUT', '/o', BODY)).status >= 500);
    proxy.setStorm({ throttle: 1 });
    const { status, headers } = await send('GET', '/o');
    assert.ok(status === 429 || status === 503);
    assert.match(String(headers['retry-after']), /^[123]$/);
    assert.deepEqual(received, []);
  });

  it('lost-answer: the store has done it', async (t) => {
    const { proxy, send, received } = await open(t);
    proxy.setStorm({ 'lost-answer': 1 });
    await broken(send('PUT', '/o', BODY));
    assert.equal(received.length, 1);
    assert.equal((await send('GET', '/o')).text, BODY, 'only what changes something');
  });

  it('truncated-answer: half of the body and no end', async (t) => {
    const { proxy, send } = await open(t);
    proxy.setStorm({ 'truncated-answer': 1 });
    await broken(send('GET', '/o'));
  });

  it('corrupt-download: another byte, the same length; never in a listing or a login', async (t) => {
    const { proxy, send } = await open(t);
    proxy.setStorm({ 'corrupt-download': 1 });
    const { text } = await send('GET', '/o');
    assert.equal(Buffer.byteLength(text, 'latin1') > 0, true);
    assert.notEqual(text, BODY);
    assert.equal((await send('GET', '/c?format=json')).text, BODY);
    assert.equal((await send('GET', '/auth/v1.0')).status, 200);
  });

  it('corrupt-upload: the store holds other bytes than were sent, and the checker is told which', async (t) => {
    const { proxy, send, received, damaged } = await open(t);
    proxy.setStorm({ 'corrupt-upload': 1 });
    await send('PUT', '/o', BODY);
    assert.notEqual(received[0]?.body, BODY);
    assert.deepEqual(damaged, [received[0]?.body]);
    await send('PUT', '/o?hashmap', BODY);
    assert.equal(received[1]?.body, BODY, 'a list of blocks has nothing that could tell');
  });

  it('latency: late but whole; tells of each, and is quiet again without a storm', async (t) => {
    const { proxy, send, faults } = await open(t);
    proxy.setStorm({ latency: 1 });
    assert.equal((await send('GET', '/o')).text, BODY);
    proxy.setStorm({});
    assert.equal((await send('GET', '/o')).text, BODY);
    assert.deepEqual(faults, ['latency']);
  });
});
