/** What falls between the steps of a request on a model Swift, and what goes wrong with one on its way. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { toName } from '#core/name.ts';
import { ABSENT } from '#core/state.ts';
import { atOnce, type Step } from '#libs/memory/step.ts';
import { type Fault, openModelClient } from '#libs/store-models/exchange.ts';
import { SWIFT_AUTH_URL, SWIFT_CREDENTIALS } from '#libs/store-models/swift-model.ts';
import { createLogin, openSession, type Session } from '#libs/store-swift/session.ts';
import type { ObjectStore } from '#ports/object-store.ts';
import {
  assertApplied,
  bytesAt,
  create,
  namesIn,
  orderFor,
  staged,
} from '#test/conformance/object-store-fixtures.ts';
import { readAll } from '#test/conformance/staged-bytes.ts';
import { createManualTurns } from './manual-turns.ts';
import { CONTAINER, type OpenedSwiftModel, openSwiftModel } from './open-swift-model.ts';

const NAME = toName('docs/report.txt');
const OLD = Buffer.from('old content');
const OURS = Buffer.from('our content, longer');
const THEIRS = Buffer.from('their content');
const PATH = `/${encodeURIComponent(CONTAINER)}/${NAME}`;

/** A client of the server past the adapter, logged in already. */
async function rawSession(opened: OpenedSwiftModel, step: Step = atOnce): Promise<Session> {
  const http = openModelClient(opened.server, { step });
  const auth = { url: SWIFT_AUTH_URL, credentials: async () => SWIFT_CREDENTIALS };
  const session = openSession(http, createLogin(http, auth));
  await session.send({ method: 'HEAD', path: PATH });
  return session;
}

async function put(session: Session, bytes: Uint8Array, headers = {}): Promise<number> {
  return (await session.send({ method: 'PUT', path: PATH, headers, body: () => bytes })).status;
}

/** Contents that were ever written to the name, and what became of them. */
function fates(opened: OpenedSwiftModel): string[] {
  return opened.server
    .raw(CONTAINER)
    .history(NAME)
    .map(({ bytes, wasCurrent, isReachable }) => {
      const fate = `${wasCurrent ? 'was current' : 'never current'}, ${isReachable ? 'reachable' : 'gone'}`;
      return `${Buffer.from(bytes)}: ${fate}`;
    });
}

describe('turns of a model Swift', () => {
  for (const versioned of [true, false]) {
    const kind = versioned ? 'versioned' : 'plain';

    it(`lets two creates at once both succeed in a ${kind} container`, async () => {
      const turns = createManualTurns();
      const opened = await openSwiftModel({ versioned, step: turns.step });
      const session = await rawSession(opened);
      turns.hold();
      const both = [OURS, THEIRS].map((bytes) => put(session, bytes, { 'if-none-match': '*' }));
      if (versioned) await turns.run('swift.keep');
      await turns.runAll();
      assert.deepEqual(await Promise.all(both), [201, 201]);
      assert.equal(await bytesAt(opened, NAME), THEIRS.toString());
      assert.deepEqual(fates(opened), [
        `${OURS}: was current, ${versioned ? 'reachable' : 'gone'}`,
        `${THEIRS}: was current, reachable`,
      ]);
    });

    it(`keeps the write that started last in a ${kind} container, whichever ends last`, async () => {
      const turns = createManualTurns();
      const opened = await openSwiftModel({ versioned, step: turns.step });
      const session = await rawSession(opened);
      turns.hold();
      const slow = put(session, OURS);
      await turns.waiting();
      await opened.other.put(NAME, THEIRS);
      await turns.runAll();
      // Without versions the older write was taken before the newer one came, and nobody tells.
      assert.equal(await slow, versioned ? 202 : 201);
      assert.equal(await bytesAt(opened, NAME), THEIRS.toString());
      assert.ok(fates(opened).includes(`${OURS}: never current, ${versioned ? 'reachable' : 'gone'}`));
    });

    it(`carries on with a write in a ${kind} container whose client is gone`, async () => {
      const [client, server] = [createManualTurns(), createManualTurns()];
      const opened = await openSwiftModel({ versioned, step: server.step });
      const session = await rawSession(opened, client.step);
      client.hold();
      server.hold();
      const sent = put(session, OURS);
      await client.run('http.PUT');
      assert.equal(await bytesAt(opened, NAME), null);
      // The client gets no other turn meanwhile, as if it had died.
      await server.runAll();
      assert.equal(await bytesAt(opened, NAME), OURS.toString());
      await client.runAll();
      assert.equal(await sent, 201);
    });

    it(`leaves nothing of an upload to a ${kind} container that was cut`, async () => {
      const opened = await openSwiftModel({ versioned });
      const session = await rawSession(opened);
      async function* cut(): AsyncGenerator<Uint8Array> {
        yield OURS;
        throw new Error('the client died');
      }
      const sent = session.send({ method: 'PUT', path: PATH, body: cut });
      await assert.rejects(sent, { code: 'store-unreachable' });
      assert.deepEqual(fates(opened), []);
    });

    it(`lets a delete win over a slower, older write in a ${kind} container`, async () => {
      const turns = createManualTurns();
      const opened = await openSwiftModel({ versioned, step: turns.step });
      await opened.other.put(NAME, OLD);
      const session = await rawSession(opened);
      turns.hold();
      const slow = put(session, OURS);
      await turns.waiting();
      await opened.other.remove(NAME);
      await turns.runAll();
      assert.equal(await slow, versioned ? 202 : 201);
      assert.equal(await bytesAt(opened, NAME), null);
    });
  }

  it('refuses a delete that something newer overtook', async () => {
    const turns = createManualTurns();
    const opened = await openSwiftModel({ step: turns.step });
    await opened.other.put(NAME, OLD);
    const session = await rawSession(opened);
    turns.hold();
    const removed = session.send({ method: 'DELETE', path: PATH });
    await turns.waiting();
    await opened.other.put(NAME, THEIRS);
    await turns.runAll();
    assert.equal((await removed).status, 409);
    assert.equal(await bytesAt(opened, NAME), THEIRS.toString());
  });

  it('answers 503 when it fails half-way, with what it did until then done', async () => {
    const turns = createManualTurns();
    const opened = await openSwiftModel({ step: turns.step });
    const session = await rawSession(opened);
    turns.hold();
    const sent = put(session, OURS);
    await turns.fail('swift.keep', 'after');
    assert.equal(await sent, 503);
    assert.equal(await bytesAt(opened, NAME), null);
    assert.deepEqual(fates(opened), [`${OURS}: never current, reachable`]);
  });
});

describe('listings of a model Swift', () => {
  it('may be behind for as long as wanted, while the objects tell the truth', async () => {
    const lag = { ms: 0 };
    const opened = await openSwiftModel({ versioned: false, lag: () => lag.ms });
    for (const name of ['removed', 'replaced']) await opened.other.put(name, OLD);
    lag.ms = 60_000;
    await opened.other.put('created', OURS);
    await opened.other.put('replaced', OURS);
    await opened.other.remove('removed');
    assert.deepEqual(await namesIn(opened), ['removed', 'replaced']);
    assert.deepEqual(await opened.store.probe(toName('removed'), opened.identity), ABSENT);
    opened.clock.advance(59_999);
    assert.deepEqual(await namesIn(opened), ['removed', 'replaced']);
    opened.clock.advance(1);
    assert.deepEqual(await namesIn(opened), ['created', 'replaced']);
  });

  it('take reports in any order and show the newest', async () => {
    const lags: number[] = [];
    const opened = await openSwiftModel({ versioned: false, lag: () => lags.shift() ?? 0 });
    lags.push(30_000, 10_000);
    await opened.other.put(NAME, OLD);
    await opened.other.remove(NAME);
    for (const ms of [20_000, 20_000]) {
      opened.clock.advance(ms);
      assert.deepEqual(await namesIn(opened), []);
    }
  });

  it('hold the judgement of a commit up until they have settled', async () => {
    const lag = { ms: 0 };
    const opened = await openSwiftModel({ lag: () => lag.ms });
    const order = orderFor(NAME, await create(opened, NAME, OLD));
    lag.ms = Number.POSITIVE_INFINITY;
    const behind = opened.store.pull(NAME, staged(opened, OURS), order);
    await assert.rejects(behind, { code: 'store-unavailable' });
    opened.server.settle();
    const outcome = await opened.store.pull(NAME, staged(opened, OURS), order);
    assertApplied(outcome);
    assert.deepEqual(outcome.conflictCopies, []);
  });
});

describe('faults on the way to a model Swift', () => {
  /** A store whose next request of a method meets a fault. */
  function faulty(opened: OpenedSwiftModel, method: string, fault: Fault): ObjectStore {
    let isPending = true;
    const http = openModelClient(opened.server, {
      fault: (request) => {
        if (!isPending || request.method !== method || request.subject !== NAME) return null;
        isPending = false;
        return fault;
      },
    });
    return opened.open(http);
  }

  it('logs in again after a 401', async () => {
    const opened = await openSwiftModel();
    const store = faulty(opened, 'PUT', { kind: 'refused', status: 401 });
    assertApplied(await store.pull(NAME, staged(opened, OURS), orderFor(NAME, ABSENT)));
    opened.server.expireTokens();
    assert.equal((await store.probe(NAME, opened.identity)).kind, 'file');
  });

  it('passes on when to come back', async () => {
    const opened = await openSwiftModel();
    const store = faulty(opened, 'HEAD', { kind: 'refused', status: 503, retryAfterSeconds: 7 });
    await assert.rejects(store.probe(NAME, opened.identity), { code: 'store-throttled', retryAfterMs: 7000 });
  });

  it('asks the object after an answer that says nothing of the write', async () => {
    for (const fault of [{ kind: 'spoiled', status: 500 }, { kind: 'abandoned' }] as const) {
      const opened = await openSwiftModel();
      const store = faulty(opened, 'PUT', fault);
      assertApplied(await store.pull(NAME, staged(opened, OURS), orderFor(NAME, ABSENT)));
      assert.equal(fates(opened).length, 1);
    }
  });

  it('gives up a write that arrived and is carried out later', async () => {
    const turns = createManualTurns();
    const opened = await openSwiftModel({ step: turns.step });
    const store = faulty(opened, 'PUT', { kind: 'abandoned' });
    await store.container();
    turns.hold();
    const pulled = store.pull(NAME, staged(opened, OURS), orderFor(NAME, ABSENT));
    await assert.rejects(pulled, { code: 'store-unreachable' });
    await turns.runAll();
    assert.equal(await bytesAt(opened, NAME), OURS.toString());
  });

  it('breaks off or alters content on its way, and the adapter notices', async () => {
    for (const [kind, code] of [
      ['truncated', 'store-unreachable'],
      ['corrupted', 'content-mismatch'],
    ] as const) {
      const opened = await openSwiftModel();
      const state = await create(opened, NAME, OURS);
      const outcome = await faulty(opened, 'GET', { kind }).stage(NAME, state);
      assert.ok(outcome.result === 'staged');
      await assert.rejects(readAll(outcome.content), { code });
      assert.deepEqual(Buffer.from(await readAll(outcome.content)), OURS);
    }
  });

  it('shows a request that the model does not know as a fault of the model', async () => {
    const opened = await openSwiftModel();
    const session = await rawSession(opened);
    for (const [method, path] of [
      ['POST', PATH],
      ['GET', `${PATH}?temp_url_sig=signed`],
    ] as const) {
      await assert.rejects(session.send({ method, path }), /the model of Swift knows no/);
    }
  });

  it('judges no removal that happened before while the list of versions is behind', async () => {
    let lag = 60_000;
    const opened = await openSwiftModel({ lag: () => lag });
    await opened.other.put(NAME, OLD);
    const expected = await opened.store.probe(NAME, opened.identity);
    await opened.other.put(NAME, THEIRS);
    await opened.other.remove(NAME);
    const removing = () => opened.store.remove(NAME, orderFor(NAME, expected));
    await assert.rejects(removing(), { code: 'store-unavailable' });
    opened.server.settle();
    lag = 0;
    const outcome = await removing();
    assertApplied(outcome);
    assert.equal(await bytesAt(opened, outcome.conflictCopies[0] ?? ''), THEIRS.toString());
  });
});
