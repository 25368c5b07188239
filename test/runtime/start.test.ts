import assert from 'node:assert/strict';
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { freePort } from '#libs/services/processes.ts';

const APP = join(import.meta.dirname, 'app.ts');

interface App {
  readonly child: ChildProcess;
  readonly out: () => string;
  readonly err: () => string;
  started(): Promise<void>;
  exited(): Promise<number | null>;
}

function startApp(t: TestContext, ...args: string[]): App {
  const child = fork(APP, args, { silent: true });
  t.after(() => child.kill('SIGKILL'));
  let out = '';
  let err = '';
  child.stdout?.on('data', (chunk) => {
    out += chunk;
  });
  child.stderr?.on('data', (chunk) => {
    err += chunk;
  });
  // Not the child's `close`: it does not come after the channel was closed from here.
  const exit = Promise.all([once(child, 'exit'), once(child.stdout!, 'end'), once(child.stderr!, 'end')]);
  return {
    child,
    out: () => out,
    err: () => err,
    async started() {
      while (!out.includes('started')) await Promise.race([once(child.stdout!, 'data'), exit]);
    },
    exited: async () => (await exit)[0][0],
  };
}

async function askReady(app: App): Promise<unknown> {
  const answer = once(app.child, 'message');
  app.child.send({ ask: 'ready' });
  return (await answer)[0];
}

describe('a process', { timeout: 60_000 }, () => {
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    it(`drains within its budget on ${signal} and exits 0`, async (t) => {
      const app = startApp(t, 'plain');
      await app.started();
      app.child.kill(signal);
      assert.equal(await app.exited(), 0);
      assert.equal(app.out(), 'started\ndraining 2000\ndrained\n');
    });
  }

  it('drains when its parent is gone', async (t) => {
    const app = startApp(t, 'plain');
    await app.started();
    app.child.disconnect();
    assert.equal(await app.exited(), 0);
    assert.match(app.out(), /drained/);
  });

  it('stops at once when asked twice', async (t) => {
    const app = startApp(t, 'slow');
    await app.started();
    app.child.kill('SIGTERM');
    while (!app.out().includes('draining')) await once(app.child.stdout!, 'data');
    app.child.kill('SIGTERM');
    assert.equal(await app.exited(), 1);
    assert.doesNotMatch(app.out(), /drained/);
  });

  it('stops when the drain does not end', async (t) => {
    const app = startApp(t, 'hang');
    await app.started();
    app.child.kill('SIGTERM');
    assert.equal(await app.exited(), 1);
    assert.match(app.err(), /did not drain in time/);
  });

  it('exits 1 after a rejection that nobody handles, and logs it', async (t) => {
    const app = startApp(t, 'reject');
    assert.equal(await app.exited(), 1);
    assert.match(app.err(), /"level":"error".*nobody handles this/);
  });

  it('says a fatal error in one sentence without secrets and exits 1', async (t) => {
    const app = startApp(t, 'refuse');
    assert.equal(await app.exited(), 1);
    assert.equal(app.err(), 'REDIS_URL points at redis://***@h and is wrong.\n');
  });

  it('exits 2 when it is used wrongly', async (t) => {
    const app = startApp(t, 'misuse');
    assert.equal(await app.exited(), 2);
  });

  it('answers its parent whether it is ready', async (t) => {
    const [ready, unready] = [startApp(t, 'plain'), startApp(t, 'unready')];
    await Promise.all([ready.started(), unready.started()]);
    assert.deepEqual(await askReady(ready), { ready: true });
    assert.deepEqual(await askReady(unready), { ready: false });
  });

  it('answers probes and metrics over HTTP', async (t) => {
    const port = await freePort();
    const app = startApp(t, 'unready', String(port));
    await app.started();
    const get = (path: string) => fetch(`http://127.0.0.1:${port}${path}`);
    assert.equal((await get('/livez')).status, 200);
    assert.equal((await get('/readyz')).status, 503);
    assert.match(await (await get('/metrics')).text(), /^holdfast_process_cpu_user_seconds_total /m);
    assert.equal((await get('/else')).status, 404);
    app.child.kill('SIGTERM');
    assert.equal(await app.exited(), 0);
  });

  it('says which port is taken', async (t) => {
    const port = await freePort();
    const first = startApp(t, 'plain', String(port));
    await first.started();
    const second = startApp(t, 'plain', String(port));
    assert.equal(await second.exited(), 1);
    assert.match(second.err(), new RegExp(`^Port ${port} cannot be used .*HOLDFAST_HTTP_PORT\\.\n$`));
  });
});
