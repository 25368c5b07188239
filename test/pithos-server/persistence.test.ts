// What survives a restart and a kill, and the runnable server itself.

import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { describe, it, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { startFixture, temporaryDir, USER } from './pithos-fixture.ts';

const MAIN = fileURLToPath(new URL('../../libs/pithos-server/main.ts', import.meta.url));

interface Child {
  readonly process: ChildProcess;
  readonly line: string;
  readonly authUrl: string;
}

async function spawnMain(t: TestContext, ...args: string[]): Promise<Child> {
  const child = spawn(process.execPath, [MAIN, '--port', '0', '--token', 'T', '--user', 'u', ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.after(() => void child.kill('SIGKILL'));
  const lines = createInterface({ input: child.stdout });
  const [line] = (await once(lines, 'line')) as [string];
  return { process: child, line, authUrl: /http:\S+/.exec(line)?.[0] ?? '' };
}

function storeUrl(child: Child, path: string): string {
  return new URL(`/pithos/object-store/v1/u${path}`, child.authUrl).href;
}

const TOKEN = { 'X-Auth-Token': 'T' };
const UPLOAD = { ...TOKEN, 'Content-Type': 'text/plain' };

describe('persistence', () => {
  it('keeps everything over a restart, serials included', async (t) => {
    const dir = await temporaryDir(t);
    const before = await startFixture(t, { dir, blockSize: 16_384 });
    before.server.control.ensureContainer(USER.userId, 'c', { versioning: 'auto', quota: 1_000_000 });
    const large = Buffer.alloc(100_000, 'large');
    await before.put('/c/small', 'one');
    await before.put('/c/small', 'two', { 'X-Object-Meta-K': 'v' });
    const created = await before.put('/c/large', large);
    const head = await before.ask('HEAD', '/c/large');
    await before.server.close();

    const after = await startFixture(t, { dir, blockSize: 16_384 });
    assert.deepEqual(
      (await after.ask('HEAD', '/c/large')).headers['x-object-uuid'],
      head.headers['x-object-uuid'],
    );
    assert.ok((await after.ask('GET', '/c/large')).body.equals(large));
    const small = await after.ask('GET', '/c/small');
    assert.equal(small.text, 'two');
    assert.equal(small.headers['x-object-meta-k'], 'v');
    const container = await after.ask('HEAD', '/c');
    assert.equal(container.headers['x-container-object-count'], '2');
    assert.equal(container.headers['x-container-policy-quota'], '1000000');
    const next = await after.put('/c/small', 'three');
    assert.ok(Number(next.headers['x-object-version']) > Number(created.headers['x-object-version']));
  });

  it('refuses a second server on the same folder', async (t) => {
    const { dir } = await startFixture(t);
    await assert.rejects(startFixture(t, { dir }), /locked/);
  });

  it('keeps every acknowledged write over a kill', async (t) => {
    const dir = await temporaryDir(t);
    const first = await spawnMain(t, '--data', dir, '--container', 'c');
    assert.match(first.line, /^pithos-server ready: login http:\S+\/identity\/v2\.0 token T user u$/);
    const acknowledged: number[] = [];
    const exited = once(first.process, 'exit');
    for (let i = 0; i < 60; i++) {
      const body = Buffer.alloc(i % 2 === 0 ? 20 : 20_000, `content ${i} `);
      const reply = await fetch(storeUrl(first, `/c/${i}`), { method: 'PUT', headers: UPLOAD, body }).catch(
        () => undefined,
      );
      if (reply?.status === 201) acknowledged.push(i);
      if (i === 50) first.process.kill('SIGKILL');
    }
    await exited;
    assert.ok(acknowledged.length >= 50);
    const second = await spawnMain(t, '--data', dir);
    for (const i of acknowledged) {
      const reply = await fetch(storeUrl(second, `/c/${i}`), { headers: TOKEN });
      const expected = Buffer.alloc(i % 2 === 0 ? 20 : 20_000, `content ${i} `);
      assert.ok(Buffer.from(await reply.arrayBuffer()).equals(expected), String(i));
    }
  });
});

describe('main', () => {
  it('exits with 0 on SIGTERM and serves control when told to', async (t) => {
    const child = await spawnMain(
      t,
      '--data',
      await temporaryDir(t),
      '--control',
      '--versioning',
      'none',
      '--md5',
    );
    const stats = await fetch(new URL('/_control/stats', child.authUrl));
    assert.equal(stats.status, 200);
    await fetch(storeUrl(child, '/c'), { method: 'PUT', headers: TOKEN });
    const head = await fetch(storeUrl(child, '/c'), { method: 'HEAD', headers: TOKEN });
    assert.equal(head.headers.get('x-container-policy-versioning'), 'none');
    child.process.kill('SIGTERM');
    assert.deepEqual(await once(child.process, 'exit'), [0, null]);
  });

  it('explains itself and refuses bad arguments', async () => {
    const run = async (...args: string[]) => {
      const child = spawn(process.execPath, [MAIN, ...args], { stdio: 'ignore' });
      const [code] = (await once(child, 'exit')) as [number];
      return code;
    };
    assert.equal(await run('--help'), 0);
    assert.equal(await run('--port', '1'), 2);
    assert.equal(await run('--data', 'x', '--port', 'many'), 2);
  });
});
