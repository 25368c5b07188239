import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { engineFor, type WatchEngine, type WatchOptions, watchFolder } from '#libs/store-local/watch.ts';
import type { ChangeHint, ChangeSource } from '#ports/local-folder.ts';
import { makeOutside } from '#test/hostile/outside.ts';
import { type Fixture, makeFixture } from './folder-fixture.ts';

let fixture: Fixture;
let source: ChangeSource | null;
let hints: ChangeHint[];
let engine: WatchEngine;

beforeEach(async () => {
  fixture = await makeFixture();
  hints = [];
  source = null;
});
afterEach(async () => {
  await source?.close();
  fixture.remove();
});

async function start(options: Partial<WatchOptions> = {}): Promise<void> {
  source = watchFolder({ root: fixture.root, isExcluded: () => false, engine, ...options });
  await source.start((hint) => {
    hints.push(hint);
  });
}

function names(): Set<string> {
  return new Set(hints.flatMap((hint) => (hint.kind === 'names' ? hint.names : [])));
}

async function until(isSo: () => boolean, what: string): Promise<void> {
  for (let tries = 0; tries < 400; tries += 1) {
    if (isSo()) return;
    await delay(25);
  }
  assert.fail(`${what}; seen: ${[...names()].slice(0, 20).join(', ')}`);
}

const seen = (...wanted: string[]): Promise<void> =>
  until(() => wanted.every((name) => names().has(name)), `not all of ${wanted.join(', ')} were told`);

for (const each of ['descriptors', 'chokidar'] as const)
  describe(`watch with ${each}`, () => {
    beforeEach(() => {
      engine = each;
    });

    test('creations, edits, removals and directories are told by name', async () => {
      fs.writeFileSync(join(fixture.root, 'edited'), 'a');
      fs.writeFileSync(join(fixture.root, 'removed'), 'a');
      await start();
      assert.deepEqual(hints, []);
      fs.writeFileSync(join(fixture.root, 'edited'), 'bb');
      fs.rmSync(join(fixture.root, 'removed'));
      fs.mkdirSync(join(fixture.root, 'dir'));
      fs.writeFileSync(join(fixture.root, 'dir/é'), 'a');
      fs.writeFileSync(join(fixture.root, 'draft~'), 'a');
      fs.symlinkSync('/etc', join(fixture.root, 'link'));
      await seen('edited', 'removed', 'dir', 'dir/é', 'draft~', 'link');
      assert.ok([...names()].every((name) => !name.startsWith('link/')));
    });

    test('a renamed directory is told under both names, and with its contents where it is now', async () => {
      fs.mkdirSync(join(fixture.root, 'old/sub'), { recursive: true });
      fs.writeFileSync(join(fixture.root, 'old/sub/file'), 'a');
      await start();
      fs.renameSync(join(fixture.root, 'old'), join(fixture.root, 'new'));
      await seen('old', 'new', 'new/sub', 'new/sub/file');
      fs.writeFileSync(join(fixture.root, 'new/sub/later'), 'a');
      await seen('new/sub/later');
      assert.ok(!names().has('old/sub/later'));
    });

    test('a directory removed and made again under its name is watched', async () => {
      fs.mkdirSync(join(fixture.root, 'd/e'), { recursive: true });
      await start();
      for (let round = 0; round < 20; round += 1) {
        fs.rmSync(join(fixture.root, 'd'), { recursive: true });
        fs.mkdirSync(join(fixture.root, 'd/e'), { recursive: true });
      }
      const isLost = (): boolean => hints.some((hint) => hint.kind === 'lost');
      await until(
        () => isLost() || (names().has('d') && names().has('d/e')),
        'neither names nor a loss were told',
      );
      await delay(200);
      fs.writeFileSync(join(fixture.root, 'd/e/file'), 'a');
      await seen('d/e/file');
    });

    test('names that none can hold are not told, nor what is below them', async () => {
      await start();
      fs.mkdirSync(join(fixture.root, 'line\nbreak'));
      fs.mkdirSync(Buffer.concat([Buffer.from(`${fixture.root}/`), Buffer.from([0xff])]));
      await delay(20);
      fs.writeFileSync(join(fixture.root, 'line\nbreak/x'), 'a');
      fs.writeFileSync(join(fixture.root, 'told'), 'a');
      await seen('told');
      assert.deepEqual([...names()], ['told']);
    });

    test('that the folder itself was taken away is told as a loss', async () => {
      await start();
      fs.renameSync(fixture.root, `${fixture.root}-away`);
      await until(() => hints.some((hint) => hint.kind === 'lost'), 'no loss was told');
    });

    test('while a directory is swapped for a link in a loop, nothing outside is watched or listed', async () => {
      // Chokidar is for folders where nobody else can write.
      if (each === 'chokidar') return;
      const outside = makeOutside(join(fixture.root, '../outside'), new Map([['e/secret', 'x']]));
      fs.mkdirSync(join(fixture.root, 'd/e'), { recursive: true });
      const script = fileURLToPath(new URL('swap-child.ts', import.meta.url));
      const child = spawn(process.execPath, [script, join(fixture.root, 'd'), outside.path], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      try {
        await new Promise((resolve) => child.stdout.once('data', resolve));
        await start();
        const watched = new Set<string>();
        for (let looks = 0; looks < 600; looks += 1) {
          for (const line of outside.watchedBy([process.pid])) watched.add(line);
          await delay(5);
        }
        assert.equal(child.exitCode, null, 'nothing was swapped any more');
        assert.deepEqual([...watched], []);
        assert.deepEqual(outside.touched(), []);
        assert.ok(![...names()].some((name) => name.includes('secret')));
      } finally {
        const gone = new Promise((resolve) => child.once('exit', resolve));
        if (child.exitCode === null && child.kill('SIGKILL')) await gone;
        outside.close();
      }
    });

    test('our own directory and excluded names are not told', async () => {
      await start({ isExcluded: (name) => name.startsWith('skip') });
      fs.writeFileSync(join(fixture.root, '.holdfast/own'), 'a');
      fs.mkdirSync(join(fixture.root, 'skip'));
      fs.writeFileSync(join(fixture.root, 'skip/x'), 'a');
      fs.writeFileSync(join(fixture.root, 'told'), 'a');
      await seen('told');
      assert.deepEqual([...names()], ['told']);
    });

    test('files in directories made just before them are not missed', async () => {
      await start();
      const wanted: string[] = [];
      for (let round = 0; round < 200; round += 1) {
        const directory = `d${round}/e/f`;
        fs.mkdirSync(join(fixture.root, directory), { recursive: true });
        fs.writeFileSync(join(fixture.root, directory, 'file'), 'a');
        wanted.push(`${directory}/file`);
        if (round % 20 === 0) await delay(1);
      }
      await seen(...wanted);
    });

    test('a burst is told as lost once, since it may be the visible part of more', async () => {
      await start({ burstEvents: 50 });
      for (let index = 0; index < 120; index += 1) fs.writeFileSync(join(fixture.root, `f${index}`), '');
      await until(() => hints.some((hint) => hint.kind === 'lost'), 'no loss was told');
      await seen('f119');
    });

    test('a process that was held up tells that events may be lost', async () => {
      await start({ lagMs: 200 });
      spawnSync('sleep', ['0.6']);
      await until(
        () => hints.some((hint) => hint.kind === 'lost' && hint.reason.includes('held up')),
        'no loss was told',
      );
    });

    test('names come in batches, each once and in order', async () => {
      await start({ collectMs: 300 });
      for (const name of ['b', 'a', 'c']) fs.writeFileSync(join(fixture.root, name), '');
      await seen('a', 'b', 'c');
      assert.deepEqual(hints, [{ kind: 'names', names: ['a', 'b', 'c'] }]);
    });
  });

test('a folder that others may write to, or own, an empty or a large one is watched by descriptors', async (t) => {
  fixture = await makeFixture();
  hints = [];
  fs.chmodSync(fixture.root, 0o755);
  assert.equal(await engineFor(fixture.root), 'descriptors');
  fs.mkdirSync(`${fixture.root}/deep/er`, { recursive: true });
  fs.writeFileSync(`${fixture.root}/deep/er/file`, '');
  assert.equal(await engineFor(fixture.root), 'chokidar');
  assert.equal(await engineFor(fixture.root, 3), 'chokidar');
  assert.equal(await engineFor(fixture.root, 2), 'descriptors');
  fs.chmodSync(fixture.root, 0o775);
  assert.equal(await engineFor(fixture.root), 'descriptors');
  fs.chmodSync(fixture.root, 0o755);
  if (process.getuid?.() !== 0) return t.diagnostic('only root can give a folder away');
  fs.chownSync(fixture.root, 1234, 1234);
  assert.equal(await engineFor(fixture.root), 'descriptors');
});
