import assert from 'node:assert/strict';
import { type ClientRequest, request } from 'node:http';
import { it } from 'node:test';
import { toName } from '#core/name.ts';
import { ABSENT } from '#core/state.ts';
import { HoldfastError } from '#ports/errors.ts';
import {
  assertApplied,
  bytesAt,
  create,
  namesIn,
  orderFor,
  recovered,
  staged,
} from '#test/conformance/object-store-fixtures.ts';
import { patternBytes } from '#test/conformance/staged-bytes.ts';
import { swift } from '#test/support/services.ts';
import { hooked, type OpenedSwift, openSwift } from './fixtures.ts';
import { rawPath } from './raw-swift.ts';

const login = await swift();
const skip = login === null ? 'there is no Swift here' : false;
const NAME = toName('docs/report.txt');
const OLD = Buffer.from('old content');
const NEW = Buffer.from('the new content');
const THEIRS = Buffer.from('of another writer');
/** More than all buffers on the way hold: when the last chunk is asked for, the store has long begun with the request. */
const BIG = patternBytes(16 * 1024 * 1024, 3);

const open = (t: Parameters<typeof openSwift>[0], versioned = true): Promise<OpenedSwift> => {
  assert.ok(login !== null);
  return openSwift(t, login, versioned);
};

/** A store whose client does something once, before its first request of one method. */
function interrupted(opened: OpenedSwift, method: string, work: () => Promise<void>) {
  return opened.open(
    hooked(opened.http, async (when) => {
      if (when.method === method && when.count === 1) await work();
    }),
  );
}

it('rescues content that slipped in between the look and the write of a replace', { skip }, async (t) => {
  const opened = await open(t);
  const base = await create(opened, NAME, OLD);
  const store = interrupted(opened, 'PUT', () => opened.other.put(NAME, THEIRS));
  const outcome = await store.pull(NAME, staged(opened, NEW), orderFor(NAME, base));
  assertApplied(outcome);
  const [copy] = outcome.conflictCopies;
  assert.ok(copy !== undefined);
  assert.equal(await bytesAt(opened, copy), THEIRS.toString());
  assert.equal(await bytesAt(opened, NAME), NEW.toString());
  assert.equal(await recovered(opened, NAME, outcome.recovery), OLD.toString());
});

it('copies content that moved here, and rescues what slipped in before', { skip }, async (t) => {
  const opened = await open(t);
  const old = toName('docs/before.txt');
  const state = await create(opened, old, OLD);
  assert.ok(state.kind === 'file' && state.version !== null);
  const { size, hash, version } = state;
  let puts = 0;
  const store = opened.open(
    hooked(opened.http, async ({ method, count }) => {
      if (method === 'PUT') puts += 1;
      if (method === 'COPY' && count === 1) await opened.other.put(NAME, THEIRS);
    }),
  );
  const twin = { name: old, size, hash, version };
  const outcome = await store.pull(NAME, staged(opened, OLD), orderFor(NAME, ABSENT), twin);
  assertApplied(outcome);
  assert.equal(outcome.copiedFrom, old);
  assert.equal(puts, 0);
  assert.equal(await bytesAt(opened, NAME), OLD.toString());
  const [copy] = outcome.conflictCopies;
  assert.ok(copy !== undefined);
  assert.equal(await bytesAt(opened, copy), THEIRS.toString());
});

it('rescues content that slipped in between the look and the delete of a remove', { skip }, async (t) => {
  const opened = await open(t);
  const base = await create(opened, NAME, OLD);
  const store = interrupted(opened, 'DELETE', () => opened.other.put(NAME, THEIRS));
  const outcome = await store.remove(NAME, orderFor(NAME, base));
  assertApplied(outcome);
  const [copy] = outcome.conflictCopies;
  assert.ok(copy !== undefined);
  assert.equal(await bytesAt(opened, copy), THEIRS.toString());
  assert.deepEqual(await namesIn(opened), [copy]);
});

for (const verb of ['pull', 'remove'] as const) {
  it(`rescues what a ${verb} displaced before it crashed, when it is repeated`, { skip }, async (t) => {
    const opened = await open(t);
    const order = orderFor(NAME, await create(opened, NAME, OLD));
    const crash = new HoldfastError('store-unreachable', 'the worker was killed');
    const method = verb === 'pull' ? 'PUT' : 'DELETE';
    let isWritten = false;
    const crashing = opened.open(
      hooked(opened.http, async (when) => {
        if (isWritten) throw crash;
        if (when.method !== method) return;
        await opened.other.put(NAME, THEIRS);
        isWritten = true;
      }),
    );
    const run = (store: typeof crashing) =>
      verb === 'pull' ? store.pull(NAME, staged(opened, NEW), order) : store.remove(NAME, order);
    await assert.rejects(run(crashing), crash);
    for (const attempt of [1, 2]) {
      const outcome = await run(opened.second);
      assertApplied(outcome);
      const [copy] = outcome.conflictCopies;
      assert.ok(copy !== undefined, `attempt ${attempt}`);
      assert.equal(await bytesAt(opened, copy), THEIRS.toString());
      assert.equal(await recovered(opened, NAME, outcome.recovery), OLD.toString());
    }
    assert.equal((await namesIn(opened)).length, verb === 'pull' ? 2 : 1);
  });
}

it('rescues a write that our own overlapped', { skip }, async (t) => {
  const opened = await open(t);
  const base = await create(opened, NAME, OLD);
  const theirs = slowPut(opened, NAME, THEIRS);
  const store = interrupted(opened, 'PUT', theirs.start);
  const content = staged(opened, BIG, { beforeLast: theirs.finish });
  const outcome = await store.pull(NAME, content, orderFor(NAME, base));
  assertApplied(outcome);
  const [copy] = outcome.conflictCopies;
  assert.ok(copy !== undefined);
  assert.equal(await bytesAt(opened, copy), THEIRS.toString());
  assert.ok(Buffer.from(BIG).equals((await opened.other.get(NAME)) ?? Buffer.alloc(0)));
});

for (const versioned of [true, false]) {
  const kind = versioned ? 'versioned' : 'plain';

  it(`is stale when a fast write overtook a slow create in a ${kind} container`, { skip }, async (t) => {
    const opened = await open(t, versioned);
    const content = staged(opened, BIG, { beforeLast: () => opened.other.put(NAME, THEIRS) });
    const outcome = await opened.store.pull(NAME, content, orderFor(NAME, ABSENT));
    assert.equal(outcome.result, 'stale');
    assert.equal(await bytesAt(opened, NAME), THEIRS.toString());
    assert.deepEqual(await namesIn(opened), [NAME]);
  });

  it(`is stale when a fast write overtook a slow replace in a ${kind} container`, { skip }, async (t) => {
    const opened = await open(t, versioned);
    const base = await create(opened, NAME, OLD);
    const content = staged(opened, BIG, { beforeLast: () => opened.other.put(NAME, THEIRS) });
    const outcome = await opened.store.pull(NAME, content, orderFor(NAME, base));
    assert.equal(outcome.result, 'stale');
    assert.equal(await bytesAt(opened, NAME), THEIRS.toString());
    assert.deepEqual(await namesIn(opened), [NAME]);
    const hashes = (await opened.other.versions()).map((version) => version.hash);
    assert.ok(!hashes.includes(opened.hash(BIG)), 'the overtaken bytes stayed behind');
  });

  it(`asks the object when the answer to a write was lost in a ${kind} container`, { skip }, async (t) => {
    const opened = await open(t, versioned);
    const lost = new HoldfastError('store-unreachable', 'the connection broke');
    const store = opened.open({
      close: () => opened.http.close(),
      request: async (message) => {
        const response = await opened.http.request(message);
        if (message.method !== 'PUT') return response;
        await response.discard();
        throw lost;
      },
    });
    const outcome = await store.pull(NAME, staged(opened, NEW), orderFor(NAME, ABSENT));
    assertApplied(outcome);
    assert.deepEqual(await opened.store.probe(NAME, opened.identity), outcome.state);
  });
}

it('is stale when another write came before the check', { skip }, async (t) => {
  const opened = await open(t);
  const base = await create(opened, NAME, OLD);
  let isSlippedIn = false;
  const http = hooked(opened.http, async ({ url }) => {
    if (!url.includes('versions=') || isSlippedIn) return;
    isSlippedIn = true;
    await opened.other.put(NAME, THEIRS);
  });
  const outcome = await opened.open(http).pull(NAME, staged(opened, NEW), orderFor(NAME, base));
  assert.equal(outcome.result, 'stale');
  assert.equal(await bytesAt(opened, NAME), THEIRS.toString());
});

it('passes a failed write on when nothing was written', { skip }, async (t) => {
  const opened = await open(t);
  const store = interrupted(opened, 'PUT', () =>
    Promise.reject(new HoldfastError('store-unreachable', 'the connection broke')),
  );
  const pulled = store.pull(NAME, staged(opened, NEW), orderFor(NAME, ABSENT));
  await assert.rejects(pulled, { code: 'store-unreachable' });
  assert.equal(await bytesAt(opened, NAME), null);
});

for (const [title, hash] of [
  ['was hashed before', 'known'],
  ['nobody hashed yet', 'unknown'],
] as const) {
  it(`has large content that ${title} refused when its bytes change on their way`, { skip }, async (t) => {
    const opened = await open(t);
    const base = await create(opened, NAME, OLD);
    const store = opened.open({
      close: () => opened.http.close(),
      request: (message) =>
        opened.http.request(
          typeof message.body === 'object' && Symbol.asyncIterator in message.body
            ? { ...message, body: flipped(message.body) }
            : message,
        ),
    });
    const content = staged(opened, BIG, hash === 'known' ? {} : { hash: null });
    const pulling = store.pull(NAME, content, orderFor(NAME, base));
    await assert.rejects(pulling, { code: 'content-mismatch' });
    assert.equal(await bytesAt(opened, NAME), OLD.toString(), 'nobody ever sees them');
    assert.deepEqual(await opened.store.probe(NAME, opened.identity), base);
  });
}

async function* flipped(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  for await (const chunk of body) yield chunk.map((byte, index) => (index === 0 ? byte ^ 1 : byte));
}

it('leaves no version behind of a create that was refused', { skip }, async (t) => {
  const opened = await open(t);
  await opened.other.put(NAME, THEIRS);
  const outcome = await opened.store.pull(NAME, staged(opened, NEW), orderFor(NAME, ABSENT));
  assert.equal(outcome.result, 'stale');
  const versions = await opened.other.versions();
  assert.deepEqual(
    versions.map((version) => version.hash),
    [opened.hash(THEIRS)],
  );
});

it('keeps what was written before versioning was switched on', { skip }, async (t) => {
  const opened = await open(t, false);
  await opened.other.put(NAME, OLD);
  await opened.store.attach({ create: false, versioning: true, identity: 'later' });
  const state = await opened.store.probe(NAME, opened.identity);
  const outcome = await opened.store.pull(NAME, staged(opened, NEW), orderFor(NAME, state));
  assertApplied(outcome);
  assert.deepEqual(outcome.conflictCopies, []);
  assert.equal(await recovered(opened, NAME, outcome.recovery), OLD.toString());
});

it('judges one name only where others begin alike', { skip }, async (t) => {
  const opened = await open(t);
  const others = ['a b', 'a/b', 'ab'];
  for (const raw of others) await opened.other.put(raw, THEIRS);
  const outcome = await opened.store.pull(toName('a'), staged(opened, NEW), orderFor(toName('a'), ABSENT));
  assertApplied(outcome);
  assert.deepEqual(outcome.conflictCopies, []);
  assert.deepEqual(await namesIn(opened), ['a', ...others]);
});

it('finds what slipped in below more versions than a page holds', { skip }, async (t) => {
  const opened = await open(t);
  const order = orderFor(NAME, await create(opened, NAME, OLD));
  const store = interrupted(opened, 'PUT', async () => {
    await opened.other.put(NAME, THEIRS);
    for (let index = 0; index < 20; index += 1) await opened.other.put(NAME, OLD);
  });
  const outcome = await store.pull(NAME, staged(opened, NEW), order);
  assertApplied(outcome);
  assert.equal(outcome.conflictCopies.length, 1);
});

it('refuses content larger than one object may be', { skip }, async (t) => {
  const opened = await open(t);
  const content = { ...staged(opened, NEW), size: opened.store.capabilities.maxObjectBytes + 1 };
  await assert.rejects(opened.store.pull(NAME, content, orderFor(NAME, ABSENT)), {
    code: 'content-too-large',
  });
});

it('takes the longest name or calls it unsyncable', { skip }, async (t) => {
  const opened = await open(t);
  const name = toName(Array.from({ length: 4 }, () => 'n'.repeat(255)).join('/'));
  try {
    assertApplied(await opened.store.pull(name, staged(opened, NEW), orderFor(name, ABSENT)));
    assert.equal(await bytesAt(opened, name), NEW.toString());
  } catch (thrown) {
    assert.ok(thrown instanceof HoldfastError);
    assert.equal(thrown.code, 'name-unsyncable');
  }
});

/** A PUT of another client that starts on the server and ends when told. */
function slowPut(opened: OpenedSwift, rawName: string, bytes: Buffer) {
  const url = `${opened.other.storageUrl}/${encodeURIComponent(opened.container)}${rawPath(rawName)}`;
  const headers = {
    'x-auth-token': opened.other.token,
    'content-length': bytes.length,
    expect: '100-continue',
  };
  let message: ClientRequest;
  let ended: Promise<void>;
  return {
    // The proxy lets us continue only after it has taken the time of the request.
    start: () =>
      new Promise<void>((resolve) => {
        message = request(url, { method: 'PUT', headers });
        message.once('continue', resolve);
        ended = new Promise((done, failed) => {
          message.once('error', failed);
          message.once('response', (response) => {
            response.resume();
            if (response.statusCode !== 201) failed(new Error('not created'));
            response.once('end', done);
          });
        });
      }),
    finish: async () => {
      message.end(bytes);
      await ended;
    },
  };
}
