import assert from 'node:assert/strict';
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { toName } from '#core/name.ts';
import type { FileSystem } from '#libs/store-local/file-system.ts';
import { linuxFileSystem } from '#libs/store-local/linux-file-system.ts';
import { openLocalFolder } from '#libs/store-local/local-folder.ts';
import {
  attemptsLeft,
  contents,
  type Fixture,
  fileContent,
  hooked,
  makeFixture,
  orderOf,
  stateOf,
  systemClock,
  systemError,
} from './folder-fixture.ts';

const NAME = toName('doc.txt');
const isRoot = process.getuid?.() === 0;

let fixture: Fixture;
beforeEach(async () => {
  fixture = await makeFixture();
});
afterEach(() => fixture.remove());

describe('attach', () => {
  test('makes a private marker and finds out what the file system does', async () => {
    const facts = await fixture.folder.attach('pair-1');
    assert.deepEqual(facts, { hardLinks: true, foldsCase: false, foldsUnicode: false });
    assert.equal(fs.statSync(join(fixture.root, '.holdfast')).mode & 0o777, 0o700);
    assert.equal(fs.statSync(join(fixture.root, '.holdfast/marker')).mode & 0o777, 0o600);
    assert.deepEqual(fs.readdirSync(join(fixture.root, '.holdfast')), ['marker']);
  });

  test('refuses the folder of another pair', async () => {
    await assert.rejects(fixture.open({ pairId: 'pair-2' }).attach('pair-2'), { code: 'already-exists' });
  });

  test('of two pairs that want a folder at once, one gets it', async () => {
    fs.rmSync(join(fixture.root, '.holdfast'), { recursive: true });
    const results = await Promise.allSettled(
      ['pair-1', 'pair-2'].map((pairId) => fixture.open({ pairId }).attach(pairId)),
    );
    assert.deepEqual(results.map((result) => result.status).sort(), ['fulfilled', 'rejected']);
  });

  test('a later view of the folder knows the facts from the marker', async () => {
    const noLinks = hooked((primitive) => {
      if (primitive === 'link') throw systemError('EPERM');
    });
    await fixture.open({ fileSystem: noLinks }).attach('pair-1');
    const later = fixture.open();
    await later.check();
    assert.equal(later.facts.hardLinks, false);
  });

  test('a name of ours that is no directory is refused', async () => {
    fs.rmSync(join(fixture.root, '.holdfast'), { recursive: true });
    fs.symlinkSync('/tmp', join(fixture.root, '.holdfast'));
    await assert.rejects(fixture.folder.attach('pair-1'), { code: 'folder-denied' });
  });

  test('a detached folder can be attached by another pair, and detaching twice is fine', async () => {
    await fixture.folder.detach();
    await fixture.folder.detach();
    await fixture.open({ pairId: 'pair-2' }).attach('pair-2');
    await fixture.folder.detach();
    await fixture.open({ pairId: 'pair-2' }).check();
    fs.rmSync(fixture.root, { recursive: true });
    await fixture.folder.detach();
  });
});

test('a detached folder without trash has nothing of ours left, and one with trash keeps it', async () => {
  const trash = join(fixture.root, '.holdfast/trash');
  fs.mkdirSync(trash, { recursive: true });
  await fixture.folder.detach();
  assert.deepEqual(fs.readdirSync(join(fixture.root, '.holdfast')), ['trash']);
  fs.rmdirSync(trash);
  await fixture.folder.attach('pair-1');
  await fixture.folder.detach();
  assert.deepEqual(fs.readdirSync(fixture.root), []);
});

describe('a folder that is not the pair’s', () => {
  const spoilings: [string, string, () => void][] = [
    ['is missing', 'folder-missing', () => fs.rmSync(fixture.root, { recursive: true })],
    [
      'is a file',
      'folder-missing',
      () => {
        fs.rmSync(fixture.root, { recursive: true });
        fs.writeFileSync(fixture.root, '');
      },
    ],
    [
      'is a link',
      'folder-missing',
      () => {
        fs.renameSync(fixture.root, `${fixture.root}-real`);
        fs.symlinkSync(`${fixture.root}-real`, fixture.root);
      },
    ],
    [
      'is an empty mount point',
      'folder-unmarked',
      () => fs.rmSync(join(fixture.root, '.holdfast'), { recursive: true }),
    ],
    ['has lost its marker', 'folder-unmarked', () => fs.rmSync(join(fixture.root, '.holdfast/marker'))],
    [
      'has another pair’s marker',
      'folder-unmarked',
      () => fs.writeFileSync(join(fixture.root, '.holdfast/marker'), '{"pairId":"pair-2"}'),
    ],
    [
      'has a torn marker',
      'folder-unmarked',
      () => fs.writeFileSync(join(fixture.root, '.holdfast/marker'), '{"pa'),
    ],
  ];
  for (const [what, code, spoil] of spoilings) {
    test(`${what}: nothing is concluded and nothing written`, async () => {
      spoil();
      const { folder } = fixture;
      const walk = async (): Promise<void> => {
        for await (const _ of folder.walk(() => false)) assert.fail('an entry was walked');
      };
      for (const use of [
        () => folder.check(),
        () => folder.probe(NAME),
        walk,
        () => folder.pull(NAME, fileContent('x'), orderOf(NAME)),
        () => folder.remove(NAME, orderOf(NAME)),
        () => folder.recover(0),
      ]) {
        await assert.rejects(use(), { code });
      }
    });
  }
});

describe('probe', () => {
  test('a name below a file is absent, below a link it is unhandled', async () => {
    fs.writeFileSync(join(fixture.root, 'file'), '');
    fs.symlinkSync('/etc', join(fixture.root, 'link'));
    assert.deepEqual(await stateOf(fixture.folder, 'file/x'), { kind: 'absent' });
    assert.deepEqual(await stateOf(fixture.folder, 'missing/x/y'), { kind: 'absent' });
    const below = await stateOf(fixture.folder, 'link/passwd');
    assert.ok(below.kind === 'unhandled' && below.special === 'symlink');
  });

  test('a pipe is told without being opened', async () => {
    execFileSync('mkfifo', [join(fixture.root, 'pipe')]);
    const state = await stateOf(fixture.folder, 'pipe');
    assert.ok(state.kind === 'unhandled' && state.special === 'fifo');
  });

  test('where the file system folds, a name held by its twin is told as such', async () => {
    const folding: FileSystem = {
      setsOwners: linuxFileSystem.setsOwners,
      async openRoot(path) {
        const root = await linuxFileSystem.openRoot(path);
        const fold = (segment: string): string => (segment === 'doc.txt' ? 'DOC.txt' : segment);
        const folded = {
          ...root,
          lstat: (segment: string) => root.lstat(fold(segment)),
          openDirectoryAgain: async () => folded,
          close: async () => {},
        };
        return folded;
      },
    };
    fs.writeFileSync(join(fixture.root, 'DOC.txt'), '');
    fs.writeFileSync(
      join(fixture.root, '.holdfast/marker'),
      '{"pairId":"pair-1","hardLinks":true,"foldsCase":true}',
    );
    const folder = fixture.open({ fileSystem: folding });
    assert.deepEqual(await folder.probe(NAME), { result: 'twin', twin: 'DOC.txt' });
    assert.equal((await folder.probe(toName('DOC.txt'))).result, 'state');
  });
});

describe('nothing outside the folder is touched', () => {
  test('while a directory is swapped for a link in a loop, pulls and removals stay inside', async () => {
    const outside = join(fixture.root, '..', 'outside');
    fs.mkdirSync(outside);
    fs.writeFileSync(join(outside, 'victim'), 'outside');
    fs.mkdirSync(join(fixture.root, 'd/e'), { recursive: true });
    const script = fileURLToPath(new URL('swap-child.ts', import.meta.url));
    const child = spawn(process.execPath, [script, join(fixture.root, 'd'), outside], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    try {
      await new Promise((resolve) => child.stdout.once('data', resolve));
      const results = new Set<string>();
      for (let round = 0; round < 150; round += 1) {
        const name = toName(`d/e${round % 2}/file-${round}`);
        const outcome = await fixture.folder.pull(name, fileContent('x'), orderOf(name));
        results.add(outcome.result);
        const victim = toName('d/victim');
        await fixture.folder.remove(victim, orderOf(victim));
      }
      assert.equal(child.exitCode, null, 'nothing was swapped any more');
      assert.ok(results.has('applied'));
    } finally {
      const gone = new Promise((resolve) => child.once('exit', resolve));
      if (child.exitCode === null && child.kill('SIGKILL')) await gone;
    }
    assert.deepEqual(fs.readdirSync(outside), ['victim']);
  });

  test('a private directory planted as a link is not followed', async () => {
    const outside = join(fixture.root, '..', 'outside');
    fs.mkdirSync(outside);
    await fixture.folder.pull(NAME, fileContent('x'), orderOf(NAME));
    fs.rmSync(join(fixture.root, '.holdfast/attempts'), { recursive: true });
    fs.symlinkSync(outside, join(fixture.root, '.holdfast/attempts'));
    await assert.rejects(fixture.folder.pull(toName('other'), fileContent('x'), orderOf(toName('other'))));
    assert.deepEqual(fs.readdirSync(outside), []);
  });
});

describe('a folder that cannot be written', () => {
  test('a read-only volume and a full disk are told apart', {
    skip: !isRoot && 'mounting needs root',
  }, async (context) => {
    const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'tmpfs', fixture.root]);
    if (mounted.status !== 0) {
      context.skip(`no tmpfs can be mounted here: ${mounted.stderr}`);
      return;
    }
    try {
      await fixture.folder.attach('pair-1');
      const big = fileContent(Buffer.alloc(1024 * 1024, 'x'));
      await assert.rejects(fixture.folder.pull(NAME, big, orderOf(NAME)), { code: 'disk-full' });
      assert.deepEqual(await contents(fixture), {});
      assert.deepEqual(await attemptsLeft(fixture), []);
      assert.equal((await fixture.folder.pull(NAME, fileContent('small'), orderOf(NAME))).result, 'applied');
      execFileSync('mount', ['-o', 'remount,ro', fixture.root]);
      const other = toName('other');
      await assert.rejects(fixture.folder.pull(other, fileContent('x'), orderOf(other)), {
        code: 'folder-denied',
      });
      assert.deepEqual(await contents(fixture), { 'doc.txt': 'small' });
      await fixture.folder.check();
    } finally {
      execFileSync('umount', [fixture.root]);
    }
  });

  test('without permission the folder is denied', async () => {
    const denied: FileSystem = {
      setsOwners: false,
      openRoot: () => Promise.reject(systemError('EACCES')),
    };
    const folder = openLocalFolder({
      root: fixture.root,
      pairId: 'pair-1',
      clock: systemClock,
      fileSystem: denied,
    });
    await assert.rejects(folder.check(), { code: 'folder-denied' });
  });
});
