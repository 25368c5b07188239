import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join, resolve as resolvePath } from 'node:path';
import { after, describe, it } from 'node:test';
import { promisify } from 'node:util';
import { toName } from '#core/name.ts';
import { ABSENT } from '#core/state.ts';
import type { RunningSwift } from '#libs/services/swift.ts';
import {
  assertApplied,
  bytesAt,
  create,
  listAll,
  orderFor,
  staged,
} from '#test/conformance/object-store-fixtures.ts';
import { ownSwift } from '#test/support/services.ts';
import { hooked, openSwift } from './fixtures.ts';

const AIO = resolvePath(import.meta.dirname, '../../scripts/swift-aio.sh');
const NAME = toName('file.txt');
const OLD = Buffer.from('old content');
const NEW = Buffer.from('the new content');
const THEIRS = Buffer.from('of another writer');

describe('Swift under faults', async () => {
  const own = await ownSwift({ after });
  const skip = own === null ? 'there is no Swift here' : false;

  it('tells the truth about names while the listing is behind', { skip }, async (t) => {
    assert.ok(own !== null);
    const opened = await openSwift(t, own, false);
    const { store, other, identity } = opened;
    for (const name of ['removed', 'replaced']) await other.put(name, OLD);
    own.freezeContainerServer();
    try {
      await other.put('created', NEW);
      await other.put('replaced', NEW);
      await other.remove('removed');
      assert.deepEqual(await bytesAt(opened, 'replaced'), NEW.toString());
      assert.equal((await store.probe(toName('replaced'), identity)).kind, 'file');
    } finally {
      await replaceContainerServer(own);
    }
    const listed = (await listAll(store)).map((object) => object.rawName);
    assert.deepEqual(listed, ['removed', 'replaced'], 'the listing is behind');
    assert.deepEqual(await store.probe(toName('removed'), identity), ABSENT);
    assert.equal((await store.probe(toName('created'), identity)).kind, 'file');
    const replaced = await store.probe(toName('replaced'), identity);
    assert.ok(replaced.kind === 'file' && replaced.hash === opened.hash(NEW));
    await own.settle();
    assert.deepEqual(
      (await listAll(store)).map((object) => object.rawName),
      ['created', 'replaced'],
    );
  });

  it('does not judge a commit while the history is behind, but when it is repeated', { skip }, async (t) => {
    assert.ok(own !== null);
    const opened = await openSwift(t, own, true);
    const order = orderFor(NAME, await create(opened, NAME, OLD));
    let isWritten = false;
    const http = hooked(opened.http, async ({ method }) => {
      if (method === 'PUT') {
        await opened.other.put(NAME, THEIRS);
        own.freezeContainerServer();
        isWritten = true;
      } else if (isWritten) {
        isWritten = false;
        await replaceContainerServer(own);
      }
    });
    const behind = opened.open(http).pull(NAME, staged(opened, NEW), order);
    await assert.rejects(behind, { code: 'store-unavailable' });
    await own.settle();
    const outcome = await opened.store.pull(NAME, staged(opened, NEW), order);
    assertApplied(outcome);
    const [copy] = outcome.conflictCopies;
    assert.ok(copy !== undefined);
    assert.equal(await bytesAt(opened, copy), THEIRS.toString());
  });

  it('logs in again when the store forgot all tokens', { skip }, async (t) => {
    assert.ok(own !== null);
    const opened = await openSwift(t, own, true);
    const base = await create(opened, NAME, OLD);
    let logins = 0;
    const http = hooked(opened.http, async ({ url }) => {
      if (url === own.authUrl) logins += 1;
    });
    const store = opened.open(http);
    await store.container();
    await forgetTokens(own.port + 4);
    const outcome = await store.pull(NAME, staged(opened, NEW), orderFor(NAME, base));
    assertApplied(outcome);
    assert.equal(logins, 2);
    await forgetTokens(own.port + 4);
    await Promise.all(Array.from({ length: 6 }, () => store.probe(NAME, opened.identity)));
    assert.equal(logins, 3);
    await opened.other.login();
  });
});

/** Ends the frozen server with all requests that wait in it, and starts a new one on the same data. */
async function replaceContainerServer(own: RunningSwift): Promise<void> {
  process.kill(-Number(readFileSync(join(own.dir, 'run', 'container.pid'), 'utf8')), 'SIGKILL');
  await promisify(execFile)('/bin/sh', [AIO, 'start', own.dir, String(own.port)]);
}

function forgetTokens(memcachedPort: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect(memcachedPort, '127.0.0.1', () => socket.write('flush_all\r\n'));
    socket.once('error', reject);
    socket.once('data', () => {
      socket.end();
      resolve();
    });
  });
}
