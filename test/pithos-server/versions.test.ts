// Versions: history, deletion markers, policy none, and purging.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Fixture, serialOf, startFixture, USER } from './pithos-fixture.ts';

async function serials({ ask }: Fixture, path: string): Promise<number[]> {
  const reply = await ask('GET', `${path}?version=list&format=json`);
  return reply.json<{ versions: [number, string][] }>().versions.map(([serial]) => serial);
}

describe('versions', () => {
  it('are kept in ascending order with their times, readable by number', async (t) => {
    let now = 1_700_000_000_565_891;
    const fixture = await startFixture(t, { clock: () => now });
    const first = serialOf(await fixture.put('/c/a', 'one'));
    now = 1_700_000_123_000_100;
    const second = serialOf(await fixture.put('/c/a', 'two'));
    const list = (await fixture.ask('GET', '/c/a?version=list&format=json')).json();
    assert.deepEqual(list, {
      versions: [
        [first, '1700000000.565891'],
        [second, '1700000123.000100'],
      ],
    });
    const old = await fixture.ask('GET', `/c/a?version=${first}`);
    assert.equal(old.text, 'one');
    assert.equal(old.headers['x-object-version'], String(first));
    assert.equal(old.headers['last-modified'], 'Tue, 14 Nov 2023 22:15:23 GMT', 'of the latest version');
    assert.equal(old.headers['x-object-version-timestamp'], 'Tue, 14 Nov 2023 22:13:20 GMT');
    const map = (await fixture.ask('GET', `/c/a?hashmap&version=${first}&format=json`)).json<{
      bytes: number;
    }>();
    assert.equal(map.bytes, 3);
    assert.equal((await fixture.ask('HEAD', `/c/a?version=${first}`)).headers['content-length'], '3');
  });

  it('of another path, unknown or non-integer are 404', async (t) => {
    const { ask, put } = await startFixture(t);
    const other = serialOf(await put('/c/b', 'x'));
    await put('/c/a', 'x');
    for (const version of [String(other), '999999', 'x', '-1', '1.5', '']) {
      assert.equal((await ask('GET', `/c/a?version=${version}`)).status, 404, version);
    }
  });

  it('survive a deletion, whose marker is neither listed nor readable', async (t) => {
    let now = 1_700_000_000_000_000;
    const fixture = await startFixture(t, { clock: () => now });
    const { ask, put } = fixture;
    const first = serialOf(await put('/c/a', 'one'));
    now += 60_000_000;
    assert.equal((await ask('DELETE', '/c/a')).status, 204);
    assert.equal((await ask('DELETE', '/c/a')).status, 404);
    assert.equal((await ask('GET', '/c/a')).status, 404);
    assert.equal((await ask('GET', '/c?format=json')).text, '[]');
    assert.deepEqual(await serials(fixture, '/c/a'), [first]);
    assert.equal((await ask('GET', `/c/a?version=${first + 1}`)).status, 404);
    const head = await ask('HEAD', `/c/a?version=${first}`);
    assert.equal(head.headers['last-modified'], 'Tue, 14 Nov 2023 22:14:20 GMT', 'when it was deleted');
    const again = serialOf(await put('/c/a', 'two'));
    assert.ok(again > first + 1, 'the marker took a serial');
    assert.deepEqual(await serials(fixture, '/c/a'), [first, again]);
  });

  it('are removed at once under policy none', async (t) => {
    const fixture = await startFixture(t);
    const { ask, put, server } = fixture;
    server.control.set({ defaultVersioning: 'none' });
    await ask('PUT', '/n');
    const first = serialOf(await put('/n/a', 'one'));
    const second = serialOf(await put('/n/a', 'two'));
    assert.equal((await ask('GET', `/n/a?version=${first}`)).status, 404);
    assert.deepEqual(await serials(fixture, '/n/a'), [second]);
    await ask('DELETE', '/n/a');
    assert.deepEqual(await serials(fixture, '/n/a'), [], 'only the marker is left');
    assert.ok(serialOf(await put('/n/a', 'three')) > second, 'serials are never used twice');
  });

  it('of a path that never existed are 404', async (t) => {
    const { ask } = await startFixture(t);
    assert.equal((await ask('GET', '/c/never?version=list&format=json')).status, 404);
  });

  it('are purged with until, the current one included; a malformed until deletes', async (t) => {
    const fixture = await startFixture(t);
    const { ask, put } = fixture;
    await put('/c/a', 'one');
    await put('/c/a', 'two');
    assert.equal((await ask('DELETE', '/c/a?until=1')).status, 204);
    assert.equal((await serials(fixture, '/c/a')).length, 2);
    assert.equal((await ask('DELETE', '/c/a?until=99999999999')).status, 204);
    assert.equal((await ask('GET', '/c/a?version=list&format=json')).status, 404);
    assert.equal((await ask('HEAD', '/c')).headers['x-container-object-count'], '0');
    for (const until of ['1.5', '-1', 'soon']) {
      await put('/c/a', 'x');
      assert.equal((await ask('DELETE', `/c/a?until=${until}`)).status, 204);
      assert.equal((await ask('HEAD', '/c/a')).status, 404, until);
    }
  });

  it('are numbered across containers from one sequence', async (t) => {
    const { ask, put } = await startFixture(t);
    await ask('PUT', '/other');
    const numbers = [];
    for (const path of ['/c/a', '/other/a', '/c/b', '/other/a']) numbers.push(serialOf(await put(path, 'x')));
    assert.deepEqual(
      [...numbers].sort((a, b) => a - b),
      numbers,
    );
    assert.equal(new Set(numbers).size, 4);
  });

  it('break off after the status when a block is lost', async (t) => {
    const { ask, put, server } = await startFixture(t);
    await put('/c/a', 'abcdefgh');
    const map = (await ask('GET', '/c/a?hashmap&format=json')).json<{ hashes: string[] }>();
    server.control.loseBlock(String(map.hashes[1]));
    await assert.rejects(ask('GET', '/c/a'));
    assert.equal((await ask('GET', '/c/a', { headers: { Range: 'bytes=0-3' } })).text, 'abcd');
    assert.equal(server.control.putObject(USER.userId, 'c', 'b', 'efgh').bytes, 4);
    assert.equal((await ask('GET', '/c/a')).text, 'abcdefgh', 'uploading the block again repairs the object');
  });
});
