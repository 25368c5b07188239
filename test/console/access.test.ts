/** Logging in and out, and what a page of this console must bring along to change anything. */
import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import fastify, { type FastifyInstance } from 'fastify';
import { guardConsole } from '#libs/console/access.ts';

type Jar = Record<string, string>;

let app: FastifyInstance;
let now = 0;
let jar: Jar = {};

before(async () => {
  app = fastify();
  await guardConsole(app, {
    accounts: {
      logIn: async (name, password) =>
        password === 'right' ? (name === 'ada' ? 'operator' : 'viewer') : null,
      roleOf: async (name) => (name === 'ada' ? 'operator' : 'viewer'),
      ownerOf: async () => null,
    },
    sessionKey: 'a session key of more than thirty-two signs',
    provider: null,
    assets: '',
    now: () => now,
  });
  app.get('/', async (_request, reply) => reply.generateCsrf());
  app.post('/change', async () => ({ done: true }));
});

after(() => app.close());

beforeEach(() => {
  now += 3_600_000;
  jar = {};
});

async function send(method: 'GET' | 'POST', url: string, body?: Record<string, string>, headers = {}) {
  const answer = await app.inject({
    method,
    url,
    cookies: jar,
    headers: {
      'sec-fetch-site': 'same-origin',
      ...(body === undefined ? {} : { 'content-type': 'application/x-www-form-urlencoded' }),
      ...headers,
    },
    ...(body === undefined ? {} : { payload: new URLSearchParams(body).toString() }),
  });
  for (const { name, value, maxAge, expires } of answer.cookies) {
    if (maxAge === 0 || (expires !== undefined && expires.getTime() === 0)) delete jar[name];
    else jar[name] = value;
  }
  return answer;
}

async function logIn(name: string): Promise<void> {
  const token = /name="_csrf" value="([^"]+)"/.exec((await send('GET', '/login')).body)?.[1] ?? '';
  const answer = await send('POST', '/login', { name, password: 'right', _csrf: token });
  assert.equal(answer.statusCode, 303);
}

const pageToken = async (): Promise<string> => (await send('GET', '/')).body;

describe('a session', () => {
  it('ends when its user logs out, which only a page of the console can ask for', async () => {
    await logIn('ada');
    assert.equal((await send('POST', '/logout', {})).statusCode, 403);
    assert.equal((await send('POST', '/logout', { _csrf: await pageToken() })).statusCode, 303);
    assert.equal((await send('GET', '/')).statusCode, 401);
  });

  it('of a viewer ends by logging out, too', async () => {
    await logIn('bob');
    assert.equal((await send('POST', '/logout', { _csrf: await pageToken() })).statusCode, 303);
    assert.equal((await send('GET', '/')).statusCode, 401);
  });

  it('ends by itself after half a day', async () => {
    await logIn('ada');
    now += 12 * 3_600_000;
    assert.equal((await send('GET', '/')).statusCode, 401);
  });

  it('that somebody else signed is none', async () => {
    await logIn('bob');
    const session = jar['holdfast-session'] ?? '';
    jar['holdfast-session'] = session.replace('bob', 'ada');
    assert.equal((await send('GET', '/')).statusCode, 401);
  });
});

describe('a change', () => {
  it('needs an operator, a page of this console and its token', async () => {
    await logIn('ada');
    const token = { 'csrf-token': await pageToken() };
    assert.equal((await send('POST', '/change', undefined, token)).statusCode, 200);
    assert.equal((await send('POST', '/change')).statusCode, 403);
    const elsewhere = { ...token, 'sec-fetch-site': 'same-site' };
    assert.equal((await send('POST', '/change', undefined, elsewhere)).statusCode, 403);
    await logIn('bob');
    const viewers = { 'csrf-token': await pageToken() };
    assert.equal((await send('POST', '/change', undefined, viewers)).statusCode, 403);
  });
});
