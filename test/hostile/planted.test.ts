/** Planted: links, owners and mode bits of a user's making give nobody rights, and change nothing elsewhere. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { toName } from '#core/name.ts';
import {
  directoryContent,
  type Fixture,
  fileContent,
  hooked,
  MD5,
  makeFixture,
  once,
  orderOf,
  stateOf,
  systemError,
} from '#test/store-local/folder-fixture.ts';
import { watchKernel } from './kernel-watch.ts';

const NAME = toName('doc.txt');
const isRoot = process.getuid?.() === 0;
const needsRoot = { skip: !isRoot && 'giving files to others needs root' };

let fixture: Fixture;
beforeEach(async () => {
  fixture = await makeFixture();
});
afterEach(() => fixture.remove());

const path = (name: string): string => join(fixture.root, name);

describe('a hard link to a file outside', () => {
  const commits: [string, () => Promise<unknown>][] = [
    ['is replaced', async () => fixture.folder.pull(NAME, fileContent('new'), await order('recoverable'))],
    [
      'loses a conflict',
      async () => fixture.folder.pull(NAME, fileContent('new'), await order('conflict-copy')),
    ],
    ['is removed', async () => fixture.folder.remove(NAME, await order('recoverable'))],
    [
      'gives way to a directory',
      async () => fixture.folder.pull(NAME, directoryContent, await order('recoverable')),
    ],
  ];
  const order = async (displaced: 'recoverable' | 'conflict-copy') =>
    orderOf(NAME, await stateOf(fixture.folder, NAME), displaced);

  for (const [what, commit] of commits) {
    test(`that ${what} leaves that file as it was`, async () => {
      const outside = join(fixture.root, '../outside');
      fs.writeFileSync(outside, 'outside', { mode: 0o640 });
      if (isRoot) fs.chownSync(outside, 1234, 2345);
      fs.utimesSync(outside, 1, 2);
      fs.linkSync(outside, path(NAME));
      const facts = (): unknown[] => {
        const { mode, uid, gid, size, mtimeMs } = fs.statSync(outside);
        return [mode, uid, gid, size, mtimeMs, fs.readFileSync(outside, 'utf8')];
      };
      const before = facts();
      await commit();
      assert.deepEqual(facts(), before);
    });
  }

  test('whose other name is edited is changed here, too', async () => {
    fs.writeFileSync(path('one'), 'before');
    fs.linkSync(path('one'), path('other'));
    const expected = await stateOf(fixture.folder, 'other');
    fs.appendFileSync(path('one'), ' and after');
    assert.equal(await fixture.folder.hash(toName('other'), expected, MD5), null);
    const outcome = await fixture.folder.pull(
      toName('other'),
      fileContent('new'),
      orderOf(toName('other'), expected),
    );
    assert.equal(outcome.result, 'stale');
    assert.equal(fs.readFileSync(path('other'), 'utf8'), 'before and after');
  });
});

describe('a pipe', () => {
  const pipe = (name: string): string => {
    execFileSync('mkfifo', [path(name)]);
    return path(name);
  };

  test('put in place of a file right before that is opened is not opened', async (t) => {
    fs.writeFileSync(path(NAME), 'before');
    const expected = await stateOf(fixture.folder, NAME);
    const watch = watchKernel([pipe('pipe')]);
    t.after(watch.close);
    const swap = once('openForReading', NAME, () => fs.renameSync(path('pipe'), path(NAME)));
    const outcome = await fixture.open({ fileSystem: hooked(swap) }).stage(NAME, expected, MD5, Date.now());
    assert.equal(outcome.result, 'stale');
    assert.deepEqual(
      watch.seen().filter((line) => !line.includes('moved')),
      [],
    );
  });

  test('for a journal, a trash record or the marker is not opened', async (t) => {
    fs.writeFileSync(path(NAME), 'before');
    await fixture.folder.remove(NAME, orderOf(NAME, await stateOf(fixture.folder, NAME)));
    const [record = ''] = fs.globSync(path('.holdfast/trash/*/*.json'));
    fs.rmSync(record);
    fs.rmSync(path('.holdfast/marker'));
    const pipes = [pipe('.holdfast/marker'), pipe(record.slice(fixture.root.length))];
    const watch = watchKernel(pipes);
    t.after(watch.close);
    await assert.rejects(fixture.folder.check(), { code: 'folder-unmarked' });
    await fixture.folder.attach('pair-1').catch(() => {});
    await fixture.folder.remove(NAME, orderOf(NAME)).catch(() => {});
    assert.deepEqual(
      watch.seen().filter((line) => /opened|read|written/.test(line)),
      [],
    );
  });
});

describe('owners and modes', () => {
  test('without hard links, too, a file belongs to whom its directory belongs to', needsRoot, async () => {
    const fileSystem = hooked((primitive) => {
      if (primitive === 'link') throw systemError('EPERM');
    });
    const folder = fixture.open({ fileSystem });
    await folder.attach('pair-1');
    fs.chownSync(fixture.root, 1234, 2345);
    await folder.pull(NAME, fileContent('x', { mode: 0o640 }), orderOf(NAME));
    const { uid, gid, mode } = fs.statSync(path(NAME));
    assert.deepEqual([uid, gid, mode & 0o7777], [1234, 2345, 0o640]);
  });

  test(
    'a directory of somebody else, moved to where one was made just now, keeps its own',
    needsRoot,
    async () => {
      fs.mkdirSync(path('theirs'), { mode: 0o750 });
      fs.chownSync(path('theirs'), 1234, 2345);
      const move = once('openDirectory', 'made', () => {
        if (!fs.existsSync(path('made'))) return;
        fs.rmdirSync(path('made'));
        fs.renameSync(path('theirs'), path('made'));
      });
      let isMade = false;
      const folder = fixture.open({
        fileSystem: hooked((primitive, segments, when) => {
          if (primitive === 'makeDirectory' && segments[0] === 'made' && when === 'after') isMade = true;
          if (isMade) move(primitive, segments, when);
        }),
      });
      const name = toName('made/doc.txt');
      await folder.pull(name, fileContent('x'), orderOf(name));
      const { uid, gid, mode } = fs.statSync(path('made'));
      assert.deepEqual([uid, gid, mode & 0o7777], [1234, 2345, 0o750]);
    },
  );

  test('a file that runs with its owner’s rights is replaced by one that does not', async () => {
    fs.writeFileSync(path(NAME), 'before');
    fs.chmodSync(path(NAME), 0o6755);
    const expected = await stateOf(fixture.folder, NAME);
    const staged = await fixture.folder.stage(NAME, expected, MD5, Date.now());
    assert.ok(staged.result === 'staged' && staged.content.mode === 0o755);
    await fixture.folder.pull(NAME, fileContent('after'), orderOf(NAME, expected));
    assert.equal(fs.statSync(path(NAME)).mode & 0o7777, 0o755);
  });

  test('what lies in trash and attempts is for the service alone', async () => {
    fs.writeFileSync(path(NAME), 'secret', { mode: 0o644 });
    await fixture.folder.remove(NAME, orderOf(NAME, await stateOf(fixture.folder, NAME)));
    for (const directory of ['', '/attempts', '/trash'])
      assert.equal(fs.statSync(path(`.holdfast${directory}`)).mode & 0o777, 0o700);
  });
});
