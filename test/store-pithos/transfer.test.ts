/** Bytes up and down: blocks sent once, versions pinned, damage noticed, and what both ETag modes change. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Name, toName } from '#core/name.ts';
import { ABSENT } from '#core/state.ts';
import { planBlocks, uploadBlocks } from '#libs/store-pithos/upload.ts';
import { StaleContent } from '#ports/content.ts';
import {
  assertApplied,
  bytesAt,
  create,
  listAll,
  orderFor,
  staged,
} from '#test/conformance/object-store-fixtures.ts';
import { patternBytes, readAll, stageDirectory } from '#test/conformance/staged-bytes.ts';
import { openPithos } from './open-pithos.ts';

const NAME: Name = toName('dir/50% "off" – Ωmega.txt');
const BLOCK = 64 * 1024;

it('shows nothing at the names of its own objects, in a listing or by themselves', async (t) => {
  const opened = await openPithos(t);
  const names = ['.holdfast-delete/0123-directory', '.holdfast-probe/1', 'a.pithos_staged_for_deletion'];
  for (const name of names) await opened.other.put(name, Buffer.from('private'));
  assert.deepEqual(await listAll(opened.store), []);
  for (const name of names) {
    assert.deepEqual(await opened.store.probe(toName(name), opened.identity), ABSENT);
  }
});

describe('upload', () => {
  it('sends no block that the store has', async (t) => {
    const opened = await openPithos(t, { blockSize: BLOCK });
    const bytes = patternBytes(3 * BLOCK + 17, 1);
    await create(opened, 'first', bytes);
    opened.server.control.resetStats();
    await create(opened, 'second', bytes);
    assert.ok(opened.server.control.stats().bytesIn < 1024);
  });

  it('sends a repeated block once and many blocks in few requests', async (t) => {
    const opened = await openPithos(t, { blockSize: BLOCK });
    const block = patternBytes(BLOCK, 2);
    const bytes = Buffer.concat([
      block,
      block,
      patternBytes(BLOCK, 3),
      block,
      Buffer.alloc(BLOCK),
      Buffer.alloc(9),
    ]);
    opened.server.control.resetStats();
    await create(opened, NAME, bytes);
    const { bytesIn, byMethod } = opened.server.control.stats();
    assert.equal(byMethod['POST'], 1);
    assert.ok(bytesIn < 3 * BLOCK);
    assert.ok(bytes.equals((await opened.other.get(NAME)) ?? Buffer.alloc(0)));
  });

  it('does not believe a store that received other blocks', async (t) => {
    const opened = await openPithos(t);
    const content = staged(opened, Buffer.from('abc'));
    const plan = await planBlocks(content, BLOCK);
    const damaging = { postBlocks: () => Promise.resolve(['0'.repeat(64)]) };
    await assert.rejects(uploadBlocks(damaging, content, plan, plan.hashes), { code: 'content-mismatch' });
  });

  it('keeps contents apart that differ in trailing NULs only', async (t) => {
    const opened = await openPithos(t);
    const short = await create(opened, NAME, Buffer.from('abc'));
    const outcome = await opened.store.pull(
      NAME,
      staged(opened, Buffer.from('abc\0')),
      orderFor(NAME, short),
    );
    assertApplied(outcome);
    assert.ok(outcome.state.kind === 'file' && outcome.state.size === 4);
    assert.deepEqual(await opened.other.get(NAME), new Uint8Array(Buffer.from('abc\0')));
  });

  it('takes an empty file and a directory for different things', async (t) => {
    const opened = await openPithos(t);
    const file = await create(opened, NAME, new Uint8Array());
    const asDirectory = await opened.store.pull(NAME, stageDirectory(), orderFor(NAME, ABSENT));
    assert.equal(asDirectory.result, 'stale');
    assert.deepEqual(await opened.store.probe(NAME, opened.identity), file);
  });

  it('works where ETags are MD5', async (t) => {
    const opened = await openPithos(t);
    await opened.store.pull(NAME, staged(opened, Buffer.from('one')), orderFor(NAME, ABSENT));
    opened.server.control.set({ md5Mode: true });
    const base = await create(opened, 'other.txt', Buffer.from('one'));
    const other = toName('other.txt');
    const replaced = await opened.store.pull(
      other,
      staged(opened, Buffer.from('two')),
      orderFor(other, base),
    );
    assertApplied(replaced);
    assertApplied(await opened.store.remove(other, orderFor(other, replaced.state)));
  });

  it('keeps the time that rclone writes and reads', async (t) => {
    const opened = await openPithos(t);
    const content = staged(opened, Buffer.from('x'), { mtimeNs: 1_700_000_000_000_000_009n, mode: 0o755 });
    assertApplied(await opened.store.pull(NAME, content, orderFor(NAME, ABSENT)));
    const path = NAME.split('/').map(encodeURIComponent).join('/');
    const url = `${opened.server.url}/${opened.account}/${encodeURIComponent(opened.container)}/${path}`;
    const response = await fetch(url, { method: 'HEAD', headers: { 'x-auth-token': opened.secret.token } });
    assert.equal(response.headers.get('x-object-meta-mtime'), '1700000000.000000009');
    assert.equal(response.headers.get('x-object-meta-mode'), '100755');
  });
});

describe('download', () => {
  it('gives one version, whole, while the object is replaced', async (t) => {
    const opened = await openPithos(t, { blockSize: BLOCK });
    const bytes = Buffer.from(patternBytes(5 * BLOCK + 1, 4));
    const state = await create(opened, NAME, bytes);
    const outcome = await opened.store.stage(NAME, state);
    assert.ok(outcome.result === 'staged' && outcome.content.kind === 'file');
    const chunks: Uint8Array[] = [];
    for await (const chunk of outcome.content.read()) {
      chunks.push(chunk);
      await opened.other.put(NAME, patternBytes(5 * BLOCK + 1, chunks.length + 5));
    }
    assert.ok(bytes.equals(Buffer.concat(chunks)));
  });

  it('is stale where replaced versions are not kept', async (t) => {
    const opened = await openPithos(t, { versioning: false });
    const state = await create(opened, NAME, Buffer.from('old'));
    const outcome = await opened.store.stage(NAME, state);
    assert.ok(outcome.result === 'staged');
    await opened.other.put(NAME, Buffer.from('new'));
    await assert.rejects(readAll(outcome.content), StaleContent);
  });

  for (const action of ['corrupt-body', 'truncate-body'] as const) {
    it(`hands out no byte of a block that arrives damaged (${action})`, async (t) => {
      const opened = await openPithos(t, { blockSize: BLOCK });
      const state = await create(opened, NAME, patternBytes(BLOCK, 9));
      const outcome = await opened.store.stage(NAME, state);
      assert.ok(outcome.result === 'staged' && outcome.content.kind === 'file');
      opened.server.control.inject({ action, method: 'GET', count: -1 });
      const chunks: Uint8Array[] = [];
      const read = async (content = outcome.content): Promise<void> => {
        assert.ok(content.kind === 'file');
        for await (const chunk of content.read()) chunks.push(chunk);
      };
      await assert.rejects(read(), { grade: 'transient' });
      assert.deepEqual(chunks, []);
      opened.server.control.clearRules();
      await read();
      assert.equal(Buffer.concat(chunks).length, BLOCK);
    });
  }
});

describe('listing', () => {
  it('goes on to an empty page where the server cuts pages short', async (t) => {
    const opened = await openPithos(t);
    opened.server.control.setPageCap(10);
    opened.server.control.transaction(() => {
      for (let index = 0; index < 105; index += 1) {
        opened.server.control.putObject(opened.account, opened.container, `file-${1000 + index}`, 'x');
      }
    });
    const listed = await listAll(opened.store, 10_000);
    assert.equal(new Set(listed.map((object) => object.rawName)).size, 105);
  });
});

describe('a container without versions', () => {
  it('is shown as an unprotected window and gives no recovery pointers', async (t) => {
    const opened = await openPithos(t, { versioning: false });
    assert.equal(opened.store.capabilities.unprotectedWindow, true);
    const base = await create(opened, NAME, Buffer.from('old'));
    const outcome = await opened.store.pull(NAME, staged(opened, Buffer.from('new')), orderFor(NAME, base));
    assertApplied(outcome);
    assert.equal(outcome.recovery, null);
    assert.equal(await bytesAt(opened, NAME), 'new');
    assertApplied(await opened.store.remove(NAME, orderFor(NAME, outcome.state)));
  });
});
