// Faults on demand, in process and over HTTP, and the request counters.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Stats } from '#libs/pithos-server/stats.ts';
import { startFixture } from './pithos-fixture.ts';

describe('injected faults', () => {
  it('status answers instead of the handler, as often as counted', async (t) => {
    const { ask, put, server } = await startFixture(t);
    server.control.inject({
      action: 'status',
      method: 'PUT',
      status: 503,
      headers: { 'Retry-After': '7' },
      count: 2,
    });
    for (let i = 0; i < 2; i++) {
      const reply = await put('/c/a', 'x');
      assert.equal(reply.status, 503);
      assert.equal(reply.headers['retry-after'], '7');
    }
    assert.equal((await ask('HEAD', '/c/a')).status, 404);
    assert.equal((await put('/c/a', 'x')).status, 201);
    assert.deepEqual(server.control.pendingRules(), []);
  });

  it('500-after-commit and drop-after-commit hide a write that happened', async (t) => {
    const { ask, put, server } = await startFixture(t);
    server.control.inject({ action: '500-after-commit', kind: 'object.put-data' });
    assert.equal((await put('/c/a', 'one')).status, 500);
    assert.equal((await ask('GET', '/c/a')).text, 'one');
    server.control.inject({ action: 'drop-after-commit', pathPattern: '/c/a$' });
    await assert.rejects(put('/c/a', 'two'));
    assert.equal((await ask('GET', '/c/a')).text, 'two');
  });

  it('drop-before and drop-mid-upload leave nothing behind', async (t) => {
    const { ask, put, server } = await startFixture(t);
    for (const action of ['drop-before', 'drop-mid-upload'] as const) {
      server.control.inject({ action, method: 'PUT' });
      await assert.rejects(put('/c/a', 'x'.repeat(100_000)));
      assert.equal((await ask('HEAD', '/c/a')).status, 404);
    }
  });

  it('truncate-body breaks off half-way, corrupt-body keeps the length', async (t) => {
    const { ask, put, server } = await startFixture(t);
    await put('/c/a', 'abcdefghij');
    server.control.inject({ action: 'truncate-body', kind: 'object.get-data' });
    await assert.rejects(ask('GET', '/c/a'), /aborted/);
    server.control.inject({ action: 'corrupt-body', kind: 'object.get-data' });
    assert.equal((await ask('GET', '/c/a')).text, '`bcdefghij');
    assert.equal((await ask('GET', '/c/a')).text, 'abcdefghij');
    server.control.inject({ action: 'truncate-body', kind: 'container.list' });
    await assert.rejects(ask('GET', '/c?format=json'), /aborted/);
  });

  it('latency adds up with other rules; skip lets requests pass; a rule can be taken back', async (t) => {
    const { ask, put, server } = await startFixture(t);
    await put('/c/a', 'x');
    server.control.inject({ action: 'latency', ms: 60, method: 'GET' });
    server.control.inject({ action: 'status', status: 502, method: 'GET' });
    const startedAt = performance.now();
    assert.equal((await ask('GET', '/c/a')).status, 502);
    assert.ok(performance.now() - startedAt >= 55);
    server.control.inject({ action: 'status', method: 'GET', skip: 1 });
    assert.equal((await ask('GET', '/c/a')).status, 200);
    assert.equal((await ask('GET', '/c/a')).status, 503);
    const takeBack = server.control.inject({ action: 'status', count: -1 });
    assert.equal((await ask('GET', '/c/a')).status, 503);
    assert.equal((await ask('GET', '/c/a')).status, 503);
    takeBack();
    assert.equal((await ask('GET', '/c/a')).status, 200);
  });

  it('pick requests by decoded path and query', async (t) => {
    const { ask, put, server } = await startFixture(t);
    await put('/c/a%20b', 'x');
    server.control.inject({ action: 'status', pathPattern: '/a b\\?hashmap', status: 418 });
    assert.equal((await ask('GET', '/c/a%20b')).status, 200);
    assert.equal((await ask('GET', '/c/a%20b?hashmap')).status, 418);
  });
});

describe('control over HTTP', () => {
  it('is closed unless asked for', async (t) => {
    const { askRoot } = await startFixture(t);
    assert.equal((await askRoot('POST', '/_control', { body: '{}' })).status, 404);
  });

  it('takes rules and commands and serves counters', async (t) => {
    const { ask, askRoot, put } = await startFixture(t, { isControlServed: true });
    const post = (commands: unknown) =>
      askRoot('POST', '/_control', { body: JSON.stringify(commands), isAnonymous: true });
    assert.equal((await post({ action: 'status', status: 507, method: 'PUT' })).status, 200);
    assert.equal((await put('/c/a', 'x')).status, 507);
    await post([
      { action: 'status', method: 'PUT' },
      { action: 'status', method: 'GET' },
    ]);
    assert.equal((await askRoot('DELETE', '/_control')).json<{ rules: unknown[] }>().rules.length, 0);
    assert.equal((await put('/c/a', 'abc')).status, 201);
    await post({ set: { pageCap: 1 }, resetStats: true });
    await put('/c/b', 'x');
    assert.equal((await ask('GET', '/c')).text, 'a\n');
    const stats = (await askRoot('GET', '/_control/stats')).json<Stats>();
    assert.deepEqual(stats, {
      total: 2,
      byMethod: { PUT: 1, GET: 1 },
      byKind: { 'object.put-data': 1, 'container.list': 1 },
      byStatus: { 200: 1, 201: 1 },
      bytesIn: 1,
      bytesOut: 2,
    });
    await post({ expireToken: 'TOK-1' });
    assert.equal((await ask('HEAD', '/c')).status, 401);
    await post({ renewToken: { userId: 'u-42', token: 'TOK-1' } });
    assert.equal((await ask('HEAD', '/c')).status, 204);
    assert.equal((await post({ unknown: 1 })).status, 400);
    assert.equal((await post({ action: 'explode' })).status, 400);
  });
});
