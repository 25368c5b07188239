// Listings: order, pages, prefixes, roll-up, the past, and a container of
// 100,000 objects.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Fixture, startFixture, USER } from './pithos-fixture.ts';

interface Entry {
  readonly name?: string;
  readonly subdir?: string;
}

async function fill(fixture: Fixture, names: readonly string[]): Promise<void> {
  for (const name of names) fixture.server.control.putObject(USER.userId, 'c', name, name);
}

async function list({ ask }: Fixture, query = ''): Promise<string[]> {
  const entries = (await ask('GET', `/c?format=json${query}`)).json<Entry[]>();
  return entries.map((entry) => entry.name ?? `${entry.subdir}*`);
}

describe('listing', () => {
  it('describes an object and leaves its metadata out', async (t) => {
    const { ask, put } = await startFixture(t, { clock: () => 1_700_000_000_565_891 });
    const created = await put('/c/docs/a.txt', 'a', { 'X-Object-Meta-Secret': '1' });
    const [entry] = (await ask('GET', '/c?format=json')).json<Record<string, unknown>[]>();
    const { x_object_uuid: uuid, ...rest } = entry ?? {};
    assert.match(String(uuid), /^[0-9a-f-]{36}$/);
    assert.deepEqual(rest, {
      name: 'docs/a.txt',
      bytes: 1,
      content_type: 'text/plain',
      hash: '',
      x_object_hash: 'ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb',
      x_object_version: Number(created.headers['x-object-version']),
      x_object_version_timestamp: '1700000000.565891',
      last_modified: '2023-11-14T22:13:20.565891+00:00',
      x_object_modified_by: 'u-42',
      available: 1,
      map_check_timestamp: null,
    });
  });

  it('drops a zero fraction from last_modified', async (t) => {
    const { ask, put } = await startFixture(t, { clock: () => 1_700_000_000_000_000 });
    await put('/c/a', 'a');
    const [entry] = (await ask('GET', '/c?format=json')).json<Record<string, unknown>[]>();
    assert.equal(entry?.['last_modified'], '2023-11-14T22:13:20+00:00');
    assert.equal(entry?.['x_object_version_timestamp'], '1700000000.000000');
  });

  it('is ordered by UTF-8 bytes, unlike JavaScript strings', async (t) => {
    const fixture = await startFixture(t);
    const inOrder = ['A', 'Z', 'a', 'a b', 'a/b', 'a0', '~', 'é', '\uff5e', '😀'];
    assert.notDeepEqual([...inOrder].sort(), inOrder);
    await fill(fixture, [...inOrder].reverse());
    assert.deepEqual(await list(fixture), inOrder);
  });

  it('pages by marker with lenient limits and a cap', async (t) => {
    const fixture = await startFixture(t);
    await fill(fixture, ['a', 'b', 'c', 'd', 'e']);
    assert.deepEqual(await list(fixture, '&limit=2'), ['a', 'b']);
    assert.deepEqual(await list(fixture, '&limit=2&marker=b'), ['c', 'd']);
    assert.deepEqual(await list(fixture, '&marker=bb'), ['c', 'd', 'e']);
    assert.deepEqual(await list(fixture, '&marker=e'), []);
    for (const limit of ['0', '-1', 'x', '']) {
      assert.equal((await list(fixture, `&limit=${limit}`)).length, 5);
    }
    fixture.server.control.setPageCap(3);
    assert.equal((await list(fixture)).length, 3);
    assert.equal((await list(fixture, '&limit=10000')).length, 3);
  });

  it('cuts at a prefix, with and without a delimiter', async (t) => {
    const fixture = await startFixture(t);
    await fill(fixture, ['photos', 'photos/', 'photos/a', 'photos/b/c', 'photos/b/d', 'photosx', 'z']);
    assert.deepEqual(await list(fixture, '&prefix=photos'), [
      'photos',
      'photos/',
      'photos/a',
      'photos/b/c',
      'photos/b/d',
      'photosx',
    ]);
    assert.deepEqual(await list(fixture, '&prefix=//photosx'), ['photosx']);
    const top = ['photos', 'photos/', 'photos/*', 'photosx', 'z'];
    assert.deepEqual(await list(fixture, '&delimiter=/'), top, 'the object photos/ and the subdir photos/');
    // Without the appended delimiter `photos` itself would be listed.
    const inside = ['photos/', 'photos/a', 'photos/b/*'];
    assert.deepEqual(await list(fixture, '&delimiter=/&prefix=photos'), inside);
    assert.deepEqual(await list(fixture, '&path=photos'), ['photos/', 'photos/a']);
    assert.deepEqual(await list(fixture, '&delimiter=/&limit=2'), ['photos', 'photos/']);
    assert.deepEqual(await list(fixture, '&delimiter=/&marker=photos/'), ['photos/*', 'photosx', 'z']);
  });

  it('rolls up subdirs larger than one seek', async (t) => {
    const fixture = await startFixture(t);
    const { control } = fixture.server;
    control.transaction(() => {
      for (let i = 0; i < 2500; i++) control.putObject(USER.userId, 'c', `dir/${i}`, 'x');
      for (let i = 0; i < 1500; i++) control.putObject(USER.userId, 'c', `e${i}/x`, 'x');
    });
    control.putObject(USER.userId, 'c', 'zz', 'x');
    const entries = await list(fixture, '&delimiter=/');
    assert.equal(entries.length, 1502);
    assert.equal(entries[0], 'dir/*');
    assert.equal(entries.at(-1), 'zz');
  });

  it('fails with 500 for a prefix that ends beyond the basic plane', async (t) => {
    const { ask } = await startFixture(t);
    assert.equal((await ask('GET', `/c?format=json&prefix=${encodeURIComponent('😀')}`)).status, 500);
    assert.equal((await ask('GET', `/c?format=json&prefix=${encodeURIComponent('😀a')}`)).status, 200);
  });

  it('defaults to text, where empty is 204, and knows XML', async (t) => {
    const fixture = await startFixture(t);
    assert.equal((await fixture.ask('GET', '/c')).status, 204);
    const empty = await fixture.ask('GET', '/c?format=json');
    assert.equal(empty.status, 200);
    assert.equal(empty.text, '[]');
    await fill(fixture, ['a&b']);
    assert.equal((await fixture.ask('GET', '/c')).text, 'a&b\n');
    assert.match((await fixture.ask('GET', '/c', { headers: { Accept: 'application/json' } })).text, /^\[/);
    assert.match((await fixture.ask('GET', '/c?format=xml')).text, /<name>a&amp;b<\/name>/);
    await fixture.put('/c/d.xml', 'x');
    assert.match((await fixture.ask('GET', '/c/d.xml?hashmap')).text, /^<\?xml/);
    assert.match((await fixture.ask('GET', '/c/d.xml?hashmap&format=json')).text, /^\{/);
  });

  it('shows the past with until, stable under auto and lossy under none', async (t) => {
    let now = 1_700_000_000_000_000;
    const fixture = await startFixture(t, { clock: () => now });
    const at = (seconds: number) => {
      now = (1_700_000_000 + seconds) * 1_000_000;
    };
    at(10);
    await fixture.put('/c/a', '1');
    await fixture.put('/c/b', '1');
    at(20);
    await fixture.put('/c/a', '22');
    await fixture.ask('DELETE', '/c/b');
    const past = (seconds: number) => list(fixture, `&until=${1_700_000_000 + seconds}`);
    assert.deepEqual(await past(10), [], 'strictly before');
    assert.deepEqual(await past(15), ['a', 'b']);
    assert.deepEqual(await past(25), ['a']);
    const [entry] = (await fixture.ask('GET', '/c?format=json&until=1700000015')).json<
      Record<string, unknown>[]
    >();
    assert.equal(entry?.['bytes'], 1);
    assert.ok(!('last_modified' in (entry ?? {})));
    const none = { headers: { 'X-Container-Policy-Versioning': 'none' } };
    await fixture.ask('PUT', '/n', none);
    await fixture.put('/n/a', '1');
    at(30);
    await fixture.put('/n/a', '2');
    const then = await fixture.ask('GET', '/n?format=json&until=1700000025');
    assert.deepEqual(then.json(), [], 'the version of then is gone');
  });

  it('serves 100,000 objects in quick pages', async (t) => {
    const fixture = await startFixture(t);
    const { control } = fixture.server;
    control.transaction(() => {
      for (let i = 0; i < 100_000; i++)
        control.putObject(USER.userId, 'c', `dir-${i % 100}/file-${i}.txt`, String(i));
    });
    const seen = new Set<string>();
    let marker = '';
    let slowest = 0;
    let pages = 0;
    while (true) {
      const startedAt = performance.now();
      const page = await list(fixture, `&limit=10000&marker=${encodeURIComponent(marker)}`);
      slowest = Math.max(slowest, performance.now() - startedAt);
      if (page.length === 0) break;
      pages++;
      for (const name of page) seen.add(name);
      marker = page.at(-1) ?? '';
    }
    assert.equal(pages, 10);
    assert.equal(seen.size, 100_000);
    // Far above the usual 0.1 s, so that a busy machine does not fail the test.
    assert.ok(slowest < 2000, `slowest page took ${slowest} ms`);
    assert.equal((await fixture.ask('HEAD', '/c')).headers['x-container-object-count'], '100000');
    assert.equal((await list(fixture, '&delimiter=/')).length, 100);
  });
});
