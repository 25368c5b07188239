/** Agkyra's scenarios: what its own tests asked of one folder and one container, under plain names. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { lstat, mkdir, readdir, readFile, rename, rm, symlink, unlink, writeFile } from 'node:fs/promises';
import type { Name } from '#core/name.ts';
import type { Engine } from '#test/support/engine.ts';
import { describeOnStores } from './open-stores.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

async function writeBoth(engine: Engine, name: string, text: string): Promise<void> {
  await writeFile(engine.path(name), text);
  await engine.sync();
  assert.equal(await engine.upstreamText(name), text);
}

const textHere = (engine: Engine, name: string): Promise<string> => readFile(engine.path(name), 'utf8');

async function conflictCopies(engine: Engine, directory = ''): Promise<string[]> {
  return (await readdir(engine.path(directory))).filter((name) => /_\d{8}T\d{6}\.\d{3}Z_/.test(name));
}

async function assertQuiet(engine: Engine): Promise<void> {
  const seen = async (): Promise<number> =>
    (await engine.archive.transferred(engine.pairId, new Date(0))).files;
  const before = await seen();
  await engine.scan();
  await engine.poll();
  const decided = await engine.decide();
  assert.equal(decided.decided, 0, 'a further scan and poll decide nothing');
  assert.equal(await seen(), before);
}

describeOnStores('listing and events', (scenario) => {
  scenario('a listing makes candidates of new, changed and missing objects', async (engine) => {
    const { other } = engine.remote;
    await other.put('same', bytes('same'));
    await other.put('changed', bytes('old'));
    await other.put('gone', bytes('gone'));
    await engine.sync();
    await other.put('changed', bytes('new content'));
    await other.remove('gone');
    await other.put('new', bytes('new'));
    const { candidates } = await engine.poll();
    assert.equal(candidates, 3);
    await engine.drain();
    assert.equal(await textHere(engine, 'changed'), 'new content');
    assert.equal(await textHere(engine, 'new'), 'new');
    assert.equal(existsSync(engine.path('gone')), false);
    await assertQuiet(engine);
  });

  scenario('an event makes a candidate only of what differs', async (engine) => {
    await writeBoth(engine, 'a', 'one');
    await engine.hint('a');
    assert.equal((await engine.decide()).taken, 0, 'our own and old writes decide nothing');
    await writeFile(engine.path('a'), 'two!');
    await engine.hint('a');
    assert.equal((await engine.decide()).decided, 1);
  });

  scenario(
    'what a worker brings here just now is no candidate, and its event is judged again',
    async (engine) => {
      await engine.remote.other.put('a', bytes('one'));
      await engine.poll();
      await engine.decide();
      const [job] = await engine.dispatch();
      await engine.archive.claim(engine.pairId, job?.items ?? [], 'worker', 60_000);
      await writeFile(engine.path('a'), 'one');
      assert.deepEqual([...(await engine.hint('a')).keys()], ['a']);
      await engine.archive.claim(engine.pairId, job?.items ?? [], 'worker', 0);
      assert.equal((await engine.hint('a')).size, 0);
    },
  );

  scenario('the event of a directory that went speaks for all that was below it', async (engine) => {
    await mkdir(engine.path('old/sub'), { recursive: true });
    await writeBoth(engine, 'old/sub/file', 'moved');
    await writeBoth(engine, 'old-file', 'stays');
    await rename(engine.path('old'), engine.path('new'));
    await engine.hint('old', 'new', 'new/sub', 'new/sub/file');
    await engine.drain();
    assert.deepEqual(await engine.upstreamNames(), ['new', 'new/sub', 'new/sub/file', 'old-file']);
    await assertQuiet(engine);
  });
});

describeOnStores('moves', (scenario) => {
  scenario('a file that moved here is copied upstream, and none of it is sent again', async (engine) => {
    await mkdir(engine.path('old'));
    await writeBoth(engine, 'old/file', 'moved content');
    await rename(engine.path('old'), engine.path('new'));
    const sent = async () => (await engine.archive.transferred(engine.pairId, new Date(0))).bytes;
    const before = await sent();
    await engine.sync();
    assert.equal(await engine.upstreamText('new/file'), 'moved content');
    assert.deepEqual(await engine.upstreamNames(), ['new', 'new/file']);
    const told = await engine.archive.history(engine.pairId, 'new/file' as Name, 10);
    assert.equal(await sent(), before);
    assert.ok(told.some(({ text }) => text.startsWith('moved from "old/file"')));
    await assertQuiet(engine);
  });
});

describeOnStores('moves upstream', (scenario) => {
  scenario(
    'an object that moved upstream is copied here, and none of it is fetched again',
    async (engine) => {
      const { other } = engine.remote;
      await writeBoth(engine, 'old', 'moved content');
      await other.put('new', bytes('moved content'));
      await other.remove('old');
      const before = await engine.archive.transferred(engine.pairId, new Date(0));
      await engine.sync();
      assert.equal(await textHere(engine, 'new'), 'moved content');
      assert.equal(existsSync(engine.path('old')), false);
      const after = await engine.archive.transferred(engine.pairId, new Date(0));
      assert.equal(after.bytes, before.bytes);
      const told = await engine.archive.history(engine.pairId, 'new' as Name, 10);
      assert.ok(told.some(({ text }) => text.startsWith('moved from "old"')));
      await assertQuiet(engine);
    },
  );

  scenario('content of the earlier name that changed meanwhile is not taken for it', async (engine) => {
    const { other } = engine.remote;
    await writeBoth(engine, 'old', 'moved content');
    await other.put('new', bytes('moved content'));
    await other.remove('old');
    await engine.poll();
    await engine.decide();
    await writeFile(engine.path('old'), 'MOVED CONTENT');
    await engine.sync();
    assert.equal(await textHere(engine, 'new'), 'moved content');
    assert.equal((await conflictCopies(engine)).length, 1);
    await assertQuiet(engine);
  });
});

describeOnStores('first contact', (scenario) => {
  scenario('uploads what is only here', async (engine) => {
    await mkdir(engine.path('d/e'), { recursive: true });
    await writeFile(engine.path('d/e/f.txt'), 'hello');
    await writeFile(engine.path('empty'), '');
    await engine.sync();
    assert.equal(await engine.upstreamText('d/e/f.txt'), 'hello');
    assert.equal(await engine.upstreamText('empty'), '');
    assert.deepEqual(await engine.upstreamNames(), ['d', 'd/e', 'd/e/f.txt', 'empty']);
    await assertQuiet(engine);
  });

  scenario('downloads what is only upstream', async (engine) => {
    await engine.remote.other.put('x/y/z.txt', bytes('deep'));
    await engine.remote.other.putDirectory('bare');
    await engine.sync();
    assert.equal(await textHere(engine, 'x/y/z.txt'), 'deep');
    assert.equal((await lstat(engine.path('bare'))).isDirectory(), true);
    await assertQuiet(engine);
    assert.deepEqual(
      await engine.upstreamNames(),
      ['bare', 'x/y/z.txt'],
      'no marker is added for implied directories',
    );
  });

  scenario('moves no byte where both sides are equal', async (engine) => {
    await writeFile(engine.path('same'), 'equal content');
    await engine.remote.other.put('same', bytes('equal content'));
    await engine.sync();
    assert.equal((await engine.archive.transferred(engine.pairId, new Date(0))).bytes, 0);
    assert.deepEqual(await conflictCopies(engine), []);
    await assertQuiet(engine);
  });

  scenario('is a union where both sides differ', async (engine) => {
    await writeFile(engine.path('both'), 'mine');
    await engine.remote.other.put('both', bytes('theirs'));
    await writeFile(engine.path('mine'), 'm');
    await engine.remote.other.put('theirs', bytes('t'));
    await engine.sync();
    assert.equal(await textHere(engine, 'both'), 'theirs');
    const [copy = ''] = await conflictCopies(engine);
    assert.equal(await textHere(engine, copy), 'mine');
    assert.equal(await engine.upstreamText(copy), 'mine');
    assert.deepEqual((await readdir(engine.root)).filter((name) => name !== '.holdfast').length, 4);
    await assertQuiet(engine);
  });
});

describeOnStores('conflicts', (scenario) => {
  scenario(
    'an upload that upstream overtook is refused; upstream takes the name and ours is uploaded as a copy',
    async (engine) => {
      await writeBoth(engine, 'doc.txt', 'base');
      await writeFile(engine.path('doc.txt'), 'mine mine');
      await engine.scan();
      await engine.decide();
      const jobs = await engine.dispatch();
      await engine.remote.other.put('doc.txt', bytes('theirs'));
      assert.deepEqual(await engine.transfer(jobs), { acknowledged: 0, released: 1 });
      await engine.drain();
      assert.equal(await textHere(engine, 'doc.txt'), 'theirs');
      const copies = await conflictCopies(engine);
      assert.equal(copies.length, 1);
      assert.equal(await textHere(engine, copies[0] ?? ''), 'mine mine');
      assert.equal(await engine.upstreamText(copies[0] ?? ''), 'mine mine');
      await assertQuiet(engine);
    },
  );

  scenario('a change here that a download meets becomes a copy', async (engine) => {
    await writeBoth(engine, 'doc.txt', 'base');
    await engine.remote.other.put('doc.txt', bytes('theirs'));
    await engine.poll();
    await engine.decide();
    const jobs = await engine.dispatch();
    await writeFile(engine.path('doc.txt'), 'late edit here');
    await engine.transfer(jobs);
    await engine.drain();
    assert.equal(await textHere(engine, 'doc.txt'), 'theirs');
    const [copy = ''] = await conflictCopies(engine);
    assert.equal(await engine.upstreamText(copy), 'late edit here');
    await assertQuiet(engine);
  });

  scenario(
    'a changed file that was deleted upstream goes, and its change is kept as a copy',
    async (engine) => {
      await writeBoth(engine, 'doc', 'base');
      await writeFile(engine.path('doc'), 'edited here');
      await engine.remote.other.remove('doc');
      await engine.sync();
      assert.equal(existsSync(engine.path('doc')), false);
      const [copy = ''] = await conflictCopies(engine);
      assert.equal(await engine.upstreamText(copy), 'edited here');
    },
  );

  scenario(
    'with edit-wins a changed file that was deleted upstream is uploaded again',
    async (engine) => {
      await writeBoth(engine, 'doc', 'base');
      await writeFile(engine.path('doc'), 'edited here');
      await engine.remote.other.remove('doc');
      await engine.sync();
      assert.equal(await engine.upstreamText('doc'), 'edited here');
      assert.deepEqual(await conflictCopies(engine), []);
    },
    { policies: { deleteVsEdit: 'edit-wins' } },
  );

  scenario(
    'with conflict=local the content here takes the name and the other is kept upstream',
    async (engine) => {
      await writeBoth(engine, 'doc', 'base');
      await writeFile(engine.path('doc'), 'mine mine');
      await engine.remote.other.put('doc', bytes('theirs'));
      await engine.sync();
      assert.equal(await engine.upstreamText('doc'), 'mine mine');
      assert.equal(await textHere(engine, 'doc'), 'mine mine');
      const [copy = ''] = await conflictCopies(engine);
      assert.equal(await textHere(engine, copy), 'theirs');
      await assertQuiet(engine);
    },
    { policies: { conflict: 'local' } },
  );

  scenario('a file deleted here and changed upstream comes back', async (engine) => {
    await writeBoth(engine, 'doc', 'base');
    await unlink(engine.path('doc'));
    await engine.remote.other.put('doc', bytes('changed upstream'));
    await engine.sync();
    assert.equal(await textHere(engine, 'doc'), 'changed upstream');
    await assertQuiet(engine);
  });
});

describeOnStores('deletes', (scenario) => {
  scenario('a delete here deletes upstream', async (engine) => {
    await writeBoth(engine, 'doc', 'base');
    await unlink(engine.path('doc'));
    await engine.sync();
    assert.deepEqual(await engine.upstreamNames(), []);
    await assertQuiet(engine);
  });

  scenario('a delete upstream deletes here, into the trash', async (engine) => {
    await writeBoth(engine, 'doc', 'base');
    await engine.remote.other.remove('doc');
    await engine.sync();
    assert.equal(existsSync(engine.path('doc')), false);
    const [trashed] = await engine.archive.trash(engine.pairId, 'doc' as Name);
    assert.ok(trashed !== undefined);
    assert.equal(await engine.folder.restore('doc' as Name, trashed.pointer), true);
    assert.equal(await textHere(engine, 'doc'), 'base');
  });

  scenario('deleted on both sides needs no transfer', async (engine) => {
    await writeBoth(engine, 'doc', 'base');
    await unlink(engine.path('doc'));
    await engine.remote.other.remove('doc');
    await engine.sync();
    await assertQuiet(engine);
  });

  scenario('a directory with contents deleted here goes upstream, contents first', async (engine) => {
    await mkdir(engine.path('a/b'), { recursive: true });
    await writeFile(engine.path('a/b/c'), 'c');
    await writeFile(engine.path('a/d'), 'd');
    await engine.sync();
    await rm(engine.path('a'), { recursive: true });
    await engine.sync();
    assert.deepEqual(await engine.upstreamNames(), []);
    await assertQuiet(engine);
  });

  for (const order of ['parents first', 'contents first']) {
    scenario(`a directory deleted upstream goes here, ${order}`, async (engine) => {
      await mkdir(engine.path('a/b'), { recursive: true });
      await writeFile(engine.path('a/b/c'), 'c');
      await engine.sync();
      const names = ['a', 'a/b', 'a/b/c'];
      for (const name of order === 'parents first' ? names : names.toReversed()) {
        await engine.remote.other.remove(name);
        await engine.archive.mark(engine.pairId, 'remote', [name as Name]);
        await engine.decide();
        await engine.transfer(await engine.dispatch());
      }
      await engine.sync();
      assert.equal(existsSync(engine.path('a')), false);
      assert.deepEqual(await engine.upstreamNames(), []);
      await assertQuiet(engine);
    });
  }

  scenario('a directory deleted upstream stays when a new file is in it', async (engine) => {
    await mkdir(engine.path('a'));
    await writeFile(engine.path('a/old'), 'old');
    await engine.sync();
    await engine.remote.other.remove('a/old');
    await engine.remote.other.remove('a');
    await writeFile(engine.path('a/new'), 'new');
    await engine.sync();
    assert.deepEqual(await readdir(engine.path('a')), ['new']);
    assert.equal(await engine.upstreamText('a/new'), 'new');
    assert.equal(await engine.upstreamText('a/old'), null);
    await assertQuiet(engine);
  });

  scenario('a delete that finds a change upstream brings the change here', async (engine) => {
    await writeBoth(engine, 'doc', 'base');
    await unlink(engine.path('doc'));
    await engine.scan();
    await engine.decide();
    const jobs = await engine.dispatch();
    await engine.remote.other.put('doc', bytes('changed'));
    await engine.transfer(jobs);
    await engine.drain();
    assert.equal(await textHere(engine, 'doc'), 'changed');
  });

  scenario('a delete upstream that finds a change here keeps the change as a copy', async (engine) => {
    await writeBoth(engine, 'doc', 'base');
    await engine.remote.other.remove('doc');
    await engine.poll();
    await engine.decide();
    const jobs = await engine.dispatch();
    await writeFile(engine.path('doc'), 'edited just now');
    await engine.transfer(jobs);
    await engine.drain();
    const [copy = ''] = await conflictCopies(engine);
    assert.equal(await textHere(engine, copy), 'edited just now');
  });
});

describeOnStores('kinds', (scenario) => {
  scenario('a file takes the place of a directory upstream, and the directory returns', async (engine) => {
    const { other } = engine.remote;
    await mkdir(engine.path('n'));
    await writeFile(engine.path('n/in'), 'in');
    await engine.sync();
    await other.remove('n/in');
    await other.remove('n');
    await other.put('n', bytes('now a file'));
    await engine.sync();
    assert.equal(await textHere(engine, 'n'), 'now a file');
    await other.remove('n');
    await other.putDirectory('n');
    await other.put('n/in', bytes('again'));
    await engine.sync();
    assert.equal(await textHere(engine, 'n/in'), 'again');
    assert.deepEqual(await conflictCopies(engine), []);
    await assertQuiet(engine);
  });

  scenario('a file takes the place of a directory here, and the directory returns', async (engine) => {
    await mkdir(engine.path('n'));
    await writeFile(engine.path('n/in'), 'in');
    await engine.sync();
    await rm(engine.path('n'), { recursive: true });
    await writeFile(engine.path('n'), 'now a file');
    await engine.sync();
    assert.equal(await engine.upstreamText('n'), 'now a file');
    assert.deepEqual(await engine.upstreamNames(), ['n']);
    await unlink(engine.path('n'));
    await mkdir(engine.path('n'));
    await writeFile(engine.path('n/in'), 'again');
    await engine.sync();
    assert.deepEqual(await engine.upstreamNames(), ['n', 'n/in']);
    await assertQuiet(engine);
  });

  scenario('a directory here and a file upstream: the tree moves to a conflict name', async (engine) => {
    await mkdir(engine.path('n'));
    await writeFile(engine.path('n/mine'), 'mine');
    await engine.remote.other.put('n', bytes('theirs'));
    await engine.sync();
    assert.equal(await textHere(engine, 'n'), 'theirs');
    const [copy = ''] = await conflictCopies(engine);
    assert.equal(await textHere(engine, `${copy}/mine`), 'mine');
    assert.equal(await engine.upstreamText(`${copy}/mine`), 'mine');
    await assertQuiet(engine);
  });

  scenario('a file here and a directory upstream: the file moves to a conflict name', async (engine) => {
    await writeFile(engine.path('n'), 'mine');
    await engine.remote.other.put('n/theirs', bytes('theirs'));
    await engine.sync();
    assert.equal(await textHere(engine, 'n/theirs'), 'theirs');
    const [copy = ''] = await conflictCopies(engine);
    assert.equal(await engine.upstreamText(copy), 'mine');
    await assertQuiet(engine);
  });

  scenario('a link is left alone, and never deletes what is upstream', async (engine) => {
    await writeBoth(engine, 'doc', 'base');
    await unlink(engine.path('doc'));
    await symlink('/etc/hostname', engine.path('doc'));
    await symlink('nowhere', engine.path('dangling'));
    await engine.sync();
    assert.equal(await engine.upstreamText('doc'), 'base');
    assert.deepEqual(await engine.upstreamNames(), ['doc']);
    assert.equal((await lstat(engine.path('doc'))).isSymbolicLink(), true);
    const codes = (await engine.archive.problems(engine.pairId)).map(
      (problem) => `${problem.name} ${problem.code}`,
    );
    assert.deepEqual(codes.toSorted(), ['dangling local-unhandled', 'doc local-unhandled']);
    await assertQuiet(engine);
  });

  scenario('a link is kept under a conflict name when upstream has a file there', async (engine) => {
    await symlink('target', engine.path('doc'));
    await engine.remote.other.put('doc', bytes('theirs'));
    await engine.sync();
    assert.equal(await textHere(engine, 'doc'), 'theirs');
    const [copy = ''] = await conflictCopies(engine);
    assert.equal((await lstat(engine.path(copy))).isSymbolicLink(), true);
    await assertQuiet(engine);
  });

  scenario('a renamed directory arrives with everything in it', async (engine) => {
    await mkdir(engine.path('old/deep'), { recursive: true });
    await writeFile(engine.path('old/deep/f'), 'f');
    await engine.sync();
    await rename(engine.path('old'), engine.path('new'));
    await engine.sync();
    assert.deepEqual(await engine.upstreamNames(), ['new', 'new/deep', 'new/deep/f']);
    await assertQuiet(engine);
  });

  scenario('both a name and names below it as objects are a visible problem', async (engine) => {
    await engine.remote.other.put('n', bytes('file'));
    await engine.remote.other.put('n/below', bytes('below'));
    await engine.sync();
    assert.equal(await textHere(engine, 'n'), 'file');
    assert.equal(await engine.upstreamText('n/below'), 'below');
    const problems = await engine.archive.problems(engine.pairId);
    assert.deepEqual(
      problems.map((problem) => `${problem.name} ${problem.code}`),
      ['n/below name-file-and-directory'],
    );
  });
});

describeOnStores('in flight', (scenario) => {
  scenario(
    'a file that is still being written is not staged',
    async (engine) => {
      await writeFile(engine.path('busy'), 'half');
      await engine.scan();
      await engine.poll();
      const first = await engine.decide();
      assert.equal(first.decided, 0);
      assert.ok(first.laterAt !== null && first.laterAt > Date.now());
      assert.deepEqual(await engine.upstreamNames(), []);
    },
    { settleMs: 3_600_000 },
  );

  scenario('a file that changed after the decision is not staged but decided anew', async (engine) => {
    await writeFile(engine.path('doc'), 'first');
    await engine.scan();
    await engine.poll();
    await engine.decide();
    const jobs = await engine.dispatch();
    await writeFile(engine.path('doc'), 'second version');
    assert.deepEqual(await engine.transfer(jobs), { acknowledged: 0, released: 1 });
    assert.deepEqual(await engine.upstreamNames(), []);
    await engine.drain();
    assert.equal(await engine.upstreamText('doc'), 'second version');
    await assertQuiet(engine);
  });

  scenario('an object that changed after the decision is downloaded as it is now', async (engine) => {
    await engine.remote.other.put('doc', bytes('first'));
    await engine.scan();
    await engine.poll();
    await engine.decide();
    const jobs = await engine.dispatch();
    await engine.remote.other.put('doc', bytes('second version'));
    await engine.transfer(jobs);
    await engine.drain();
    await engine.sync();
    assert.equal(await textHere(engine, 'doc'), 'second version');
    assert.deepEqual(await conflictCopies(engine), []);
    await assertQuiet(engine);
  });

  scenario('nothing is probed or decided twice while its decision is in flight', async (engine) => {
    await writeFile(engine.path('doc'), 'content');
    await engine.scan();
    await engine.poll();
    assert.equal((await engine.decide()).decided, 1);
    await engine.scan();
    await engine.hint('doc');
    assert.equal((await engine.decide()).taken, 0);
    const jobs = await engine.dispatch();
    assert.equal(jobs.length, 1);
    assert.equal((await engine.dispatch()).length, 0);
    await engine.transfer(jobs);
    await engine.drain();
    const kinds = (await engine.why('doc')).map((event) => event.kind);
    assert.deepEqual(kinds.filter((kind) => kind === 'decided').length, 1);
    assert.deepEqual(kinds.filter((kind) => kind === 'acknowledged').length, 1);
  });
});
