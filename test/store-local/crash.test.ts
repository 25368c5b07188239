/** Every commit is stopped before each of its steps; what the next claim of the name, or `recover`, makes of it is checked. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { toName } from '#core/name.ts';
import { ABSENT, type LocalState } from '#core/state.ts';
import { type AttemptOwner, processOwner } from '#libs/store-local/attempt-owner.ts';
import type { FileSystem } from '#libs/store-local/file-system.ts';
import type { CommitOutcome } from '#ports/commit.ts';
import type { LocalFolder } from '#ports/local-folder.ts';
import {
  allTrashed,
  attemptsLeft,
  contents,
  directoryContent,
  type Fixture,
  fileContent,
  type Hook,
  hooked,
  makeFixture,
  md5,
  orderOf,
  stateOf,
  systemError,
  trashed,
} from './folder-fixture.ts';

const NAME = toName('sub/doc.txt');
const CRASH_CHILD = fileURLToPath(new URL('crash-child.ts', import.meta.url));
const FAR_FUTURE = Date.now() + 1e10;

/** Its process is gone by the time anybody asks. */
const deadOwner: AttemptOwner = {
  tag: 'feedbeef.1.1',
  begin: () => {},
  end: () => {},
  standingOf: () => 'dead',
};

let fixture: Fixture;
afterEach(() => fixture.remove());

interface Commit {
  readonly title: string;
  readonly before: string | null;
  /** Null after a removal; a directory has no text. */
  readonly after: string | null | 'directory';
  readonly noLinks?: boolean;
  run(folder: LocalFolder, expected: LocalState): Promise<CommitOutcome<LocalState>>;
}

const COMMITS: readonly Commit[] = [
  {
    title: 'a pull to an absent name',
    before: null,
    after: 'after',
    run: (folder) => folder.pull(NAME, fileContent('after'), orderOf(NAME)),
  },
  {
    title: 'a pull over a synced file',
    before: 'before',
    after: 'after',
    run: (folder, expected) => folder.pull(NAME, fileContent('after'), orderOf(NAME, expected)),
  },
  {
    title: 'a pull over a file that lost a conflict',
    before: 'before',
    after: 'after',
    run: (folder, expected) =>
      folder.pull(NAME, fileContent('after'), orderOf(NAME, expected, 'conflict-copy')),
  },
  {
    title: 'a pull of a directory over a file',
    before: 'before',
    after: 'directory',
    run: (folder, expected) => folder.pull(NAME, directoryContent, orderOf(NAME, expected)),
  },
  {
    title: 'a removal',
    before: 'before',
    after: null,
    run: (folder, expected) => folder.remove(NAME, orderOf(NAME, expected)),
  },
  {
    title: 'a pull over a synced file without hard links',
    before: 'before',
    after: 'after',
    noLinks: true,
    run: (folder, expected) => folder.pull(NAME, fileContent('after'), orderOf(NAME, expected)),
  },
  {
    title: 'a pull to an absent name without hard links',
    before: null,
    after: 'after',
    noLinks: true,
    run: (folder) => folder.pull(NAME, fileContent('after'), orderOf(NAME)),
  },
];

const refuseLinks: Hook = (primitive) => {
  if (primitive === 'link') throw systemError('EPERM');
};

/** A file system on which the process stops for ever before its `step`-th primitive. */
function stoppingBefore(step: number, noLinks: boolean): { fileSystem: FileSystem; stopped: Promise<void> } {
  let announce = (): void => {};
  const stopped = new Promise<void>((resolve) => {
    announce = resolve;
  });
  let seen = 0;
  const fileSystem = hooked((primitive, segments, when) => {
    if (noLinks) refuseLinks(primitive, segments, when);
    if (when !== 'before') return undefined;
    seen += 1;
    if (seen !== step) return undefined;
    announce();
    return new Promise<never>(() => {});
  });
  return { fileSystem, stopped };
}

async function prepare(commit: Commit): Promise<LocalState> {
  fixture = await makeFixture(commit.noLinks ? { fileSystem: hooked(refuseLinks) } : {});
  fs.mkdirSync(join(fixture.root, 'sub'));
  if (commit.before === null) return ABSENT;
  fs.writeFileSync(join(fixture.root, NAME), commit.before);
  const state = await stateOf(fixture.folder, NAME);
  return state.kind === 'file' ? { ...state, hash: md5(commit.before) } : state;
}

/** Where content is reachable after a repair. */
async function assertNothingLost(commit: Commit, context: string): Promise<void> {
  if (commit.before === null) return;
  const all = [...Object.values(await contents(fixture)), ...(await trashed(fixture))];
  assert.ok(all.includes(commit.before), `${context}: the displaced content is lost`);
}

async function assertDone(commit: Commit, context: string): Promise<void> {
  const there = join(fixture.root, NAME);
  if (commit.after === null) assert.ok(!fs.existsSync(there), context);
  else if (commit.after === 'directory') assert.ok(fs.statSync(there).isDirectory(), context);
  else assert.equal(fs.readFileSync(there, 'utf8'), commit.after, context);
  assert.deepEqual(await attemptsLeft(fixture), [], `${context}: attempts are left`);
}

async function crashAt(
  commit: Commit,
  step: number,
): Promise<{ readonly expected: LocalState; readonly isFinished: boolean }> {
  const expected = await prepare(commit);
  const { fileSystem, stopped } = stoppingBefore(step, commit.noLinks ?? false);
  const running = commit.run(fixture.open({ fileSystem, owner: deadOwner }), expected);
  const isFinished = await Promise.race([stopped.then(() => false), running.then(() => true)]);
  return { expected, isFinished };
}

/** Runs the commit again, looking again where it is stale, until it is applied. */
async function finish(commit: Commit, context: string): Promise<void> {
  const folder = fixture.open({ owner: deadOwner });
  for (let round = 0; round < 3; round += 1) {
    const state = await stateOf(folder, NAME);
    const known =
      state.kind === 'file' ? { ...state, hash: md5(fs.readFileSync(join(fixture.root, NAME))) } : state;
    const outcome = await commit.run(folder, known);
    if (outcome.result === 'applied') return;
  }
  assert.fail(`${context}: the name is stuck`);
}

describe('a commit that stops before any of its steps', () => {
  for (const commit of COMMITS) {
    test(`${commit.title} is repaired by recover and then finished`, async () => {
      for (let step = 1; ; step += 1) {
        const context = `step ${step}`;
        const { isFinished } = await crashAt(commit, step);
        const hadJournal = (await attemptsLeft(fixture)).some((id) =>
          fs.existsSync(join(fixture.root, '.holdfast/attempts', id, 'intent.json')),
        );
        const folder = fixture.open({ owner: deadOwner });
        await folder.recover(FAR_FUTURE);
        const told = await allTrashed(folder);
        assert.deepEqual(await attemptsLeft(fixture), [], `${context}: attempts are left`);
        if (hadJournal && (await trashed(fixture)).length > 0) {
          assert.deepEqual(
            told.map((item) => [item.name, item.serial, item.pointer.size]),
            [[NAME, 7n, commit.before?.length]],
            `${context}: the trash does not tell what it holds`,
          );
        }
        await assertNothingLost(commit, context);
        await finish(commit, context);
        await assertNothingLost(commit, context);
        await assertDone(commit, context);
        fixture.remove();
        if (isFinished) break;
        assert.ok(step < 500, 'the commit never ends');
      }
    });

    test(`${commit.title} is finished by the next claim of the name, which reports its pointer`, async () => {
      for (let step = 1; ; step += 1) {
        const context = `step ${step}`;
        const { expected, isFinished } = await crashAt(commit, step);
        const folder = fixture.open({ owner: deadOwner });
        const probed = await folder.probe(NAME);
        if (probed.result === 'state' && probed.state.kind === 'absent' && commit.after !== null) {
          assert.equal(commit.before, null, `${context}: a name half-way looks deleted`);
        }
        const outcome = await commit.run(folder, expected);
        if (outcome.result === 'applied') await assertDone(commit, context);
        await assertNothingLost(commit, context);
        const inTrash = await trashed(fixture);
        if (outcome.result === 'applied' && inTrash.length > 0) {
          assert.notEqual(outcome.recovery, null, `${context}: the pointer is lost`);
        }
        fixture.remove();
        if (isFinished) break;
      }
    });
  }
});

describe('a worker killed with SIGKILL', () => {
  beforeEach(async () => {
    fixture = await makeFixture();
  });

  for (const operation of ['pull', 'remove'] as const) {
    test(`leaves a ${operation} that another process repairs at every visible step`, async () => {
      let hasFinished = false;
      for (let step = 1; !hasFinished; step += 1) {
        const name = toName(`doc-${step}`);
        fs.writeFileSync(join(fixture.root, name), `before ${step}`);
        const child = spawnSync(
          process.execPath,
          [CRASH_CHILD, fixture.root, operation, name, String(step)],
          {
            encoding: 'utf8',
          },
        );
        hasFinished = child.signal === null;
        assert.equal(hasFinished ? child.status : child.signal, hasFinished ? 0 : 'SIGKILL', child.stderr);
        await fixture.folder.recover(FAR_FUTURE);
        assert.deepEqual(await attemptsLeft(fixture), []);
        const kept = [...Object.values(await contents(fixture)), ...(await trashed(fixture))];
        assert.ok(kept.includes(`before ${step}`), `step ${step}: the displaced content is lost`);
        const state = await stateOf(fixture.folder, name);
        assert.ok(operation === 'remove' || state.kind === 'file', `step ${step}: the name is gone`);
        assert.ok(step < 50);
      }
    });
  }

  test('an attempt of a living process is not touched', async () => {
    const name = toName('doc');
    fs.writeFileSync(join(fixture.root, name), 'before');
    const expected = await stateOf(fixture.folder, name);
    let checked: Promise<void> | undefined;
    const pausing = hooked((primitive, segments, when) => {
      if (primitive !== 'rename' || segments[1] !== 'old' || when !== 'after') return undefined;
      checked = (async () => {
        assert.deepEqual(await fixture.folder.recover(FAR_FUTURE), []);
        assert.deepEqual(await fixture.folder.probe(name), { result: 'in-commit' });
        assert.equal(
          (await fixture.folder.pull(name, fileContent('after'), orderOf(name, expected))).result,
          'stale',
        );
        assert.equal((await fixture.folder.remove(name, orderOf(name, expected))).result, 'stale');
      })();
      return checked;
    });
    const outcome = await fixture
      .open({ fileSystem: pausing })
      .pull(name, fileContent('after'), orderOf(name, expected));
    assert.equal(outcome.result, 'applied');
    assert.ok(checked !== undefined);
    assert.deepEqual(await contents(fixture), { doc: 'after' });
  });

  test('a process that lives does not vouch for ever for what it had to leave, one that ended not at all', () => {
    const [machine] = processOwner.tag.split('.');
    const stat = fs.readFileSync(`/proc/${process.ppid}/stat`, 'utf8');
    const startedAt = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
    assert.equal(processOwner.standingOf(`${machine}.${process.ppid}.${startedAt}`, 'attempt'), 'unknown');
    assert.equal(processOwner.standingOf(`${machine}.${process.ppid}.0`, 'attempt'), 'dead');
    processOwner.begin('attempt');
    assert.equal(processOwner.standingOf(processOwner.tag, 'attempt'), 'alive');
    processOwner.end('attempt');
    assert.equal(processOwner.standingOf(processOwner.tag, 'attempt'), 'dead');
  });

  test('an owner that cannot be seen from here is given its lease and no longer', async () => {
    const unseen: AttemptOwner = { ...deadOwner, standingOf: () => 'unknown' };
    const commit = COMMITS[1]!;
    const name = NAME;
    fs.mkdirSync(join(fixture.root, 'sub'));
    fs.writeFileSync(join(fixture.root, name), 'before');
    const expected = await stateOf(fixture.folder, name);
    const hanging = hooked((primitive, segments) =>
      primitive === 'link' && segments.includes('new') ? new Promise<never>(() => {}) : undefined,
    );
    void commit.run(fixture.open({ fileSystem: hanging, owner: unseen }), expected);
    const hasHidden = (): boolean => !fs.existsSync(join(fixture.root, name));
    while (!hasHidden()) await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual(await fixture.open({ owner: unseen, leaseMs: 60_000 }).recover(FAR_FUTURE), []);
    assert.deepEqual(await fixture.open({ owner: unseen, leaseMs: -60_000 }).recover(FAR_FUTURE), [name]);
    assert.deepEqual(await contents(fixture), { [name]: 'before' });
  });
});

describe('a copy without hard links that stops half-way', () => {
  for (const [what, left, kept] of [
    ['its beginning is taken away', 'af', undefined],
    ['somebody else’s file is left alone', 'my', 'my'],
  ] as const) {
    for (const before of [null, 'before']) {
      test(`${what}, ${before === null ? 'where nothing was' : 'where a file was'}`, async () => {
        const commit = COMMITS.find((one) => one.noLinks && one.before === before)!;
        const expected = await prepare(commit);
        let announce = (): void => {};
        const stopped = new Promise<void>((resolve) => {
          announce = resolve;
        });
        const fileSystem = hooked((primitive, segments, when) => {
          refuseLinks(primitive, segments, when);
          if (primitive !== 'createFile' || segments[0] !== 'doc.txt' || when !== 'after') return undefined;
          fs.writeFileSync(join(fixture.root, NAME), left);
          announce();
          return new Promise<never>(() => {});
        });
        void commit.run(fixture.open({ fileSystem, owner: deadOwner }), expected);
        await stopped;
        await fixture.open({ owner: deadOwner }).recover(FAR_FUTURE);
        assert.equal((await contents(fixture))[NAME], kept ?? before ?? undefined);
        await assertNothingLost(commit, what);
        assert.deepEqual(await attemptsLeft(fixture), []);
      });
    }
  }
});

describe('a repair while the owner is still alive', () => {
  beforeEach(async () => {
    fixture = await makeFixture();
  });

  test('costs at most a stale commit, at whatever step it comes', async () => {
    for (let step = 1, isOver = false; !isOver; step += 1) {
      const name = toName(`doc-${step}`);
      fs.writeFileSync(join(fixture.root, name), `before ${step}`);
      const state = await stateOf(fixture.folder, name);
      let seen = 0;
      const meddled = hooked((_primitive, _segments, when) => {
        if (when !== 'before') return undefined;
        seen += 1;
        return seen === step ? fixture.open({ owner: deadOwner }).recover(FAR_FUTURE) : undefined;
      });
      const folder = fixture.open({ fileSystem: meddled });
      const serial = BigInt(step);
      const outcome = await folder
        .pull(name, fileContent(`after ${step}`), orderOf(name, state, 'recoverable', serial))
        .catch(() => null);
      isOver = seen < step;
      const texts = Object.values(await contents(fixture));
      const kept = [...texts, ...(await trashed(fixture))];
      assert.ok(kept.includes(`before ${step}`), `step ${step}: the displaced content is lost`);
      const now = fs.readFileSync(join(fixture.root, name), 'utf8');
      if (outcome?.result === 'applied') assert.equal(now, `after ${step}`);
      else assert.ok([`before ${step}`, `after ${step}`].includes(now), `step ${step}: ${now}`);
      await fixture.open({ owner: deadOwner }).recover(FAR_FUTURE);
      assert.deepEqual(await attemptsLeft(fixture), []);
    }
  });
});
