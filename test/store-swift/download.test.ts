import assert from 'node:assert/strict';
import { it } from 'node:test';
import { toName } from '#core/name.ts';
import { create } from '#test/conformance/object-store-fixtures.ts';
import { patternBytes, readAll } from '#test/conformance/staged-bytes.ts';
import { swift } from '#test/support/services.ts';
import { openSwift } from './fixtures.ts';

const login = await swift();
const skip = login === null ? 'there is no Swift here' : false;
const NAME = toName('file');

async function* flipped(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let isFirst = true;
  for await (const chunk of body) {
    const copy = Uint8Array.from(chunk);
    if (isFirst) copy[0] = (copy[0] ?? 0) ^ 1;
    isFirst = false;
    yield copy;
  }
}

async function* shortened(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  for await (const chunk of body) yield chunk.subarray(1);
}

for (const [title, damage] of [
  ['other bytes', flipped],
  ['too few bytes', shortened],
] as const) {
  it(`never hands out the last chunk of ${title} than were stored`, { skip }, async (t) => {
    assert.ok(login !== null);
    const opened = await openSwift(t, login, true);
    const bytes = patternBytes(300_000, 9);
    const state = await create(opened, NAME, bytes);
    const store = opened.open({
      close: () => opened.http.close(),
      request: async (message) => {
        const response = await opened.http.request(message);
        return message.url.includes('version-id=') ? { ...response, body: damage(response.body) } : response;
      },
    });
    const outcome = await store.stage(NAME, state);
    assert.ok(outcome.result === 'staged' && outcome.content.kind === 'file');
    let received = 0;
    const reading = async () => {
      assert.ok(outcome.result === 'staged' && outcome.content.kind === 'file');
      for await (const chunk of outcome.content.read()) received += chunk.length;
    };
    await assert.rejects(reading(), { code: 'content-mismatch' });
    assert.ok(received < bytes.length);
  });
}

for (const versioned of [true, false]) {
  it(`leaves symlinks alone in a ${versioned ? 'versioned' : 'plain'} container`, { skip }, async (t) => {
    assert.ok(login !== null);
    const opened = await openSwift(t, login, versioned);
    await opened.other.put('target', Buffer.from('content'));
    const target = `${encodeURIComponent(opened.container)}/target`;
    const made = await opened.other.send('PUT', '/file', { 'x-symlink-target': target }, new Uint8Array());
    assert.equal(made.status, 201);
    const state = await opened.store.probe(NAME, opened.identity);
    if (!versioned) {
      assert.equal(state.kind, 'unhandled');
      return;
    }
    const outcome = await opened.store.stage(NAME, state);
    assert.ok(outcome.result === 'staged');
    await assert.rejects(readAll(outcome.content), { code: 'store-refused' });
  });
}
