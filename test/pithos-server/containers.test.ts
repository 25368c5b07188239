// Containers: life cycle, policy, metadata, change detection and block upload.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { EMPTY_HASH } from '#libs/pithos-server/hash.ts';
import { startFixture, USER } from './pithos-fixture.ts';

const D = '88d4266fd4e6338d13b845fcf289579d209c897823b9217da3e161936f031589';

describe('containers', () => {
  it('are created once, described by HEAD, refused removal while they hold objects', async (t) => {
    const { ask, put } = await startFixture(t);
    assert.equal((await ask('HEAD', '/new')).status, 404);
    assert.equal((await ask('PUT', '/new')).status, 201);
    assert.equal((await ask('PUT', '/new')).status, 202);
    await put('/new/a', 'abcde');
    const head = await ask('HEAD', '/new');
    assert.equal(head.status, 204);
    assert.equal(head.headers['x-container-object-count'], '1');
    assert.equal(head.headers['x-container-bytes-used'], '5');
    assert.equal(head.headers['x-container-block-size'], '4');
    assert.equal(head.headers['x-container-block-hash'], 'sha256');
    assert.equal(head.headers['x-container-policy-versioning'], 'auto');
    assert.equal(head.headers['x-container-policy-quota'], '0');
    assert.equal((await ask('DELETE', '/new')).status, 409);
    await ask('DELETE', '/new/a');
    assert.equal((await ask('DELETE', '/new')).status, 204);
    assert.equal((await ask('DELETE', '/new')).status, 404);
    assert.equal((await ask('GET', '/new?format=json')).status, 404);
  });

  it('take a policy on PUT, also when they exist, and refuse unknown values', async (t) => {
    const { ask } = await startFixture(t);
    const policy = { 'X-Container-Policy-Versioning': 'none', 'X-Container-Policy-Quota': '10' };
    assert.equal((await ask('PUT', '/p', { headers: policy })).status, 201);
    assert.equal((await ask('HEAD', '/p')).headers['x-container-policy-versioning'], 'none');
    await ask('PUT', '/p', { headers: { 'X-Container-Policy-Versioning': 'auto' } });
    const head = await ask('HEAD', '/p');
    assert.equal(head.headers['x-container-policy-versioning'], 'auto');
    assert.equal(head.headers['x-container-policy-quota'], '10');
    const bad = { 'X-Container-Policy-Versioning': 'manual' };
    assert.equal((await ask('PUT', '/q', { headers: bad })).status, 400);
  });

  it('merge metadata under update and wipe it without', async (t) => {
    const { ask } = await startFixture(t);
    const meta = (name: string, value: string) => ({ headers: { [`X-Container-Meta-${name}`]: value } });
    await ask('POST', '/c?update', meta('one', '1'));
    await ask('POST', '/c?update', meta('two', 'caf%C3%A9%25'));
    let head = await ask('HEAD', '/c');
    assert.equal(head.headers['x-container-meta-one'], '1');
    assert.equal(head.headers['x-container-meta-two'], 'caf%C3%A9%25');
    assert.equal((await ask('GET', '/c?format=json')).headers['x-container-meta-one'], '1');
    await ask('POST', '/c?update', meta('one', ''));
    head = await ask('HEAD', '/c');
    assert.equal(head.headers['x-container-meta-one'], undefined);
    assert.equal((await ask('POST', '/c')).status, 202);
    assert.equal((await ask('HEAD', '/c')).headers['x-container-meta-two'], undefined);
  });

  it('stop at their quota without creating anything', async (t) => {
    const { ask, put } = await startFixture(t);
    await ask('POST', '/c?update', { headers: { 'X-Container-Policy-Quota': '6' } });
    assert.equal((await put('/c/a', 'abcd')).status, 201);
    assert.equal((await put('/c/b', 'abcd')).status, 413);
    assert.equal((await ask('HEAD', '/c/b')).status, 404);
    assert.equal((await ask('HEAD', '/c')).headers['x-container-bytes-used'], '4');
    assert.equal((await put('/c/a', 'ab')).status, 201);
  });

  it('lose all objects with a delimiter and history with until', async (t) => {
    const { ask, put } = await startFixture(t);
    await put('/c/a', '1');
    await put('/c/a', '2');
    await put('/c/d/b', '3');
    assert.equal((await ask('DELETE', '/c?until=9999999999')).status, 204);
    const versions = (await ask('GET', '/c/a?version=list&format=json')).json<{ versions: unknown[] }>();
    assert.equal(versions.versions.length, 1);
    assert.equal((await ask('DELETE', '/c?delimiter=/')).status, 204);
    assert.equal((await ask('HEAD', '/c')).headers['x-container-object-count'], '0');
    // Not an integer, so it is no purge but a removal of the container.
    assert.equal((await ask('DELETE', '/c?until=12.5')).status, 204);
    assert.equal((await ask('HEAD', '/c')).status, 404);
  });

  it('show changes of current objects in Last-Modified, and only those', async (t) => {
    let now = 1_700_000_000_000_000;
    const { ask, put } = await startFixture(t, { clock: () => now });
    const modified = async () =>
      Date.parse(String((await ask('HEAD', '/c')).headers['last-modified'])) / 1000;
    const step = () => {
      now += 10_000_000;
      return now / 1_000_000;
    };
    const bumps: [string, () => Promise<unknown>][] = [
      ['create', () => put('/c/a', '1')],
      ['overwrite', () => put('/c/a', '2')],
      ['object metadata', () => ask('POST', '/c/a?update', { headers: { 'X-Object-Meta-K': 'v' } })],
      ['move', () => ask('MOVE', '/c/a', { headers: { Destination: '/c/b' } })],
      ['delete', () => ask('DELETE', '/c/b')],
      ['container metadata', () => ask('POST', '/c?update', { headers: { 'X-Container-Meta-K': 'v' } })],
    ];
    for (const [about, act] of bumps) {
      const at = step();
      await act();
      assert.equal(await modified(), at, about);
    }
    const last = await modified();
    step();
    const octets = { 'Content-Type': 'application/octet-stream' };
    await ask('POST', '/c?update', { headers: octets, body: 'abcd' });
    await ask('POST', '/c?update', { headers: { 'X-Container-Policy-Quota': '99' } });
    await ask('DELETE', '/c?until=9999999999');
    assert.equal(await modified(), last, 'blocks, policy and purge change nothing');
  });

  it('answer 304 to a change within the same second', async (t) => {
    let now = 1_700_000_000_100_000;
    const { ask, put } = await startFixture(t, { clock: () => now });
    await put('/c/a', '1');
    const seen = String((await ask('HEAD', '/c')).headers['last-modified']);
    now += 500_000;
    await put('/c/a', '2');
    const condition = { headers: { 'If-Modified-Since': seen } };
    assert.equal((await ask('HEAD', '/c', condition)).status, 304);
    assert.equal((await ask('GET', '/c?format=json', condition)).status, 304);
    now += 500_000;
    await put('/c/a', '3');
    assert.equal((await ask('HEAD', '/c', condition)).status, 204);
    assert.equal((await ask('HEAD', '/c', { headers: { 'If-Unmodified-Since': seen } })).status, 412);
  });

  it('are listed for the account', async (t) => {
    const { ask, put } = await startFixture(t);
    await ask('PUT', '/b');
    await put('/c/a', 'abc');
    const entries = (await ask('GET', '?format=json')).json<
      { name: string; count: number; bytes: number }[]
    >();
    assert.deepEqual(
      entries.map(({ name, count, bytes }) => ({ name, count, bytes })),
      [
        { name: 'b', count: 0, bytes: 0 },
        { name: 'c', count: 1, bytes: 3 },
      ],
    );
    assert.equal((await ask('GET', '')).text, 'b\nc\n');
    assert.equal((await ask('HEAD', '')).headers['x-account-container-count'], '2');
  });
});

describe('block upload', () => {
  const octets = { 'Content-Type': 'application/octet-stream' };

  it('cuts the body at the block size and answers the hashes', async (t) => {
    const { ask } = await startFixture(t);
    const reply = await ask('POST', '/c?update&format=json', { headers: octets, body: 'abcde' });
    assert.equal(reply.status, 202);
    const hashes = reply.json<string[]>();
    assert.equal(hashes.length, 2);
    assert.equal(hashes[0], D);
    const chunked = { ...octets, 'Transfer-Encoding': 'chunked' };
    const again = await ask('POST', '/c?update', { headers: chunked, body: 'abcde' });
    assert.deepEqual(again.json(), hashes);
    assert.deepEqual((await ask('POST', '/c?update', { headers: octets, body: '\0\0' })).json(), [
      EMPTY_HASH,
    ]);
  });

  it('ignores the body unless the type matches to the letter', async (t) => {
    const { ask } = await startFixture(t);
    for (const type of ['application/octet-stream; charset=x', 'text/plain']) {
      const reply = await ask('POST', '/c?update&format=json', {
        headers: { 'Content-Type': type },
        body: 'abcd',
      });
      assert.equal(reply.status, 202);
      assert.equal(reply.text, '');
    }
  });

  it('accepts blocks for a missing container under update only', async (t) => {
    const { ask, server } = await startFixture(t);
    assert.equal((await ask('POST', '/gone?update', { headers: octets, body: 'abcd' })).status, 202);
    assert.equal((await ask('POST', '/gone', { headers: octets, body: 'abcd' })).status, 404);
    const meta = { ...octets, 'X-Container-Meta-A': '1' };
    assert.equal((await ask('POST', '/gone?update', { headers: meta, body: 'abcd' })).status, 404);
    server.control.ensureContainer(USER.userId, 'later');
    const map = JSON.stringify({ bytes: 4, hashes: [D] });
    const put = await ask('PUT', '/later/a?hashmap', {
      headers: { 'Content-Type': 'text/plain' },
      body: map,
    });
    assert.equal(put.status, 201, 'blocks are shared service-wide');
  });
});
