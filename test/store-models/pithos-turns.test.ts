/** What falls between the steps of a request on a model Pithos, and on the store that one step is enough for. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { toName } from '#core/name.ts';
import { ABSENT } from '#core/state.ts';
import { openModelClient } from '#libs/store-models/exchange.ts';
import { PITHOS_AUTH_URL, PITHOS_TOKEN } from '#libs/store-models/pithos-model.ts';
import { createSessions } from '#libs/store-pithos/auth.ts';
import { createPithosClient, type PithosClient } from '#libs/store-pithos/client.ts';
import {
  assertApplied,
  bytesAt,
  create,
  orderFor,
  recovered,
  staged,
} from '#test/conformance/object-store-fixtures.ts';
import { openMemory } from '#test/memory/open-memory.ts';
import { createManualTurns } from './manual-turns.ts';
import { type OpenedPithosModel, openPithosModel } from './open-pithos-model.ts';

const NAME = toName('docs/report.txt');
const OLD = Buffer.from('old content');
const OURS = Buffer.from('our content, longer');
const THEIRS = Buffer.from('their content');

/** The requests of the adapter, one by one, logged in already. */
async function rawClient(opened: OpenedPithosModel): Promise<PithosClient> {
  const http = openModelClient(opened.server);
  const credentials = async () => ({ token: PITHOS_TOKEN, user: null });
  const sessions = createSessions(http, PITHOS_AUTH_URL, credentials);
  await sessions.current();
  return createPithosClient(http, sessions, opened.container, 'pair-1');
}

function put(client: PithosClient, opened: OpenedPithosModel, bytes: Uint8Array, tag: string | null) {
  const map = { bytes: bytes.length, hashes: [opened.hash(bytes)] };
  const guard = tag === null ? ({ onlyIfAbsent: true } as const) : { onlyIfTag: tag };
  return client.putHashmap(NAME, { map, contentType: 'application/octet-stream', meta: {}, guard });
}

describe('turns of a model Pithos', () => {
  it('lets two writers replace the same content one after the other', async () => {
    const turns = createManualTurns();
    const opened = await openPithosModel({ step: turns.step });
    await opened.other.put(NAME, OLD);
    const client = await rawClient(opened);
    for (const bytes of [OURS, THEIRS]) await client.postBlocks(bytes);
    turns.hold();
    const both = [OURS, THEIRS].map((bytes) => put(client, opened, bytes, opened.hash(OLD)));
    await turns.runAll();
    const results = (await Promise.all(both)).map(({ result }) => result);
    assert.deepEqual(results, ['created', 'created']);
    assert.equal(await bytesAt(opened, NAME), THEIRS.toString());
    const history = opened.server.raw(opened.container).history(NAME);
    assert.deepEqual(
      history.map(({ bytes, isReachable }) => `${Buffer.from(bytes)} ${isReachable}`),
      [`${OLD} true`, `${OURS} true`, `${THEIRS} true`],
    );
  });

  it('moves what is newest, not what was looked at', async () => {
    const turns = createManualTurns();
    const opened = await openPithosModel({ step: turns.step });
    await opened.other.put(NAME, OLD);
    const client = await rawClient(opened);
    turns.hold();
    const moved = client.moveIf(NAME, 'aside', opened.hash(OLD));
    await turns.waiting();
    await opened.other.put(NAME, THEIRS);
    await turns.runAll();
    assert.equal(await moved, 'moved');
    assert.equal(await bytesAt(opened, 'aside'), THEIRS.toString());
  });

  it('fails after it has committed, and the adapter finds its own work', async () => {
    const turns = createManualTurns();
    const opened = await openPithosModel({ step: turns.step });
    const order = orderFor(NAME, await create(opened, NAME, OLD));
    turns.hold();
    const pulled = opened.store.pull(NAME, staged(opened, OURS), order);
    // The first one says which blocks are missing.
    await turns.run('pithos.commit');
    await turns.fail('pithos.commit', 'after');
    await turns.runAll();
    const outcome = await pulled;
    assertApplied(outcome);
    assert.equal(await recovered(opened, NAME, outcome.recovery), OLD.toString());
  });

  it('forgets what was replaced in a container without versions', async () => {
    const opened = await openPithosModel({ versioning: 'none' });
    for (const bytes of [OLD, OURS]) await opened.other.put(NAME, bytes);
    const history = opened.server.raw(opened.container).history(NAME);
    assert.deepEqual(
      history.map(({ isReachable }) => isReachable),
      [false, true],
    );
  });
});

describe('steps of a memory store', () => {
  it('fall between the copy of what loses and the write', async () => {
    const turns = createManualTurns();
    const { container, ...opened } = await openMemory(turns.step);
    const { store } = opened;
    const base = await create(opened, NAME, OLD);
    const order = orderFor(NAME, base, { displaced: 'conflict-copy' });
    turns.hold();
    const crashed = assert.rejects(store.pull(NAME, staged(opened, OURS), order), {
      code: 'store-unreachable',
    });
    await turns.run('http.HEAD');
    await turns.run('http.COPY');
    await turns.fail('http.PUT', 'before');
    await crashed;
    assert.equal(container.names().length, 2);
    const repeated = store.pull(NAME, staged(opened, OURS), order);
    await turns.runAll();
    const outcome = await repeated;
    assertApplied(outcome);
    assert.equal(outcome.conflictCopies.length, 1);
    assert.equal(container.names().length, 2);
  });

  it('may be lost after the effect, and repeating them is without another', async () => {
    const turns = createManualTurns();
    const { container, ...opened } = await openMemory(turns.step);
    const { store } = opened;
    turns.hold();
    const pull = () => store.pull(NAME, staged(opened, OURS), orderFor(NAME, ABSENT));
    const lost = assert.rejects(pull(), { code: 'store-unreachable' });
    await turns.fail('http.PUT', 'after');
    await lost;
    const repeated = pull();
    await turns.runAll();
    assertApplied(await repeated);
    assert.equal(container.history(NAME).length, 1);
  });
});
