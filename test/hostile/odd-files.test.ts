/** Odd files: times, kinds and shapes of files that users do have, through the steps. */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { test } from 'node:test';
import type { ListPage } from '#ports/object-store.ts';
import { openMemory } from '#test/memory/open-memory.ts';
import { startEngine } from '#test/support/engine.ts';
import { watchKernel } from './kernel-watch.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const isRoot = process.getuid?.() === 0;

test('times before 1970 and far ahead come with their files; one beyond all counting fails no other', async (t) => {
  const remote = await openMemory();
  const engine = await startEngine(t, remote);
  const times = ['1901-12-14', '1970-01-01', '2038-01-20', '2261-01-01', '2400-01-01'];
  for (const day of times) {
    fs.writeFileSync(engine.path(day), day);
    execFileSync('touch', ['-d', `${day}T00:00:00Z`, engine.path(day)]);
  }
  fs.writeFileSync(engine.path('now'), 'now');
  await engine.sync();
  assert.deepEqual(await engine.upstreamNames(), [...times, 'now']);
  const other = await startEngine(t, remote);
  await other.sync();
  const timeOf = (path: string): bigint => fs.statSync(path, { bigint: true }).mtimeNs;
  for (const day of times.slice(0, -1)) assert.equal(timeOf(other.path(day)), timeOf(engine.path(day)), day);
  for (const day of times) assert.equal(fs.readFileSync(other.path(day), 'utf8'), day);
});

test('pipes, sockets and devices are problems, are never opened, and move aside for what arrives', async (t) => {
  const engine = await startEngine(t, await openMemory());
  const made = ['pipe'];
  execFileSync('mkfifo', [engine.path('pipe')]);
  if (isRoot && spawnSync('mknod', [engine.path('device'), 'c', '1', '3']).status === 0) made.push('device');
  const watch = watchKernel(made.map((name) => engine.path(name)));
  t.after(watch.close);
  await engine.sync();
  const problems = (await engine.archive.problems(engine.pairId)).map(({ name, code }) => [name, code]);
  assert.deepEqual(
    problems,
    made.toSorted().map((name) => [name, 'local-unhandled']),
  );
  for (const name of made) await engine.remote.other.put(name, bytes(`upstream ${name}`));
  await engine.sync();
  for (const name of made) assert.equal(fs.readFileSync(engine.path(name), 'utf8'), `upstream ${name}`);
  assert.deepEqual(
    watch.seen().filter((line) => /: .*(opened|read|written)/.test(line)),
    [],
  );
});

test('holes, two names of one file, and a dozen levels arrive as they are', async (t) => {
  const remote = await openMemory();
  const engine = await startEngine(t, remote);
  fs.writeFileSync(engine.path('sparse'), '');
  fs.truncateSync(engine.path('sparse'), 3 * 1024 * 1024);
  fs.appendFileSync(engine.path('sparse'), 'end');
  fs.writeFileSync(engine.path('one'), 'linked');
  fs.linkSync(engine.path('one'), engine.path('two'));
  const deep = Array.from({ length: 12 }, () => 'd').join('/');
  fs.mkdirSync(engine.path(deep), { recursive: true });
  fs.writeFileSync(engine.path(`${deep}/f`), 'deep');
  await engine.sync();
  fs.appendFileSync(engine.path('one'), ' and edited');
  await engine.sync();
  assert.equal(await engine.upstreamText('one'), 'linked and edited');
  assert.equal(await engine.upstreamText('two'), 'linked and edited');
  const other = await startEngine(t, remote);
  await other.sync();
  assert.equal(fs.readFileSync(other.path(`${deep}/f`), 'utf8'), 'deep');
  assert.ok(fs.readFileSync(other.path('sparse')).equals(fs.readFileSync(engine.path('sparse'))));
});

test('a file that may not be changed is a problem until it may', {
  skip: !isRoot && 'chattr needs root',
}, async (t) => {
  const engine = await startEngine(t, await openMemory());
  fs.writeFileSync(engine.path('fixed'), 'base');
  await engine.sync();
  if (spawnSync('chattr', ['+i', engine.path('fixed')]).status !== 0) {
    t.skip('this file system knows no immutable files');
    return;
  }
  try {
    await engine.remote.other.put('fixed', bytes('upstream'));
    await engine.remote.other.put('other', bytes('other'));
    await engine.sync();
    const problems = (await engine.archive.problems(engine.pairId)).map(({ name, code }) => [name, code]);
    assert.deepEqual(problems, [['fixed', 'local-denied']]);
    assert.equal(fs.readFileSync(engine.path('fixed'), 'utf8'), 'base');
    assert.equal(fs.readFileSync(engine.path('other'), 'utf8'), 'other');
  } finally {
    execFileSync('chattr', ['-i', engine.path('fixed')]);
  }
  await engine.sync();
  assert.equal(fs.readFileSync(engine.path('fixed'), 'utf8'), 'upstream');
  assert.deepEqual(await engine.archive.problems(engine.pairId), []);
});

test('a container that goes in the middle of a poll deletes nothing here', async (t) => {
  const engine = await startEngine(t, await openMemory());
  for (const name of ['a', 'b', 'c']) fs.writeFileSync(engine.path(name), name);
  await engine.sync();
  const { store } = engine.remote;
  const list = async (after: string | null): Promise<ListPage> => {
    const page = await store.list(after, 1);
    if (after === null) await engine.remote.other.dropContainer();
    return page;
  };
  const interrupted = engine.with({
    store: new Proxy(store, {
      get(target, key) {
        const value: unknown = key === 'list' ? list : Reflect.get(target, key, target);
        return typeof value === 'function' ? value.bind(target) : value;
      },
    }),
  });
  await assert.rejects(interrupted.poll(), { code: 'container-missing' });
  await engine.decide().catch(() => {});
  await engine.transfer(await engine.dispatch()).catch(() => {});
  for (const name of ['a', 'b', 'c']) assert.equal(fs.readFileSync(engine.path(name), 'utf8'), name);
});

test('a marker that goes in the middle of a scan deletes nothing upstream', async (t) => {
  const engine = await startEngine(t, await openMemory());
  for (const name of ['a', 'b', 'c']) fs.writeFileSync(engine.path(name), name);
  await engine.sync();
  const away = `${engine.root}-away`;
  fs.rmSync(engine.path('b'));
  fs.renameSync(engine.path('.holdfast'), away);
  t.after(() => fs.rmSync(away, { recursive: true, force: true }));
  await assert.rejects(engine.scan(), { code: 'folder-unmarked' });
  await engine.archive.mark(engine.pairId, 'local', ['a', 'b'] as string[] as never);
  await assert.rejects(engine.decide(), { code: 'folder-unmarked' });
  assert.deepEqual(await engine.upstreamNames(), ['a', 'b', 'c']);
});
