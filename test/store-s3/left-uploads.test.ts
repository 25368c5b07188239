/** Uploads in parts that never ended: ours are dropped when they are old, those of others never. */
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { toName } from '#core/name.ts';
import { toSerial } from '#core/serial.ts';
import { ABSENT } from '#core/state.ts';
import type { HttpClient } from '#libs/http/client.ts';
import { HoldfastError } from '#ports/errors.ts';
import type { ObjectStore } from '#ports/object-store.ts';
import { orderFor, staged } from '#test/conformance/object-store-fixtures.ts';
import { patternBytes } from '#test/conformance/staged-bytes.ts';
import { s3 } from '#test/support/services.ts';
import { type OpenedS3, openS3 } from './fixtures.ts';

const NAME = toName('dir/large.bin');
const DAY_MS = 86_400_000;
const login = await s3();

/** A store whose last request of an upload never gets through, so that all parts are there and no object is. */
function unable(opened: OpenedS3, pairId: string): ObjectStore {
  const http: HttpClient = {
    request: async (request) => {
      if (opened.large?.isLast(request)) throw new HoldfastError('store-unreachable', 'cut');
      return opened.http.request(request);
    },
    close: async () => undefined,
  };
  return opened.open({ http, pairId });
}

async function leave(opened: OpenedS3, pairId: string): Promise<void> {
  const bytes = patternBytes(6 * 1024 * 1024, 1);
  const pulled = unable(opened, pairId).pull(NAME, staged(opened, bytes), orderFor(NAME, ABSENT));
  await assert.rejects(pulled, { code: 'store-unreachable' });
}

async function openUploads({ other }: OpenedS3): Promise<number> {
  const { text } = await other.send({ method: 'GET', key: null, query: 'uploads=' });
  return [...text.matchAll(/<UploadId>/g)].length;
}

const records = async ({ other }: OpenedS3): Promise<string[]> =>
  (await other.keys()).filter((key) => key.startsWith('.holdfast/upload-'));

describe('uploads in parts that never ended', {
  skip: login === null ? 'there is no S3 server here' : false,
}, () => {
  const open = (t: TestContext): Promise<OpenedS3> =>
    openS3(t, login!, { versioning: true, unsyncableRawNames: [] });

  it('stay while they are young, and go when they are old; those of others stay', async (t) => {
    const opened = await open(t);
    await leave(opened, 'pair-1');
    await leave(opened, 'pair-2');
    await opened.other.send({ method: 'POST', key: NAME, query: 'uploads=' });
    assert.equal(await openUploads(opened), 3);
    await opened.store.dropLeftUploads(Date.now() - DAY_MS);
    assert.deepEqual([await openUploads(opened), (await records(opened)).length], [3, 2]);
    await opened.store.dropLeftUploads(Date.now() + DAY_MS);
    assert.equal(await openUploads(opened), 2);
    const left = await records(opened);
    assert.ok(left.length === 1 && left[0]?.includes('pair-2'));
    assert.deepEqual((await opened.store.list(null, 10)).objects, []);
  });

  it('of an earlier order go when a later one begins, and none is left when it ends', async (t) => {
    const opened = await open(t);
    await leave(opened, 'pair-1');
    const bytes = patternBytes(6 * 1024 * 1024, 2);
    const order = orderFor(NAME, ABSENT, { serial: toSerial(2n) });
    assert.equal((await opened.store.pull(NAME, staged(opened, bytes), order)).result, 'applied');
    assert.deepEqual([await openUploads(opened), await records(opened)], [0, []]);
  });

  it('go with the pair', async (t) => {
    const opened = await open(t);
    await leave(opened, 'pair-1');
    await opened.store.detach();
    assert.deepEqual([await openUploads(opened), await records(opened)], [0, []]);
  });
});
