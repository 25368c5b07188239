import assert from 'node:assert/strict';
import { it, type TestContext } from 'node:test';
import { toName } from '#core/name.ts';
import { ABSENT } from '#core/state.ts';
import type { HttpClient, HttpRequest } from '#libs/http/client.ts';
import { HoldfastError } from '#ports/errors.ts';
import {
  assertApplied,
  bytesAt,
  create,
  namesIn,
  orderFor,
  staged,
} from '#test/conformance/object-store-fixtures.ts';
import { s3 } from '#test/support/services.ts';
import { type OpenedS3, openS3, PARTS, putInParts } from './fixtures.ts';

const login = await s3();
const skip = login === null ? 'there is no S3 server here; npm run test:stores builds one' : false;
const OLD_NAME = toName('docs/before.txt');
const NAME = toName('moved/after.txt');
const OLD = Buffer.from('old content');
const THEIRS = Buffer.from('of another writer');

const open = (t: TestContext): Promise<OpenedS3> => {
  assert.ok(login !== null);
  return openS3(t, login, { versioning: true, unsyncableRawNames: [] });
};

async function withTwin(t: TestContext) {
  const opened = await open(t);
  const state = await create(opened, OLD_NAME, OLD);
  assert.ok(state.kind === 'file');
  const { size, hash, version } = state;
  return { opened, twin: { name: OLD_NAME, size, hash, version } };
}

const isCopy = ({ headers }: HttpRequest): boolean => headers?.['x-amz-copy-source'] !== undefined;

/** The client with something beside its first copy; `sent` has what was sent in bodies. */
function besideCopies(http: HttpClient, work: { before?(): Promise<void>; after?(): void }) {
  const sent = { bytes: 0 };
  let copies = 0;
  const client: HttpClient = {
    async request(request) {
      if (isCopy(request)) copies += 1;
      const isFirst = isCopy(request) && copies === 1;
      if (isFirst) await work.before?.();
      else if (!isCopy(request)) sent.bytes += Number(request.headers?.['content-length'] ?? 0);
      const response = await http.request(request);
      if (isFirst) work.after?.();
      return response;
    },
    close: () => http.close(),
  };
  return { client, sent };
}

it('sends no byte of content that moved here, and rescues what slipped in before the copy', {
  skip,
}, async (t) => {
  const { opened, twin } = await withTwin(t);
  const { client, sent } = besideCopies(opened.http, { before: () => opened.other.put(NAME, THEIRS) });
  const store = opened.open({ http: client });
  const outcome = await store.pull(NAME, staged(opened, OLD), orderFor(NAME, ABSENT), twin);
  assertApplied(outcome);
  assert.equal(outcome.copiedFrom, OLD_NAME);
  assert.equal(sent.bytes, 0);
  assert.equal(await bytesAt(opened, NAME), OLD.toString());
  const [copy] = outcome.conflictCopies;
  assert.ok(copy !== undefined);
  assert.equal(await bytesAt(opened, copy), THEIRS.toString());
});

it('rescues what a copy displaced whose answer was lost', { skip }, async (t) => {
  const { opened, twin } = await withTwin(t);
  const lost = new HoldfastError('store-unreachable', 'the worker was killed');
  let isDead = false;
  const { client } = besideCopies(opened.http, {
    before: () => opened.other.put(NAME, THEIRS),
    after: () => {
      isDead = true;
    },
  });
  const dying: HttpClient = {
    request: async (request) => {
      if (isDead) throw lost;
      const response = await client.request(request);
      if (!isDead) return response;
      await response.discard();
      throw lost;
    },
    close: () => client.close(),
  };
  const order = orderFor(NAME, ABSENT);
  await assert.rejects(opened.open({ http: dying }).pull(NAME, staged(opened, OLD), order, twin), lost);
  const outcome = await opened.second.pull(NAME, staged(opened, OLD), order, twin);
  assertApplied(outcome);
  const [copy] = outcome.conflictCopies;
  assert.ok(copy !== undefined);
  assert.equal(await bytesAt(opened, copy), THEIRS.toString());
  assert.deepEqual((await namesIn(opened)).sort(), [OLD_NAME, NAME, copy].sort());
});

it('copies what was uploaded in parts, where its MD5 was told', { skip }, async (t) => {
  const opened = await open(t);
  const hash = opened.hash(PARTS);
  const md5 = Buffer.from(hash, 'hex').toString('base64');
  await putInParts(opened, OLD_NAME, { 'x-amz-meta-md5chksum': md5 });
  const { client, sent } = besideCopies(opened.http, {});
  const store = opened.open({ http: client });
  const twin = { name: OLD_NAME, size: PARTS.length, hash, version: null };
  const outcome = await store.pull(NAME, staged(opened, PARTS), orderFor(NAME, ABSENT), twin);
  assertApplied(outcome);
  assert.equal(outcome.copiedFrom, OLD_NAME);
  assert.equal(sent.bytes, 0);
  assert.deepEqual(await opened.store.probe(NAME, opened.identity), outcome.state);
});

it('asks for versions once for many that move at the same time', { skip }, async (t) => {
  const opened = await open(t);
  const bytes = (index: number): Buffer => Buffer.from(`content ${index}`);
  const files = await Promise.all(
    Array.from({ length: 12 }, async (_, index) => {
      const [from, to] = [toName(`old/${index}`), toName(`new/${index}`)];
      return { from, to, content: bytes(index), state: await create(opened, from, bytes(index)) };
    }),
  );
  let looks = 0;
  const counting: HttpClient = {
    request: (request) => {
      if (request.url.includes('versions=')) looks += 1;
      return opened.http.request(request);
    },
    close: () => opened.http.close(),
  };
  const store = opened.open({ http: counting });
  await Promise.all(
    files.map(async ({ from, to, content, state }) => {
      assert.ok(state.kind === 'file');
      const { size, hash, version } = state;
      const twin = { name: from, size, hash, version };
      assertApplied(await store.pull(to, staged(opened, content), orderFor(to, ABSENT), twin));
      assertApplied(await store.remove(from, orderFor(from, state)));
    }),
  );
  // Alone, each of them asks before and after its copy and its removal.
  assert.ok(looks <= files.length * 3, `${looks} listings of versions`);
  assert.deepEqual((await namesIn(opened)).sort(), files.map(({ to }) => to).sort());
});
