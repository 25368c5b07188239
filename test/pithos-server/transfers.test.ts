// COPY, MOVE and PUT-from: what travels, what stays, and the malformed serial.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { serialOf, startFixture } from './pithos-fixture.ts';

describe('transfers', () => {
  it('MOVE answers an encoded tuple, COPY a clean integer', async (t) => {
    const { ask, put, server } = await startFixture(t);
    await put('/c/a', 'x');
    const copied = await ask('COPY', '/c/a', { headers: { Destination: '/c/b' } });
    assert.match(String(copied.headers['x-object-version']), /^\d+$/);
    const moved = await ask('MOVE', '/c/a', { headers: { Destination: '/c/d' } });
    assert.match(String(moved.headers['x-object-version']), /^%28%5B\d+%5D, 0, 0%29$/);
    assert.equal(serialOf(moved), serialOf(await ask('HEAD', '/c/d')));
    const back = await ask('PUT', '/c/a', { headers: { 'X-Move-From': '/c/d' } });
    assert.match(String(back.headers['x-object-version']), /^%28%5B\d+%5D, 0, 0%29$/);
    server.control.set({ longSerials: true });
    const long = await ask('MOVE', '/c/a', { headers: { Destination: '/c/e' } });
    assert.match(String(long.headers['x-object-version']), /^%28%5B\d+L%5D, 0, 0%29$/);
  });

  it('MOVE carries the UUID, COPY makes one, an overwrite keeps one, a re-creation makes one', async (t) => {
    const { ask, put } = await startFixture(t);
    const uuid = async (path: string) => (await ask('HEAD', path)).headers['x-object-uuid'];
    await put('/c/a', '1');
    const original = await uuid('/c/a');
    await put('/c/a', '2');
    assert.equal(await uuid('/c/a'), original);
    await put('/c/target', 'old');
    await ask('MOVE', '/c/a', { headers: { Destination: '/c/target' } });
    assert.equal(await uuid('/c/target'), original);
    await ask('COPY', '/c/target', { headers: { Destination: '/c/copy' } });
    assert.notEqual(await uuid('/c/copy'), original);
    await ask('DELETE', '/c/target');
    await put('/c/target', '3');
    assert.notEqual(await uuid('/c/target'), original);
  });

  it('MOVE leaves a deleted path whose history stays, and overwrites silently', async (t) => {
    const { ask, put } = await startFixture(t);
    const source = await put('/c/a', 'moved');
    const target = await put('/c/b', 'replaced');
    await ask('MOVE', '/c/a', { headers: { Destination: '/c/b' } });
    assert.equal((await ask('GET', '/c/a')).status, 404);
    assert.equal((await ask('GET', `/c/a?version=${serialOf(source)}`)).text, 'moved');
    assert.equal((await ask('GET', '/c/b')).text, 'moved');
    assert.equal((await ask('GET', `/c/b?version=${serialOf(target)}`)).text, 'replaced');
  });

  it('merge metadata and take the type of the request unless told not to', async (t) => {
    const { ask, put } = await startFixture(t);
    await put('/c/a', 'x', { 'X-Object-Meta-Keep': '1', 'X-Object-Meta-Drop': '2' });
    const headers = {
      Destination: '/c/b',
      'Content-Type': 'image/png',
      'X-Object-Meta-Drop': '',
      'X-Object-Meta-New': '3',
    };
    await ask('COPY', '/c/a', { headers });
    const copy = (await ask('HEAD', '/c/b')).headers;
    assert.equal(copy['content-type'], 'image/png');
    assert.equal(copy['x-object-meta-keep'], '1');
    assert.equal(copy['x-object-meta-drop'], undefined);
    assert.equal(copy['x-object-meta-new'], '3');
    await ask('COPY', '/c/a?ignore_content_type', {
      headers: { Destination: '/c/d', 'Content-Type': 'image/png' },
    });
    assert.equal((await ask('HEAD', '/c/d')).headers['content-type'], 'text/plain');
  });

  it('X-Source-Version pins COPY and is ignored by MOVE', async (t) => {
    const { ask, put } = await startFixture(t);
    const old = String((await put('/c/a', 'old')).headers['x-object-version']);
    await put('/c/a', 'new');
    const pinned = (to: string) => ({ headers: { Destination: to, 'X-Source-Version': old } });
    await ask('COPY', '/c/a', pinned('/c/copy'));
    assert.equal((await ask('GET', '/c/copy')).text, 'old');
    await ask('MOVE', '/c/a', pinned('/c/moved'));
    assert.equal((await ask('GET', '/c/moved')).text, 'new');
    // The path is deleted by now: its versions can still be copied, but the type is lost.
    assert.equal((await ask('COPY', '/c/a', pinned('/c/restored'))).status, 201);
    const restored = await ask('HEAD', '/c/restored');
    assert.equal(restored.headers['content-type'], '');
    assert.equal((await ask('COPY', '/c/a', { headers: { Destination: '/c/x' } })).status, 404);
    assert.equal(
      (await ask('COPY', '/c/a', { headers: { Destination: '/c/x', 'X-Source-Version': 'z' } })).status,
      404,
    );
  });

  it('decode the destination once and refuse malformed ones', async (t) => {
    const { ask, put } = await startFixture(t);
    await put('/c/a', 'x');
    const to = (destination: string) => ask('COPY', '/c/a', { headers: { Destination: destination } });
    assert.equal((await to('/c/b%20%C3%A9%2525')).status, 201);
    assert.equal((await ask('GET', `/c/${encodeURIComponent('b é%25')}`)).text, 'x');
    for (const bad of ['c/b', '/c', '/c/', '/', '']) assert.equal((await to(bad)).status, 400, bad);
    assert.equal((await to('/gone/b')).status, 404);
    assert.equal((await to('/c/é')).status, 400);
  });

  it('PUT-from needs a Content-Length and existing places', async (t) => {
    const { ask, put } = await startFixture(t);
    await put('/c/a', 'x');
    await ask('PUT', '/other');
    const from = (value: string) => ({ headers: { 'X-Copy-From': value } });
    assert.equal((await ask('PUT', '/c/b', { ...from('/c/a'), hasNoLength: true })).status, 411);
    assert.equal((await ask('PUT', '/c/b', from('/c/none'))).status, 404);
    assert.equal((await ask('PUT', '/gone/b', from('/c/a'))).status, 404);
    assert.equal((await ask('PUT', '/other/b', from('/c/a'))).status, 201);
    assert.equal((await ask('GET', '/other/b')).text, 'x');
  });

  it('reach below a name with a delimiter', async (t) => {
    const { ask, put } = await startFixture(t);
    for (const path of ['d', 'd/a', 'd/b/c', 'dx']) await put(`/c/${path}`, path);
    assert.equal((await ask('MOVE', '/c/d?delimiter=/', { headers: { Destination: '/c/e' } })).status, 201);
    assert.equal((await ask('GET', '/c')).text, 'dx\ne\ne/a\ne/b/c\n');
    assert.equal((await ask('DELETE', '/c/e/b?delimiter=/')).status, 404);
    assert.equal((await ask('DELETE', '/c/e?delimiter=/')).status, 204);
    assert.equal((await ask('GET', '/c')).text, 'dx\n');
  });
});
