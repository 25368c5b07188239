// Preconditions: who is looked at for which request, in which syntax, and the
// window between the look and the lock.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { RequestInfo } from '#libs/pithos-server/request.ts';
import { hashmapBody, serialOf, startFixture, USER } from './pithos-fixture.ts';

const A = 'ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb';
const TEXT = { 'Content-Type': 'text/plain' };

describe('preconditions on PUT', () => {
  const ON_EXISTING: readonly { about: string; headers: Record<string, string>; status: number }[] = [
    { about: 'matching bare tag', headers: { 'If-Match': A }, status: 201 },
    { about: 'matching quoted tag', headers: { 'If-Match': `"${A}"` }, status: 201 },
    { about: 'matching tag in a quoted list', headers: { 'If-Match': `"x", "${A}"` }, status: 201 },
    { about: 'unquoted list, which is one opaque tag', headers: { 'If-Match': `x, ${A}` }, status: 412 },
    { about: 'other tag', headers: { 'If-Match': 'x' }, status: 412 },
    { about: 'star', headers: { 'If-Match': '*' }, status: 201 },
    { about: 'quoted star, which is a literal', headers: { 'If-Match': '"*"' }, status: 412 },
    { about: 'empty, which is absent', headers: { 'If-Match': '' }, status: 201 },
    { about: 'create only', headers: { 'If-None-Match': '*' }, status: 412 },
    { about: 'none of this tag', headers: { 'If-None-Match': A }, status: 412 },
    { about: 'none of another tag', headers: { 'If-None-Match': 'x' }, status: 201 },
  ];
  for (const { about, headers, status } of ON_EXISTING) {
    it(`${about} on an existing object is ${status}, as data and as map`, async (t) => {
      const { ask, put } = await startFixture(t);
      await put('/c/o', 'a');
      assert.equal((await put('/c/o', 'a', headers)).status, status);
      const map = { headers: { ...TEXT, ...headers }, body: hashmapBody(1, [A]) };
      assert.equal((await ask('PUT', '/c/o?hashmap', map)).status, status);
    });
  }

  it('an absent object fails If-Match, even in an absent container, and passes If-None-Match', async (t) => {
    const { put, ask } = await startFixture(t);
    assert.equal((await put('/c/o', 'a', { 'If-Match': '*' })).status, 412);
    assert.equal((await put('/gone/o', 'a', { 'If-Match': A })).status, 412);
    assert.equal((await put('/gone/o', 'a', { 'If-None-Match': '*' })).status, 404);
    assert.equal((await put('/c/o', 'a', { 'If-None-Match': '*' })).status, 201);
    await ask('DELETE', '/c/o');
    assert.equal((await put('/c/o', 'a', { 'If-None-Match': '*' })).status, 201);
  });

  it('is answered before a large body was read', async (t) => {
    const { put } = await startFixture(t, { blockSize: 65_536 });
    const refused = await put('/c/o', Buffer.alloc(3_000_000, 'x'), { 'If-Match': 'x' });
    assert.equal(refused.status, 412);
  });

  it('cannot see a change of trailing NULs', async (t) => {
    const { put } = await startFixture(t);
    const first = await put('/c/o', 'a');
    await put('/c/o', 'a\0');
    assert.equal((await put('/c/o', 'b', { 'If-Match': String(first.headers.etag) })).status, 201);
  });

  it('compares the MD5 in MD5 mode', async (t) => {
    const { put, ask, server } = await startFixture(t);
    server.control.set({ md5Mode: true });
    const md5 = '0cc175b9c0f1b6a831c399e269772661';
    const created = await put('/c/o', 'a');
    assert.equal(created.headers.etag, md5);
    const head = await ask('HEAD', '/c/o');
    assert.equal(head.headers.etag, md5);
    assert.equal(head.headers['x-object-hash'], A);
    assert.equal((await put('/c/o', 'a', { 'If-Match': A })).status, 412);
    assert.equal((await put('/c/o', 'a', { 'If-Match': md5 })).status, 201);
    const [entry] = (await ask('GET', '/c?format=json')).json<{ hash: string }[]>();
    assert.equal(entry?.hash, md5);
    const map = (bytes: number, body: string) =>
      ask('PUT', '/c/m?hashmap', { headers: TEXT, body: hashmapBody(bytes, [body]) });
    assert.equal((await map(1, A)).headers.etag, md5);
    const full = (await put('/c/full', 'abcd')).headers.etag;
    assert.equal(full, 'e2fc714c4727ee9395f324cd2e7f331f');
    const D = '88d4266fd4e6338d13b845fcf289579d209c897823b9217da3e161936f031589';
    assert.equal(
      (await map(4, D)).headers.etag,
      'd41d8cd98f00b204e9800998ecf8427e',
      'a full last block is left out',
    );
  });
});

describe('preconditions elsewhere', () => {
  it('GET and HEAD answer 304 with the ETag, 412, and 404', async (t) => {
    const { ask, put } = await startFixture(t);
    await put('/c/o', 'a');
    for (const method of ['GET', 'HEAD']) {
      const hit = await ask(method, '/c/o', { headers: { 'If-None-Match': A } });
      assert.equal(hit.status, 304);
      assert.equal(hit.headers.etag, A);
      assert.equal((await ask(method, '/c/o', { headers: { 'If-Match': 'x' } })).status, 412);
      assert.equal((await ask(method, '/c/none', { headers: { 'If-Match': 'x' } })).status, 404);
    }
    const modified = String((await ask('HEAD', '/c/o')).headers['last-modified']);
    assert.equal((await ask('GET', '/c/o', { headers: { 'If-Modified-Since': modified } })).status, 304);
    const old = { 'If-Unmodified-Since': 'Thu, 01 Jan 2004 00:00:00 GMT' };
    assert.equal((await ask('GET', '/c/o', { headers: old })).status, 412);
  });

  it('COPY and MOVE look at the source, their PUT spellings at the destination', async (t) => {
    const { ask, put } = await startFixture(t);
    await put('/c/src', 'a');
    await put('/c/dst', 'b');
    const to = (headers: Record<string, string>) => ({ headers: { Destination: '/c/dst', ...headers } });
    for (const method of ['COPY', 'MOVE']) {
      assert.equal((await ask(method, '/c/src', to({ 'If-Match': 'x' }))).status, 412);
      assert.equal((await ask(method, '/c/src', to({ 'If-None-Match': '*' }))).status, 412);
      assert.equal((await ask(method, '/c/none', to({ 'If-Match': 'x' }))).status, 404);
    }
    assert.equal((await ask('COPY', '/c/src', to({ 'If-Match': A }))).status, 201);
    const from = { 'X-Copy-From': '/c/src' };
    assert.equal((await ask('PUT', '/c/dst', { headers: { ...from, 'If-None-Match': '*' } })).status, 412);
    assert.equal((await ask('PUT', '/c/new', { headers: { ...from, 'If-Match': A } })).status, 412);
    assert.equal((await ask('PUT', '/c/new', { headers: { ...from, 'If-None-Match': '*' } })).status, 201);
  });

  it('POST looks at the object, DELETE and container writes at nothing', async (t) => {
    const { ask, put } = await startFixture(t);
    await put('/c/o', 'a');
    assert.equal((await ask('POST', '/c/o?update', { headers: { 'If-Match': 'x' } })).status, 412);
    assert.equal((await ask('POST', '/c/none', { headers: { 'If-Match': 'x' } })).status, 404);
    assert.equal((await ask('POST', '/c?update', { headers: { 'If-Match': 'x' } })).status, 202);
    assert.equal((await ask('DELETE', '/c/o', { headers: { 'If-Match': 'x' } })).status, 204);
  });
});

describe('the window between check and lock', () => {
  it('lets two writers with the same ETag both get 201, in commit order', async (t) => {
    const gate = Promise.withResolvers<void>();
    let waiting = 0;
    const beforeLock = (info: RequestInfo) => {
      if (info.object !== 'o' || info.kind !== 'object.put-data') return undefined;
      if (++waiting === 2) gate.resolve();
      return gate.promise;
    };
    const { ask, put, server } = await startFixture(t);
    const base = await put('/c/o', 'base');
    server.control.setHooks({ beforeLock });
    const condition = { 'If-Match': String(base.headers.etag) };
    const replies = await Promise.all([put('/c/o', 'one', condition), put('/c/o', 'two', condition)]);
    assert.deepEqual(
      replies.map((reply) => reply.status),
      [201, 201],
    );
    const list = (await ask('GET', '/c/o?version=list&format=json')).json<{ versions: [number, string][] }>();
    const serials = list.versions.map(([serial]) => serial);
    assert.deepEqual(serials, [serialOf(base), ...replies.map(serialOf).sort((a, b) => a - b)]);
    const winner = serialOf(replies[0]!) > serialOf(replies[1]!) ? 'one' : 'two';
    assert.equal((await ask('GET', '/c/o')).text, winner);
  });

  it('lets MOVE take a version that was never checked', async (t) => {
    const { ask, put, server } = await startFixture(t);
    const base = await put('/c/o', 'base');
    server.control.setHooks({
      beforeLock: (info) => {
        if (info.kind === 'object.move') server.control.putObject(USER.userId, 'c', 'o', 'slipped in');
      },
    });
    const headers = { 'If-Match': String(base.headers.etag), Destination: '/c/hidden' };
    assert.equal((await ask('MOVE', '/c/o', { headers })).status, 201);
    assert.equal((await ask('GET', '/c/hidden')).text, 'slipped in');
  });

  it('holds the lock of one container only', async (t) => {
    const { put, ask, server } = await startFixture(t);
    await ask('PUT', '/other');
    const gate = Promise.withResolvers<void>();
    const entered = Promise.withResolvers<void>();
    server.control.setHooks({
      underLock: async (info) => {
        if (info.object !== 'slow') return;
        entered.resolve();
        await gate.promise;
      },
    });
    const slow = put('/c/slow', '1');
    await entered.promise;
    const queued = put('/c/queued', '2');
    assert.equal((await put('/other/o', '3')).status, 201);
    assert.equal((await ask('HEAD', '/c/queued')).status, 404, 'readers do not wait, writers do');
    gate.resolve();
    assert.ok(serialOf(await slow) < serialOf(await queued));
  });

  it('lets an unpinned GET mix two versions, and a pinned one not', async (t) => {
    const { put, ask, server } = await startFixture(t);
    const first = await put('/c/o', 'abc');
    server.control.setHooks({
      betweenReads: () => void server.control.putObject(USER.userId, 'c', 'o', 'xyz'),
    });
    const mixed = await ask('GET', '/c/o');
    assert.equal(mixed.text, 'xyz');
    assert.equal(serialOf(mixed), serialOf(first));
    assert.equal((await ask('GET', `/c/o?version=${serialOf(first)}`)).text, 'abc');
  });
});
