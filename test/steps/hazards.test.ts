/** Hazards: what an adversary of the steps would try. Each ends with both sides equal and quiet, and with every content kept. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rm, unlink, writeFile } from 'node:fs/promises';
import { describe, it } from 'node:test';
import type { Name } from '#core/name.ts';
import { excludeRules } from '#libs/exclusions/rules.ts';
import { HintBuffer, MOST_HINTS } from '#steps/hint-buffer.ts';
import { openMemory } from '#test/memory/open-memory.ts';
import { openPithos } from '#test/store-pithos/open-pithos.ts';
import { type Engine, type EngineOptions, startEngine } from '#test/support/engine.ts';
import { describeOnStores, type Scenario } from './open-stores.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const textHere = (engine: Engine, name: string): Promise<string> => readFile(engine.path(name), 'utf8');

/** One scenario on the memory store. */
function scenario(name: string, run: Scenario, options: EngineOptions = {}): void {
  it(name, async (t) => run(await startEngine(t, await openMemory(), options), t));
}

async function conflictCopies(engine: Engine, directory = ''): Promise<string[]> {
  return (await readdir(engine.path(directory))).filter((name) => /_\d{8}T\d{6}\.\d{3}Z_/.test(name));
}

async function problemsOf(engine: Engine): Promise<string[]> {
  return (await engine.archive.problems(engine.pairId)).map(({ name, code }) => `${name} ${code}`);
}

async function assertQuiet(engine: Engine): Promise<void> {
  await engine.scan();
  await engine.poll();
  await engine.drain();
  await engine.scan();
  await engine.poll();
  assert.equal((await engine.decide()).decided, 0, 'a further scan and poll decide nothing');
}

/** A directory `n` with a file in it, on both sides. */
async function syncedDirectory(engine: Engine): Promise<void> {
  await mkdir(engine.path('n'));
  await writeFile(engine.path('n/in'), 'in');
  await engine.sync();
}

describe('an object at the name of a directory', () => {
  scenario('stands still with the tree on both sides until one of them goes', async (engine) => {
    const { other } = engine.remote;
    await syncedDirectory(engine);
    await other.put('n', bytes('object'));
    await engine.sync();
    assert.equal(await textHere(engine, 'n/in'), 'in');
    assert.equal(await engine.upstreamText('n/in'), 'in');
    assert.equal(await engine.upstreamText('n'), 'object');
    assert.deepEqual(await problemsOf(engine), ['n remote-file-and-directory']);
    await other.remove('n/in');
    await engine.poll();
    await engine.drain();
    assert.equal(await textHere(engine, 'n'), 'object');
    assert.deepEqual(await problemsOf(engine), []);
    await assertQuiet(engine);
  });

  scenario('gets nothing put below it; what is new there moves aside with the tree', async (engine) => {
    const { other } = engine.remote;
    await mkdir(engine.path('n'));
    await engine.sync();
    await other.remove('n');
    await other.put('n', bytes('object'));
    await writeFile(engine.path('n/new'), 'new');
    await engine.scan();
    await engine.poll();
    await engine.decide();
    assert.deepEqual(await problemsOf(engine), ['n/new name-file-and-directory']);
    await engine.sync();
    assert.equal(await textHere(engine, 'n'), 'object');
    const [copy = ''] = await conflictCopies(engine);
    assert.equal(await engine.upstreamText(`${copy}/new`), 'new');
    assert.deepEqual(await engine.upstreamNames(), ['n', copy, `${copy}/new`]);
    assert.deepEqual(await problemsOf(engine), []);
    await assertQuiet(engine);
  });

  scenario('that a directory here replaces gives way before its contents are sent', async (engine) => {
    await writeFile(engine.path('n'), 'file');
    await engine.sync();
    await unlink(engine.path('n'));
    await mkdir(engine.path('n/deep'), { recursive: true });
    await writeFile(engine.path('n/deep/in'), 'in');
    await engine.scan();
    await engine.decide();
    const jobs = await engine.dispatch();
    assert.deepEqual(
      jobs.flatMap(({ items }) => items.map(({ name }) => name)),
      ['n'],
    );
    await engine.transfer(jobs);
    await engine.drain();
    assert.deepEqual(await engine.upstreamNames(), ['n', 'n/deep', 'n/deep/in']);
    assert.deepEqual(await problemsOf(engine), []);
    await assertQuiet(engine);
  });
});

describe('a file here in place of a directory', () => {
  for (const found of ['before', 'after']) {
    scenario(`moves aside when upstream adds to it, found ${found} the decision`, async (engine) => {
      await syncedDirectory(engine);
      await rm(engine.path('n'), { recursive: true });
      await writeFile(engine.path('n'), 'mine');
      await engine.scan();
      if (found === 'after') await engine.decide();
      await engine.remote.other.put('n/new', bytes('new'));
      await engine.sync();
      assert.equal(await textHere(engine, 'n/new'), 'new');
      const [copy = ''] = await conflictCopies(engine);
      assert.equal(await engine.upstreamText(copy), 'mine');
      assert.deepEqual(
        await engine.upstreamNames(),
        (await engine.upstreamNames()).filter((name) => name !== 'n/in'),
      );
      assert.deepEqual(await problemsOf(engine), []);
      await assertQuiet(engine);
    });
  }

  scenario('moves aside also where the delete of the directory was decided before', async (engine) => {
    const { other } = engine.remote;
    await other.put('n/in', bytes('in'));
    await engine.sync();
    await other.remove('n/in');
    await engine.poll();
    await engine.decide();
    await engine.transfer(await engine.dispatch());
    await engine.decide();
    await rm(engine.path('n'), { recursive: true });
    await writeFile(engine.path('n'), 'mine');
    await other.put('n/new', bytes('new'));
    await engine.sync();
    assert.equal(await textHere(engine, 'n/new'), 'new');
    const [copy = ''] = await conflictCopies(engine);
    assert.equal(await engine.upstreamText(copy), 'mine');
    await assertQuiet(engine);
  });

  scenario(
    'moves aside in a pair that only pulls, too',
    async (engine) => {
      await engine.remote.other.put('n/in', bytes('in'));
      await engine.sync();
      await rm(engine.path('n'), { recursive: true });
      await writeFile(engine.path('n'), 'mine');
      await engine.sync();
      assert.equal(await textHere(engine, 'n'), 'mine');
      await engine.remote.other.put('n/new', bytes('new'));
      await engine.sync();
      assert.equal(await textHere(engine, 'n/new'), 'new');
      const [copy = ''] = await conflictCopies(engine);
      assert.equal(await textHere(engine, copy), 'mine');
      await assertQuiet(engine);
    },
    { policies: { direction: 'pull-only' } },
  );

  scenario(
    'is a problem in a pair that only pushes',
    async (engine) => {
      await syncedDirectory(engine);
      await engine.remote.other.put('n/theirs', bytes('theirs'));
      await rm(engine.path('n'), { recursive: true });
      await writeFile(engine.path('n'), 'mine');
      await engine.sync();
      assert.equal(await textHere(engine, 'n'), 'mine');
      assert.equal(await engine.upstreamText('n/theirs'), 'theirs');
      assert.equal(await engine.upstreamText('n'), null);
      assert.deepEqual(await problemsOf(engine), ['n name-file-and-directory']);
      await engine.remote.other.remove('n/theirs');
      await engine.sync();
      assert.equal(await engine.upstreamText('n'), 'mine');
      assert.deepEqual(await problemsOf(engine), []);
      await assertQuiet(engine);
    },
    { policies: { direction: 'push-only' } },
  );
});

describeOnStores('contents that no poll has shown', (onStores) => {
  onStores('keep a directory upstream that was deleted here, and bring it back', async (engine) => {
    await syncedDirectory(engine);
    await rm(engine.path('n'), { recursive: true });
    await engine.scan();
    await engine.remote.other.put('n/unseen', bytes('unseen'));
    await engine.drain();
    await engine.sync();
    assert.equal(await textHere(engine, 'n/unseen'), 'unseen');
    assert.equal(existsSync(engine.path('n/in')), false);
    await assertQuiet(engine);
  });

  onStores('make a file here give way that was to replace their directory', async (engine) => {
    await syncedDirectory(engine);
    await rm(engine.path('n'), { recursive: true });
    await writeFile(engine.path('n'), 'mine');
    await engine.scan();
    await engine.remote.other.put('n/unseen', bytes('unseen'));
    await engine.decide();
    await engine.transfer(await engine.dispatch());
    await engine.decide();
    await engine.transfer(await engine.dispatch());
    await engine.sync();
    assert.equal(await textHere(engine, 'n/unseen'), 'unseen');
    const [copy = ''] = await conflictCopies(engine);
    assert.equal(await engine.upstreamText(copy), 'mine');
    assert.notEqual(await engine.upstreamText('n'), 'mine');
    assert.deepEqual(await problemsOf(engine), []);
    await assertQuiet(engine);
  });
});

describe('what every process must know', () => {
  scenario(
    'an excluded name is left alone on both sides even where no name could hold it',
    async (engine) => {
      await writeFile(engine.path('Icon\r'), 'here');
      await engine.remote.other.put('Icon\r', bytes('there'));
      await engine.remote.other.put('d/Icon\r', bytes('there'));
      await engine.sync();
      assert.deepEqual(await problemsOf(engine), []);
      assert.equal(await textHere(engine, 'Icon\r'), 'here');
      assert.deepEqual(await engine.upstreamNames(), ['Icon\r', 'd/Icon\r']);
    },
    { isExcluded: excludeRules({ excludes: [], ignoreText: '' }) },
  );

  it('the block size of a Pithos container is kept with the pair', async (t) => {
    const opened = await openPithos(t, { blockSize: 65_536 });
    const { capabilities } = await (await startEngine(t, opened)).pair();
    assert.ok(capabilities !== null);
    const engine = await startEngine(t, { ...opened, store: opened.openStore({ capabilities }) });
    const content = new Uint8Array(200_000).fill(7);
    await writeFile(engine.path('same'), content);
    await engine.remote.other.put('same', content);
    await engine.sync();
    assert.deepEqual(await engine.upstreamNames(), ['same']);
    assert.equal((await engine.archive.transferred(engine.pairId, new Date(0))).files, 0);
  });
});

describe('memory', () => {
  it('of hints is bounded: too many names are dropped and a full scan is asked for', () => {
    const hints = new HintBuffer();
    const names = Array.from({ length: MOST_HINTS }, (_, index) => `n${index}` as Name);
    assert.equal(hints.add(names, 0), 'kept');
    assert.equal(hints.add(names, 0), 'kept', 'a name is held once');
    assert.equal(hints.add(['one more' as Name], 0), 'lost');
    assert.deepEqual(hints.takeDue(1), []);
    assert.equal(hints.add(['one more' as Name], 0), 'kept');
    assert.deepEqual(hints.takeDue(1), ['one more']);
  });
});
