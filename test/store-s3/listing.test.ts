import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { compareNames, toName } from '#core/name.ts';
import { ABSENT } from '#core/state.ts';
import { create, listAll, orderFor, staged } from '#test/conformance/object-store-fixtures.ts';
import { readAll } from '#test/conformance/staged-bytes.ts';
import { s3 } from '#test/support/services.ts';
import { type OpenedS3, openS3, PARTS, putInParts } from './fixtures.ts';

const login = await s3();
const skip = login === null ? 'there is no S3 server here; npm run test:stores builds one' : false;

const open = (t: TestContext): Promise<OpenedS3> => {
  assert.ok(login !== null);
  return openS3(t, login, { versioning: false, unsyncableRawNames: [] });
};

describe('a listing of S3', { skip }, () => {
  it('has directories in the order of names, although their markers are listed later', async (t) => {
    const opened = await open(t);
    const files = ['dir-a', 'dir.txt', 'dir/x', 'dir!', 'other', 'other name.with-all/x', 'other.z', 'z'];
    for (const name of files) await opened.other.put(name, Buffer.from(name));
    const directories = ['dir', 'other name.with-all', 'other name', 'empty'];
    for (const name of directories) await opened.other.putDirectory(name);
    const expected = [...files, ...directories].sort(compareNames);
    for (const limit of [1, 2, 3, 5, 100]) {
      const listed = await listAll(opened.store, limit);
      const names = listed.map(({ rawName }) => rawName);
      assert.deepEqual(names, expected, `pages of ${limit}`);
      for (const { rawName, state } of listed) {
        assert.equal(state.kind, directories.includes(rawName) ? 'directory' : 'file', rawName);
      }
    }
  });

  it('hides what Holdfast keeps for itself, and nothing else of that directory', async (t) => {
    const opened = await open(t);
    await opened.store.tell({ number: 1, serial: orderFor(toName('a'), ABSENT).serial });
    await opened.other.put('.holdfast/of a user', Buffer.from('x'));
    assert.deepEqual(
      (await listAll(opened.store)).map(({ rawName }) => rawName),
      ['.holdfast/of a user'],
    );
  });
});

describe('an object that was uploaded in parts', { skip }, () => {
  const NAME = toName('large');

  it('is left alone and shown, as nothing tells its digest', async (t) => {
    const opened = await open(t);
    await putInParts(opened, NAME, {});
    const [listed] = await listAll(opened.store);
    assert.equal(listed?.state.kind, 'unhandled');
    assert.equal((await opened.store.probe(NAME, opened.identity)).kind, 'unhandled');
    const outcome = await opened.store.pull(
      NAME,
      staged(opened, Buffer.from('ours')),
      orderFor(NAME, ABSENT),
    );
    assert.equal(outcome.result, 'stale');
  });

  it('is a file like others where rclone told its MD5', async (t) => {
    const opened = await open(t);
    const md5 = Buffer.from(opened.hash(PARTS), 'hex').toString('base64');
    await putInParts(opened, NAME, { 'x-amz-meta-md5chksum': md5 });
    const listed = (await listAll(opened.store))[0]?.state;
    assert.ok(listed?.kind === 'file');
    assert.equal(listed.hash, opened.hash(PARTS));
    const outcome = await opened.store.stage(NAME, listed);
    assert.ok(outcome.result === 'staged');
    assert.ok(PARTS.equals(await readAll(outcome.content)));
    const replaced = await opened.store.pull(
      NAME,
      staged(opened, Buffer.from('ours')),
      orderFor(NAME, listed),
    );
    assert.equal(replaced.result, 'applied');
  });
});

describe('a bucket whose ETags are no digests', { skip }, () => {
  it('syncs what tells its MD5 in its metadata', async (t) => {
    const opened = await open(t);
    const store = opened.open({ capabilities: { ...opened.store.capabilities, listsDigests: false } });
    const state = await create({ ...opened, store }, 'ours', Buffer.from('content'));
    await opened.other.put('theirs', Buffer.from('of another tool'));
    const listed = new Map((await listAll(store)).map((object) => [object.rawName, object.state]));
    assert.equal(listed.get('theirs')?.kind, 'unhandled');
    assert.ok(state.kind === 'file');
    assert.deepEqual(await store.probe(toName('ours'), opened.identity), state);
    assert.equal((listed.get('ours') as typeof state).hash, state.hash);
  });
});
