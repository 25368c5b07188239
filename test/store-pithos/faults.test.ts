/** Faults of network, server and credentials: outcomes that are unknown, and absence that is not proved. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Name, toName } from '#core/name.ts';
import { ABSENT } from '#core/state.ts';
import { createSessions } from '#libs/store-pithos/auth.ts';
import { HoldfastError } from '#ports/errors.ts';
import type { ObjectStore } from '#ports/object-store.ts';
import { assertApplied, bytesAt, create, orderFor, staged } from '#test/conformance/object-store-fixtures.ts';
import { stageDirectory } from '#test/conformance/staged-bytes.ts';
import { openPithos } from './open-pithos.ts';

const NAME: Name = toName('dir/file.txt');
const OLD = Buffer.from('old content');
const NEW = Buffer.from('new content');

describe('an unknown outcome', () => {
  for (const action of ['500-after-commit', 'drop-after-commit'] as const) {
    it(`of a create is looked up after ${action}`, async (t) => {
      const opened = await openPithos(t);
      await opened.other.put('elsewhere', NEW);
      opened.server.control.inject({ action, kind: 'object.put-hashmap' });
      const outcome = await opened.store.pull(NAME, staged(opened, NEW), orderFor(NAME, ABSENT));
      assertApplied(outcome);
      assert.deepEqual(outcome.conflictCopies, []);
      assert.deepEqual(await opened.store.probe(NAME, opened.identity), outcome.state);
    });

    it(`of a replace is looked up after ${action}`, async (t) => {
      const opened = await openPithos(t);
      const base = await create(opened, NAME, OLD);
      await opened.other.put('elsewhere', NEW);
      opened.server.control.inject({ action, kind: 'object.put-hashmap' });
      const outcome = await opened.store.pull(NAME, staged(opened, NEW), orderFor(NAME, base));
      assertApplied(outcome);
      assert.ok(base.kind === 'file');
      assert.equal(outcome.recovery?.locator, base.version);
    });

    it(`of a move aside is looked up after ${action}`, async (t) => {
      const opened = await openPithos(t);
      const base = await create(opened, NAME, OLD);
      opened.server.control.inject({ action, method: 'MOVE' });
      assertApplied(await opened.store.remove(NAME, orderFor(NAME, base)));
      assert.deepEqual(await opened.allNames(), []);
    });

    it(`of the last delete is settled by the repeat after ${action}`, async (t) => {
      const opened = await openPithos(t);
      const order = orderFor(NAME, await create(opened, NAME, OLD));
      opened.server.control.inject({ action, method: 'DELETE' });
      await assert.rejects(opened.store.remove(NAME, order), HoldfastError);
      assertApplied(await opened.store.remove(NAME, order));
      assert.deepEqual(await opened.allNames(), []);
    });
  }

  it('stays a failure when nothing was written', async (t) => {
    const opened = await openPithos(t);
    opened.server.control.inject({ action: 'status', status: 500, kind: 'object.put-hashmap' });
    const pulled = opened.store.pull(NAME, staged(opened, NEW), orderFor(NAME, ABSENT));
    await assert.rejects(pulled, { code: 'store-unavailable' });
    assert.equal(await bytesAt(opened, NAME), null);
  });

  it('that cannot be looked up is settled by the repeat', async (t) => {
    const opened = await openPithos(t);
    await opened.other.put('elsewhere', NEW);
    opened.server.control.inject({ action: '500-after-commit', kind: 'object.put-hashmap' });
    opened.server.control.inject({ action: 'drop-before', method: 'HEAD', count: -1 });
    const order = orderFor(NAME, ABSENT);
    await assert.rejects(opened.store.pull(NAME, staged(opened, NEW), order), { code: 'store-unreachable' });
    opened.server.control.clearRules();
    assertApplied(await opened.store.pull(NAME, staged(opened, NEW), order));
  });

  it('of a block upload leaves nothing visible', async (t) => {
    const opened = await openPithos(t);
    opened.server.control.inject({ action: 'corrupt-body', kind: 'block.upload' });
    const order = orderFor(NAME, ABSENT);
    await assert.rejects(opened.store.pull(NAME, staged(opened, NEW), order), { grade: 'transient' });
    assert.equal(await bytesAt(opened, NAME), null);
    assertApplied(await opened.store.pull(NAME, staged(opened, NEW), order));
    assert.equal(await bytesAt(opened, NAME), NEW.toString());
  });
});

describe('credentials', () => {
  it('are read again when a token is refused in the middle', async (t) => {
    const opened = await openPithos(t);
    const base = await create(opened, NAME, OLD);
    opened.server.control.renewToken(opened.account, 'token-2');
    opened.secret.token = 'token-2';
    assertApplied(await opened.store.pull(NAME, staged(opened, NEW), orderFor(NAME, base)));
  });

  it('are logged in with once for many requests that were refused together', async (t) => {
    const opened = await openPithos(t);
    await create(opened, NAME, OLD);
    const before = opened.countOf('identity');
    opened.server.control.renewToken(opened.account, 'token-2');
    opened.secret.token = 'token-2';
    await Promise.all(Array.from({ length: 8 }, () => opened.store.probe(NAME, opened.identity)));
    assert.equal(opened.countOf('identity'), before + 1);
  });

  it('may be a user id with a token', async (t) => {
    const opened = await openPithos(t);
    const storeOf = (user: string): ObjectStore => {
      const { http, server, secret } = opened;
      const sessions = createSessions(http, server.authUrl, async () => ({ user, token: secret.token }));
      return opened.openStore({ sessions });
    };
    assert.equal((await storeOf(opened.account).container()).identity, opened.identity);
    await assert.rejects(storeOf('somebody-else').container(), { code: 'credentials-refused' });
  });

  it('that stay refused disable the pair and never read as absence', async (t) => {
    const opened = await openPithos(t);
    const base = await create(opened, NAME, OLD);
    const order = orderFor(NAME, base);
    opened.server.control.expireToken(opened.secret.token);
    const refused = { code: 'credentials-refused' };
    await assert.rejects(opened.store.probe(NAME, opened.identity), refused);
    await assert.rejects(opened.store.list(null, 10), refused);
    await assert.rejects(opened.store.container(), refused);
    await assert.rejects(opened.store.remove(NAME, order), refused);
    await assert.rejects(opened.store.pull(NAME, staged(opened, NEW), order), (error) => {
      assert.ok(error instanceof HoldfastError);
      assert.equal(error.code, 'credentials-refused');
      assert.doesNotMatch(error.message, /token-1/);
      return true;
    });
    opened.server.control.renewToken(opened.account, 'token-3');
    opened.secret.token = 'token-3';
    assert.equal((await opened.store.probe(NAME, opened.identity)).kind, 'file');
  });
});

describe('absence', () => {
  it('is not concluded from a probe that answers 500', async (t) => {
    const opened = await openPithos(t);
    opened.server.control.inject({ action: 'status', status: 500, count: -1 });
    await assert.rejects(opened.store.probe(NAME, opened.identity), { code: 'store-unavailable' });
  });

  it('is not concluded when the container vanishes between two questions', async (t) => {
    const opened = await openPithos(t);
    const base = await create(opened, NAME, OLD);
    await opened.other.recreateContainer();
    await assert.rejects(opened.store.probe(NAME, opened.identity), { code: 'container-replaced' });
    await opened.other.dropContainer();
    await assert.rejects(opened.store.probe(NAME, opened.identity), { code: 'container-missing' });
    const pulled = opened.store.pull(NAME, staged(opened, NEW), orderFor(NAME, base));
    await assert.rejects(pulled, { code: 'container-missing' });
  });

  it('of a directory waits until nothing is below it', async (t) => {
    const opened = await openPithos(t);
    const directory = toName('dir');
    const made = await opened.store.pull(directory, stageDirectory(), orderFor(directory, ABSENT));
    assertApplied(made);
    await create(opened, NAME, OLD);
    const removal = await opened.store.remove(directory, orderFor(directory, made.state));
    assert.deepEqual(removal, { result: 'blocked', reason: 'directory-not-empty' });
    assert.equal(await bytesAt(opened, NAME), OLD.toString());
  });
});

describe('throttling', () => {
  it('passes on how long the store asks to wait', async (t) => {
    const opened = await openPithos(t);
    const headers = { 'Retry-After': '77' };
    opened.server.control.inject({ action: 'status', status: 503, headers, count: -1 });
    await assert.rejects(opened.store.container(), { code: 'store-throttled', retryAfterMs: 77_000 });
  });
});
