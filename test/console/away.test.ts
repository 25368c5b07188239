/** The console while its database or its queue server is away, and after they came back. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { migrate } from '#libs/archive-prisma/migrate.ts';
import { openForTest } from '#test/queue-bullmq/open-for-test.ts';
import { account, startConsole } from '#test/support/console.ts';
import { LastFirst } from '#test/support/last-first.ts';
import { type Relay, relayTo } from '#test/support/relay.ts';
import { testDatabase, testRedisUrl } from '#test/support/services.ts';
import { temporaryDirectory } from '#test/support/temporary-directory.ts';

const undoing = new LastFirst();
let database: Relay;
let redis: Relay;
let url = '';
let authorization = '';

before(async () => {
  const databaseUrl = await testDatabase(undoing);
  await migrate(databaseUrl);
  database = await relayTo(undoing, databaseUrl);
  redis = await relayTo(undoing, await testRedisUrl());
  const accounts = join(await temporaryDirectory(undoing, 'holdfast-away-'), 'accounts.json');
  authorization = `Bearer ${await account(accounts, ['token', 'ada', '--role', 'operator'])}`;
  const queuePrefix = `away-${process.pid}`;
  await leaveJob(queuePrefix);
  const settings = { databaseUrl: database.url, redisUrl: redis.url, accounts };
  ({ url } = await startConsole(undoing, { ...settings, queuePrefix }));
});

after(() => undoing.undo());

/** So that there is a queue to show. */
async function leaveJob(prefix: string): Promise<void> {
  const queue = await openForTest({ redisUrl: redis.url }, prefix);
  await queue.pollNow(1);
  await queue.ping();
  await queue.close();
}

interface Asked {
  readonly status: number;
  readonly text: string;
}

async function ask(path: string, method = 'GET', body?: unknown): Promise<Asked> {
  const answer = await fetch(`${url}${path}`, {
    method,
    headers: { authorization, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return { status: answer.status, text: await answer.text() };
}

function assertSaysAway({ status, text }: Asked, code: string): void {
  assert.equal(status, 503, text);
  const { error } = JSON.parse(text) as { error: { code: string; message: string } };
  assert.equal(error.code, code);
  assert.match(error.message, /does not answer/);
  assertNoStack(text);
}

/** Neither where in the program it happened, nor a login of the database. */
function assertNoStack(text: string): void {
  assert.doesNotMatch(text, /\s{2}at \S|\.[jt]s:\d|node_modules|postgresql:|redis:/);
}

async function eventually(path: string, status: number): Promise<Asked> {
  for (let tries = 0; ; tries += 1) {
    const answer = await ask(path);
    if (answer.status === status) return answer;
    assert.ok(tries < 600, `${path} still answers ${answer.status}: ${answer.text}`);
    await delay(100);
  }
}

/** What is told live, as it comes. */
function listen(t: { after(work: () => void): void }): { until(pattern: RegExp): Promise<void> } {
  const ended = new AbortController();
  t.after(() => ended.abort());
  let heard = '';
  const listening = async (): Promise<void> => {
    const { signal } = ended;
    const answer = await fetch(`${url}/api/v1/live?fleet=true`, { headers: { authorization }, signal });
    for await (const chunk of answer.body ?? []) heard += Buffer.from(chunk).toString();
  };
  listening().catch(() => undefined);
  return {
    until: async (pattern) => {
      for (let tries = 0; !pattern.test(heard); tries += 1) {
        assert.ok(tries < 600, `${pattern} was not told in: ${heard}`);
        await delay(100);
      }
      assertNoStack(heard);
      heard = '';
    },
  };
}

describe('the console', { timeout: 240_000 }, () => {
  it('says in a sentence that its database is away, also to open pages, and goes on when it is back', async (t) => {
    const live = listen(t);
    await live.until(/event: fleet\n/);
    await database.away();
    for (const path of ['/api/v1/pairs', '/api/v1/fleet', '/api/v1/pairs/docs/history'])
      assertSaysAway(await ask(path), 'database-unreachable');
    assertSaysAway(await ask('/api/v1/status', 'POST', { args: [null] }), 'database-unreachable');
    assertSaysAway(await ask('/api/v1/pairs/docs/pause', 'POST'), 'database-unreachable');
    await live.until(/event: away\ndata: .*the database does not answer/);
    // The page itself needs none, so there is something to show the sentence on.
    assert.equal((await ask('/')).status, 200);
    assert.equal((await ask('/livez')).status, 200);
    await eventually('/readyz', 503);
    assertNoStack((await ask('/metrics')).text);

    await database.back();
    await eventually('/api/v1/pairs', 200);
    await eventually('/readyz', 200);
    await live.until(/event: fleet\n/);
  });

  it('shows what the database knows while its queue server is away, and goes on when it is back', async () => {
    await redis.away();
    assert.equal((await ask('/api/v1/pairs')).status, 200);
    assertSaysAway(await ask('/api/v1/status', 'POST', { args: [null] }), 'queue-unreachable');
    await eventually('/readyz', 503);
    const [board, page, metrics] = await Promise.all(
      ['/queues/api/queues', '/queues/', '/metrics'].map((path) => ask(path)),
    );
    assertSaysAway(board as Asked, 'queue-unreachable');
    assertSaysAway(metrics as Asked, 'queue-unreachable');
    assert.equal(page?.status, 200);

    await redis.back();
    await eventually('/readyz', 200);
    assert.equal((await ask('/api/v1/status', 'POST', { args: [null] })).status, 200);
    await eventually('/queues/api/queues', 200);
  });
});
