/** What only Swift's segments do: they are shared, come to an end while nothing names them, and tell nothing by a stranger. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, it } from 'node:test';
import { toName } from '#core/name.ts';
import { ABSENT } from '#core/state.ts';
import type { HttpClient } from '#libs/http/client.ts';
import { HoldfastError } from '#ports/errors.ts';
import type { ObjectStore } from '#ports/object-store.ts';
import { assertApplied, orderFor, staged } from '#test/conformance/object-store-fixtures.ts';
import { patternBytes } from '#test/conformance/staged-bytes.ts';
import { swift } from '#test/support/services.ts';
import { type OpenedSwift, openSwift } from './fixtures.ts';
import { rawPath } from './raw-swift.ts';

const NAME = toName('dir/large.bin');
const login = await swift();

/** A client that counts the segments that arrive, and may lose the request that names them. */
function counting(opened: OpenedSwift, losesManifest = false): { http: HttpClient; sent: string[] } {
  const { large } = opened;
  assert.ok(large !== undefined);
  const sent: string[] = [];
  const request: HttpClient['request'] = async (asked) => {
    if (losesManifest && large.isLast(asked)) throw new HoldfastError('store-unreachable', 'cut');
    const response = await opened.http.request(asked);
    const part = large.partOf(asked);
    if (part !== null && response.status === 201) sent.push(part);
    return response;
  };
  return { http: { request, close: async () => undefined }, sent };
}

function storeOf({ large }: OpenedSwift, http: HttpClient): ObjectStore {
  assert.ok(large !== undefined);
  return large.open(http);
}

/** When a segment of this content ends; null: never. */
async function endOf(opened: OpenedSwift, bytes: Uint8Array): Promise<number | null> {
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  const { storageUrl, token } = opened.other;
  const url = `${storageUrl}/${encodeURIComponent(`${opened.container}+holdfast-segments`)}/pair-1/${sha256}`;
  const { status, headers } = await fetch(url, { method: 'HEAD', headers: { 'x-auth-token': token } });
  assert.equal(status, 200);
  return headers.get('x-delete-at') === null ? null : Number(headers.get('x-delete-at')) * 1000;
}

describe('large content on Swift', { skip: login === null ? 'there is no Swift here' : false }, () => {
  const partBytes = 256 * 1024;

  it('sends of a changed file only what changed, and equal parts once', async (t) => {
    const opened = await openSwift(t, login!, true);
    const bytes = Buffer.concat([Buffer.alloc(3 * partBytes), patternBytes(2 * partBytes, 1)]);
    const first = counting(opened);
    const made = await storeOf(opened, first.http).pull(NAME, staged(opened, bytes), orderFor(NAME, ABSENT));
    assertApplied(made);
    assert.equal(first.sent.length, 3);
    const changed = Buffer.from(bytes);
    changed.writeUInt8(changed.readUInt8(changed.length - 1) ^ 1, changed.length - 1);
    const second = counting(opened);
    const replaced = await storeOf(opened, second.http).pull(
      NAME,
      staged(opened, changed),
      orderFor(NAME, made.state),
    );
    assertApplied(replaced);
    assert.equal(second.sent.length, 1);
    const there = await opened.other.get(NAME);
    assert.ok(there !== null && Buffer.compare(there, changed) === 0);
  });

  it('comes to an end where no manifest names it, and never once one did', async (t) => {
    const opened = await openSwift(t, login!, true);
    const kept = patternBytes(partBytes, 1);
    const bytes = Buffer.concat([kept, patternBytes(partBytes, 2)]);
    const pull = (http: HttpClient, content: Uint8Array, name = NAME) =>
      storeOf(opened, http).pull(name, staged(opened, content), orderFor(name, ABSENT));
    const lost = counting(opened, true);
    await assert.rejects(pull(lost.http, bytes), { code: 'store-unreachable' });
    assertApplied(await pull(opened.http, bytes));
    assert.equal(await endOf(opened, kept), null);
    // Another file with the same part, of which nothing comes.
    const other = Buffer.concat([kept, patternBytes(partBytes, 3)]);
    const killed = counting(opened, true);
    const request: HttpClient['request'] = (asked) => {
      if (asked.method === 'POST') throw new HoldfastError('store-unreachable', 'cut');
      return killed.http.request(asked);
    };
    await assert.rejects(pull({ ...killed.http, request }, other, toName('other')), {
      code: 'store-unreachable',
    });
    assert.equal(await endOf(opened, kept), null);
    const end = await endOf(opened, other.subarray(partBytes));
    assert.ok(end !== null && end > Date.now() + 20 * 3_600_000 && end < Date.now() + 30 * 3_600_000);
  });

  it('is copied as what it is to where it moved', async (t) => {
    const opened = await openSwift(t, login!, true);
    const bytes = patternBytes(3 * partBytes, 1);
    const state = await storeOf(opened, opened.http).pull(
      NAME,
      staged(opened, bytes),
      orderFor(NAME, ABSENT),
    );
    assertApplied(state);
    const worker = counting(opened);
    const moved = toName('moved.bin');
    const twin = { name: NAME, version: null, size: bytes.length, hash: opened.hash(bytes) };
    const outcome = await storeOf(opened, worker.http).pull(
      moved,
      staged(opened, bytes),
      orderFor(moved, ABSENT),
      twin,
    );
    assertApplied(outcome);
    assert.deepEqual([outcome.copiedFrom, worker.sent], [NAME, []]);
    assert.deepEqual(await opened.store.probe(moved, opened.identity), outcome.state);
    const { headers } = await opened.other.send('HEAD', rawPath(moved));
    assert.equal(headers['x-static-large-object'], 'True');
  });

  it('is left alone where others made the manifest, whatever they say of it', async (t) => {
    const opened = await openSwift(t, login!, true);
    assertApplied(
      await storeOf(opened, opened.http).pull(
        NAME,
        staged(opened, patternBytes(2 * partBytes, 1)),
        orderFor(NAME, ABSENT),
      ),
    );
    const { headers } = await opened.other.send('HEAD', rawPath(NAME));
    const said = { 'x-object-meta-holdfast-md5': String(headers['x-object-meta-holdfast-md5']) };
    await opened.other.put('theirs', Buffer.from('part'));
    const manifest = Buffer.from(JSON.stringify([{ path: `/${opened.container}/theirs` }]));
    const put = await opened.other.send('PUT', `${rawPath('forged')}?multipart-manifest=put`, said, manifest);
    assert.equal(put.status, 201);
    assert.equal((await opened.store.probe(toName('forged'), opened.identity)).kind, 'unhandled');
    const listed = (await opened.store.list(null, 10)).objects.find(({ rawName }) => rawName === 'forged');
    assert.equal(listed?.state.kind, 'unhandled');
  });
});
