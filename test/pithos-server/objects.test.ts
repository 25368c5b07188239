// Objects: upload as data and as hash map, reading, ranges, metadata, names.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { EMPTY_HASH } from '#libs/pithos-server/hash.ts';
import { hashmapBody, serialOf, startFixture } from './pithos-fixture.ts';

const A = 'ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb';
const D = '88d4266fd4e6338d13b845fcf289579d209c897823b9217da3e161936f031589';
const E = '3f79bb7b435b05321651daefd374cdc681dc06faa65e374e38337b88ca046dea';
const DE = 'bafb9e4a16b0f3da98f78d6e1e0ff1a9e086515e1539943e12fb2ef872d7c7f5';
const TEXT = { 'Content-Type': 'text/plain' };

describe('data upload', () => {
  it('stores content and answers the Merkle hash without quotes', async (t) => {
    const { ask, put } = await startFixture(t);
    const created = await put('/c/a', 'abcde');
    assert.equal(created.status, 201);
    assert.equal(created.headers.etag, DE);
    const got = await ask('GET', '/c/a');
    assert.equal(got.text, 'abcde');
    const head = await ask('HEAD', '/c/a');
    assert.equal(head.status, 200);
    assert.equal(head.headers.etag, DE);
    assert.equal(head.headers['x-object-hash'], DE);
    assert.equal(head.headers['content-length'], '5');
    assert.equal(head.headers['content-type'], 'text/plain');
    assert.equal(head.headers['x-object-version'], created.headers['x-object-version']);
    assert.equal(head.headers['x-object-modified-by'], 'u-42');
    assert.equal(head.headers['available'], '1');
    assert.match(String(head.headers['x-object-uuid']), /^[0-9a-f-]{36}$/);
  });

  it('takes chunked bodies, and refuses missing length or type', async (t) => {
    const { ask } = await startFixture(t);
    const chunked = { ...TEXT, 'Transfer-Encoding': 'chunked' };
    assert.equal((await ask('PUT', '/c/a', { headers: chunked, body: 'abcde' })).headers.etag, DE);
    assert.equal((await ask('PUT', '/c/b', { headers: TEXT, hasNoLength: true })).status, 411);
    assert.equal((await ask('PUT', '/c/b', { body: 'x' })).status, 411);
    assert.equal((await ask('PUT', '/gone/b', { headers: TEXT, body: 'x' })).status, 404);
  });

  it('compares a sent ETag with the MD5 of the body', async (t) => {
    const { ask, put } = await startFixture(t);
    const md5 = '900150983cd24fb0d6963f7d28e17f72';
    assert.equal((await put('/c/a', 'abc', { ETag: md5 })).status, 201);
    assert.equal((await put('/c/b', 'abd', { ETag: md5 })).status, 422);
    assert.equal((await ask('HEAD', '/c/b')).status, 404);
    const [entry] = (await ask('GET', '/c?format=json')).json<{ hash: string }[]>();
    assert.equal(entry?.hash, md5);
  });

  it('restores NULs that the block store stripped', async (t) => {
    const { ask, put } = await startFixture(t);
    for (const content of ['abcd\0\0\0\0x', 'a\0', '\0\0\0\0\0\0', '']) {
      await put('/c/n', content);
      assert.deepEqual((await ask('GET', '/c/n')).body, Buffer.from(content));
    }
  });

  it('stores blocks of many sizes with large blocks on disk', async (t) => {
    const { ask, put } = await startFixture(t, { blockSize: 65_536 });
    const content = Buffer.alloc(200_000, 'pattern-');
    await put('/c/large', content);
    assert.ok((await ask('GET', '/c/large')).body.equals(content));
  });
});

describe('hash map upload', () => {
  it('asks for missing blocks, creates nothing, and succeeds once they are there', async (t) => {
    const { ask } = await startFixture(t);
    const map = { headers: TEXT, body: hashmapBody(9, [E.toUpperCase(), D, E].map(String)) };
    const refused = await ask('PUT', '/c/a?hashmap&format=json', map);
    assert.equal(refused.status, 409);
    assert.deepEqual(refused.json(), [E, D]);
    assert.equal((await ask('HEAD', '/c/a')).status, 404);
    const octets = { 'Content-Type': 'application/octet-stream' };
    await ask('POST', '/c?update', { headers: octets, body: 'abcde' });
    const created = await ask('PUT', '/c/a?hashmap&format=json', map);
    assert.equal(created.status, 201);
    const read = (await ask('GET', '/c/a?hashmap&format=json')).json();
    assert.deepEqual(read, { block_size: 4, block_hash: 'sha256', bytes: 9, hashes: [E, D, E] });
    assert.equal((await ask('GET', '/c/a')).text, 'e\0\0\0abcde');
    assert.equal((await ask('HEAD', '/c/a')).headers['content-type'], 'text/plain');
  });

  it('accepts the two maps of an empty object', async (t) => {
    const { ask } = await startFixture(t);
    for (const hashes of [[], [EMPTY_HASH]]) {
      const reply = await ask('PUT', '/c/dir?hashmap', {
        headers: { 'Content-Type': 'application/directory' },
        body: hashmapBody(0, hashes),
      });
      assert.equal(reply.status, 201);
      assert.equal(reply.headers.etag, EMPTY_HASH);
    }
    const map = (await ask('GET', '/c/dir?hashmap&format=json')).json<{ hashes: string[] }>();
    assert.deepEqual(map.hashes, [EMPTY_HASH]);
  });

  it('refuses wrong counts, bad hex and other bodies', async (t) => {
    const { ask, put } = await startFixture(t);
    await put('/c/blocks', 'abcde');
    const bodies = [
      hashmapBody(4, [D, E]),
      hashmapBody(5, [D]),
      hashmapBody(0, [D]),
      hashmapBody(4, ['zz']),
      hashmapBody(-1, []),
      '<object/>',
      '[]',
    ];
    for (const body of bodies) {
      assert.equal((await ask('PUT', '/c/a?hashmap', { headers: TEXT, body })).status, 400, body);
    }
    // The count fits, so nothing notices that the length is wrong.
    const wrong = await ask('PUT', '/c/a?hashmap', { headers: TEXT, body: hashmapBody(7, [D, E]) });
    assert.equal(wrong.status, 201);
    assert.equal((await ask('GET', '/c/a')).text, 'abcde\0\0');
  });

  it('ignores a sent ETag', async (t) => {
    const { ask, put } = await startFixture(t);
    await put('/c/blocks', 'a');
    const headers = { ...TEXT, ETag: 'nonsense' };
    const reply = await ask('PUT', '/c/a?hashmap', { headers, body: hashmapBody(1, [A]) });
    assert.equal(reply.status, 201);
  });
});

describe('ranges', () => {
  const CASES: readonly { range: string; status: number; text?: string; contentRange?: string }[] = [
    { range: 'bytes=0-3', status: 206, text: 'abcd', contentRange: 'bytes 0-3/10' },
    { range: 'bytes=3-5', status: 206, text: 'def', contentRange: 'bytes 3-5/10' },
    { range: 'bytes=8-', status: 206, text: 'ij', contentRange: 'bytes 8-9/10' },
    { range: 'bytes=-3', status: 206, text: 'hij', contentRange: 'bytes 7-9/10' },
    { range: 'bytes=0-10', status: 416 },
    { range: 'bytes=10-', status: 416 },
    { range: 'bytes=-11', status: 416 },
    { range: 'bytes=5-3', status: 200, text: 'abcdefghij' },
    { range: 'bytes=-', status: 200, text: 'abcdefghij' },
    { range: 'lines=1-2', status: 200, text: 'abcdefghij' },
  ];
  for (const { range, status, text, contentRange } of CASES) {
    it(`${range} of ten bytes is ${status}`, async (t) => {
      const { ask, put } = await startFixture(t);
      await put('/c/a', 'abcdefghij');
      const reply = await ask('GET', '/c/a', { headers: { Range: range } });
      assert.equal(reply.status, status);
      if (text !== undefined) assert.equal(reply.text, text);
      assert.equal(reply.headers['content-range'], contentRange);
    });
  }

  it('several ranges are multipart, an empty object has none, If-Range never holds', async (t) => {
    const { ask, put } = await startFixture(t);
    await put('/c/a', 'abcdefghij');
    await put('/c/empty', '');
    const several = await ask('GET', '/c/a', { headers: { Range: 'bytes=0-1,8-9' } });
    assert.equal(several.status, 206);
    assert.match(String(several.headers['content-type']), /^multipart\/byteranges; boundary=/);
    assert.match(
      several.text,
      /Content-Range: bytes 0-1\/10[\s\S]*ab[\s\S]*Content-Range: bytes 8-9\/10[\s\S]*ij/,
    );
    assert.equal((await ask('GET', '/c/empty', { headers: { Range: 'bytes=0-0' } })).status, 416);
    const etag = String((await ask('HEAD', '/c/a')).headers.etag);
    const conditional = await ask('GET', '/c/a', { headers: { Range: 'bytes=0-1', 'If-Range': etag } });
    assert.equal(conditional.status, 200);
  });
});

describe('object metadata', () => {
  it('is replaced by PUT and POST, merged by POST with update', async (t) => {
    const { ask, put } = await startFixture(t);
    await put('/c/a', 'x', { 'X-Object-Meta-One': '1', 'X-Object-Meta-my_key': 'a~b' });
    const head = await ask('HEAD', '/c/a');
    assert.equal(head.headers['x-object-meta-one'], '1');
    assert.equal(head.headers['x-object-meta-my-key'], 'ab');
    const merged = await ask('POST', '/c/a?update', {
      headers: { 'X-Object-Meta-Two': '2', 'X-Object-Meta-One': '' },
    });
    assert.equal(merged.status, 202);
    const after = await ask('HEAD', '/c/a');
    assert.equal(after.headers['x-object-meta-one'], undefined);
    assert.equal(after.headers['x-object-meta-two'], '2');
    assert.equal(after.headers['x-object-hash'], head.headers['x-object-hash']);
    assert.equal(after.headers['x-object-uuid'], head.headers['x-object-uuid']);
    assert.ok(serialOf(after) > serialOf(head));
    await ask('POST', '/c/a', { headers: { 'X-Object-Meta-Three': '3' } });
    const wiped = await ask('HEAD', '/c/a');
    assert.equal(wiped.headers['x-object-meta-two'], undefined);
    assert.equal(wiped.headers['x-object-meta-three'], '3');
    await put('/c/a', 'y');
    assert.equal((await ask('HEAD', '/c/a')).headers['x-object-meta-three'], undefined);
  });

  it('has limits', async (t) => {
    const { put } = await startFixture(t);
    assert.equal((await put('/c/a', 'x', { 'X-Object-Meta-K': 'v'.repeat(256) })).status, 201);
    assert.equal((await put('/c/a', 'x', { 'X-Object-Meta-K': 'v'.repeat(257) })).status, 400);
    assert.equal((await put('/c/a', 'x', { [`X-Object-Meta-${'k'.repeat(129)}`]: 'v' })).status, 400);
    const many = Object.fromEntries(Array.from({ length: 33 }, (_, i) => [`X-Object-Meta-K${i}`, 'v']));
    assert.equal((await put('/c/a', 'x', many)).status, 400);
  });

  it('travels percent-encoded both ways, with types encoded on the way out', async (t) => {
    const { ask, put } = await startFixture(t);
    await put('/c/a', 'x', { 'Content-Type': 'image/svg+xml', 'X-Object-Meta-K': 'caf%C3%A9 50%25' });
    const head = await ask('HEAD', '/c/a');
    assert.equal(head.headers['content-type'], 'image/svg%2Bxml');
    assert.equal(head.headers['x-object-meta-k'], 'caf%C3%A9 50%25');
    assert.equal((await put('/c/b', 'x', { 'X-Object-Meta-K': 'café' })).status, 400);
    await put('/c/b', 'x', { 'X-Object-Meta-Caf%C3%A9': '1' });
    assert.equal((await ask('HEAD', '/c/b')).headers['x-object-meta-caf%c3%a9'], '1');
  });

  it('accepts data through Content-Range', async (t) => {
    const { ask, put } = await startFixture(t);
    await put('/c/a', 'abcdef');
    const octets = { 'Content-Type': 'application/octet-stream' };
    const write = (range: string, body: string) =>
      ask('POST', '/c/a?update', { headers: { ...octets, 'Content-Range': range }, body });
    assert.equal((await write('bytes 2-3/*', 'XY')).status, 204);
    assert.equal((await write('bytes */*', '!')).status, 204);
    assert.equal((await ask('GET', '/c/a')).text, 'abXYef!');
    assert.equal((await write('bytes 99-/*', 'z')).status, 416);
  });
});

describe('names', () => {
  it('keep every byte apart from one lost trailing newline', async (t) => {
    const { ask, put } = await startFixture(t);
    const names = [
      'a b',
      '100%',
      'é',
      'é',
      'a//b',
      '/lead',
      'd',
      'd/',
      'a+b',
      'q?x#y',
      '😀',
      'tab\tx',
      '~',
      '..',
      'x.json',
    ];
    for (const name of names) {
      assert.equal((await put(`/c/${encodeURIComponent(name)}`, name)).status, 201, name);
    }
    for (const name of names) assert.equal((await ask('GET', `/c/${encodeURIComponent(name)}`)).text, name);
    const listed = (await ask('GET', '/c?format=json')).json<{ name: string }[]>().map((entry) => entry.name);
    assert.deepEqual(new Set(listed), new Set(names));
    assert.equal((await put('/c/abc%0A', 'x')).status, 201);
    assert.equal((await ask('HEAD', '/c/abc')).status, 200);
    assert.equal((await put('/c/a%0Ab', 'x')).status, 400);
    assert.equal((await put('/c/abc%0A%0A', 'x')).status, 400);
  });

  it('have limits counted in characters', async (t) => {
    const { ask, put } = await startFixture(t);
    const emoji = encodeURIComponent('😀');
    assert.equal((await put(`/c/${emoji.repeat(1024)}`, 'x')).status, 201);
    assert.equal((await put(`/c/${emoji.repeat(1025)}`, 'x')).status, 400);
    assert.equal((await ask('PUT', `/${'c'.repeat(256)}`)).status, 201);
    assert.equal((await ask('PUT', `/${'c'.repeat(257)}`)).status, 400);
  });
});
