import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { type Name, toName } from '#core/name.ts';
import { ABSENT, type LocalState } from '#core/state.ts';
import type { CommitOutcome } from '#ports/commit.ts';
import { StaleContent } from '#ports/content.ts';
import {
  attemptsLeft,
  contents,
  directoryContent,
  type Fixture,
  fileContent,
  type Hook,
  makeFixture,
  md5,
  namesIn,
  once,
  orderOf,
  stateOf,
  systemError,
  trashed,
} from './folder-fixture.ts';

const NAME = toName('doc.txt');

let fixture: Fixture;
beforeEach(async () => {
  fixture = await makeFixture();
});
afterEach(async () => {
  assert.deepEqual(await attemptsLeft(fixture), [], 'an attempt was left behind');
  fixture.remove();
});

function write(name: string, text: string): void {
  fixture.user.makeDirectories(fixture.at(name, '..'));
  fixture.user.write(fixture.at(name), text);
}

async function knownState(name: string, text: string): Promise<LocalState> {
  const state = await stateOf(fixture.folder, name);
  return state.kind === 'file' ? { ...state, hash: md5(text) } : state;
}

function appliedOf(outcome: CommitOutcome<LocalState>) {
  assert.equal(
    outcome.result,
    'applied',
    JSON.stringify(outcome, (_, v) => (typeof v === 'bigint' ? `${v}` : v)),
  );
  assert.ok(outcome.result === 'applied');
  return outcome;
}

function staleOf(outcome: CommitOutcome<LocalState>) {
  assert.ok(outcome.result === 'stale', outcome.result);
  return outcome;
}

/** The first such primitive fails. */
function failingOnce(primitive: string, segment: string): Hook {
  return once(primitive, segment, () => {
    throw systemError('EIO');
  });
}

describe('pull to an absent name', () => {
  test('it places the content with mode and time and reports what lstat then shows', async () => {
    const content = fileContent('hello', { mode: 0o4755, mtimeNs: 1_700_000_000_123_456_789n });
    const outcome = appliedOf(await fixture.folder.pull(NAME, content, orderOf(NAME)));
    assert.deepEqual(await contents(fixture), { 'doc.txt': 'hello' });
    assert.deepEqual(outcome.state, { ...(await stateOf(fixture.folder, 'doc.txt')), hash: md5('hello') });
    assert.ok(outcome.state.kind === 'file');
    assert.equal(outcome.state.mode, 0o755);
    assert.equal(outcome.state.mtimeNs, 1_700_000_000_123_456_789n);
    assert.equal(outcome.hash, md5('hello'));
  });

  test('times before 1970 are kept too', async () => {
    const mtimeNs = -1_500_000_001n;
    const outcome = appliedOf(await fixture.folder.pull(NAME, fileContent('x', { mtimeNs }), orderOf(NAME)));
    assert.ok(outcome.state.kind === 'file');
    assert.equal(outcome.state.mtimeNs, mtimeNs);
  });

  test('setuid, setgid and sticky bits are never taken over', async () => {
    await fixture.folder.pull(NAME, fileContent('x', { mode: 0o7777 }), orderOf(NAME));
    assert.equal(fixture.user.lstat(fixture.at(NAME))?.mode, 0o777);
  });

  test('missing directories are made like the one above and reported', async () => {
    fixture.user.chmod(fixture.root, 0o750);
    const { setsOwners } = fixture.fileSystem;
    if (setsOwners) fixture.user.chown(fixture.root, 1234, 2345);
    const deep = toName('a/b/doc.txt');
    const outcome = appliedOf(await fixture.folder.pull(deep, fileContent('x'), orderOf(deep)));
    assert.deepEqual(outcome.madeDirectories, ['a', 'a/b']);
    const made = fixture.user.lstat(fixture.at('a/b'));
    assert.equal(made?.mode, 0o750);
    if (setsOwners) {
      assert.deepEqual([made?.uid, made?.gid], [1234, 2345]);
      assert.equal(fixture.user.lstat(fixture.at(deep))?.uid, 1234);
    }
  });

  test('a repeat of a pull that happened is applied and changes nothing', async () => {
    const first = appliedOf(await fixture.folder.pull(NAME, fileContent('x'), orderOf(NAME)));
    const again = appliedOf(await fixture.folder.pull(NAME, fileContent('x'), orderOf(NAME)));
    assert.deepEqual(again.state, first.state);
    const unknownHash = fileContent('x', { hash: null });
    assert.deepEqual(
      appliedOf(await fixture.folder.pull(NAME, unknownHash, orderOf(NAME))).state,
      first.state,
    );
  });

  test('other content at the name is left alone', async () => {
    write('doc.txt', 'mine!');
    staleOf(await fixture.folder.pull(NAME, fileContent('other'), orderOf(NAME)));
    staleOf(await fixture.folder.pull(NAME, fileContent('other', { hash: null }), orderOf(NAME)));
    assert.deepEqual(await contents(fixture), { 'doc.txt': 'mine!' });
  });

  test('a newcomer that appears just before the link keeps the name', async () => {
    const racing = fixture.open({
      fileSystem: fixture.hooked(once('link', 'doc.txt', () => write('doc.txt', 'late'))),
    });
    staleOf(await racing.pull(NAME, fileContent('new'), orderOf(NAME)));
    assert.deepEqual(await contents(fixture), { 'doc.txt': 'late' });
  });

  test('an ancestor that is a file or a link blocks it', async () => {
    write('file', 'x');
    fixture.user.symlink('/tmp', fixture.at('link'));
    for (const name of ['file/doc', 'link/doc', 'link/deeper/doc'].map(toName)) {
      const outcome = await fixture.folder.pull(name, fileContent('x'), orderOf(name));
      assert.deepEqual(outcome, { result: 'blocked', reason: 'ancestor-not-directory' });
    }
  });
});

describe('pull verifies content before anybody sees it', () => {
  const cases: [string, Parameters<typeof fileContent>[1]][] = [
    ['a wrong hash', { hash: md5('other') }],
    ['too few bytes', { size: 4, hash: null }],
    ['too many bytes', { size: 2, hash: null }],
  ];
  for (const [what, more] of cases) {
    test(`${what} is a content mismatch and nothing becomes visible`, async () => {
      await assert.rejects(fixture.folder.pull(NAME, fileContent('abc', more), orderOf(NAME)), {
        code: 'content-mismatch',
      });
      assert.deepEqual(await contents(fixture), {});
    });
  }

  test('a source that moves on makes the pull stale and nothing becomes visible', async () => {
    const content = fileContent('abc', {
      async *read() {
        yield Buffer.from('a');
        throw new StaleContent('moved on');
      },
    });
    assert.equal(staleOf(await fixture.folder.pull(NAME, content, orderOf(NAME))).reason, 'moved on');
    assert.deepEqual(await contents(fixture), {});
  });

  test('a full disk is reported as such and leaves nothing', async () => {
    const full = fixture.hooked((primitive, segments) => {
      if (primitive === 'createFile' && segments[0] === 'new') throw systemError('ENOSPC');
    });
    const folder = fixture.open({ fileSystem: full });
    await assert.rejects(folder.pull(NAME, fileContent('abc'), orderOf(NAME)), { code: 'disk-full' });
    assert.deepEqual(await contents(fixture), {});
  });
});

describe('pull over an expected file', () => {
  let expected: LocalState;
  beforeEach(async () => {
    write('doc.txt', 'before');
    expected = await knownState('doc.txt', 'before');
  });

  test('the displaced content goes to the trash under its pointer', async () => {
    const outcome = appliedOf(await fixture.folder.pull(NAME, fileContent('after'), orderOf(NAME, expected)));
    assert.deepEqual(await contents(fixture), { 'doc.txt': 'after' });
    assert.deepEqual(outcome.conflictCopies, []);
    assert.equal(outcome.recovery?.size, 6);
    assert.equal(outcome.recovery?.hash, md5('before'));
    const locator = outcome.recovery?.locator ?? '';
    assert.equal(fixture.user.readText(fixture.at('.holdfast/trash', locator)), 'before');
    assert.deepEqual(outcome.state, await knownState('doc.txt', 'after'));
  });

  test('a repeat reports the same recovery pointer', async () => {
    const order = orderOf(NAME, expected);
    const first = appliedOf(await fixture.folder.pull(NAME, fileContent('after'), order));
    const again = appliedOf(await fixture.folder.pull(NAME, fileContent('after'), order));
    assert.deepEqual(again.recovery, first.recovery);
  });

  test('content that lost a conflict becomes a conflict copy beside the winner', async () => {
    const order = orderOf(NAME, expected, 'conflict-copy');
    const { conflictCopies } = appliedOf(await fixture.folder.pull(NAME, fileContent('after'), order));
    assert.equal(conflictCopies.length, 1);
    assert.deepEqual(await contents(fixture), { 'doc.txt': 'after', [conflictCopies[0]!]: 'before' });
  });

  test('a taken conflict name is not overwritten, the next one is used', async () => {
    const order = orderOf(NAME, expected, 'conflict-copy');
    const fixed = { ...order, conflictName: (_at: Date, turn: number) => toName(`copy-${turn}`) };
    write('copy-0', 'somebody else');
    const { conflictCopies } = appliedOf(await fixture.folder.pull(NAME, fileContent('after'), fixed));
    assert.deepEqual(conflictCopies, ['copy-1']);
    assert.equal(fixture.user.readText(fixture.at('copy-0')), 'somebody else');
  });

  test('content for which every conflict name is taken stays reachable in the trash', async () => {
    write('copy', 'taken');
    const order = { ...orderOf(NAME, expected, 'conflict-copy'), conflictName: () => toName('copy') };
    const outcome = appliedOf(await fixture.folder.pull(NAME, fileContent('after'), order));
    assert.deepEqual([outcome.conflictCopies, outcome.recovery?.hash], [[], md5('before')]);
  });

  test('an edit before the pull makes it stale and stays', async () => {
    write('doc.txt', 'edited');
    staleOf(await fixture.folder.pull(NAME, fileContent('after'), orderOf(NAME, expected)));
    assert.deepEqual(await contents(fixture), { 'doc.txt': 'edited' });
  });

  test('an edit that set size and time back makes it stale and stays', async () => {
    write('doc.txt', 'BEFORE');
    fixture.user.setModifiedAt(fixture.at(NAME), (expected as { mtimeNs: bigint }).mtimeNs);
    staleOf(await fixture.folder.pull(NAME, fileContent('after'), orderOf(NAME, expected)));
    assert.deepEqual(await contents(fixture), { 'doc.txt': 'BEFORE' });
  });

  test('what a failed commit had displaced is told, although the commit was repaired', async () => {
    const failing = fixture.open({ fileSystem: fixture.hooked(failingOnce('makeDirectory', 'trash')) });
    const outcome = staleOf(await failing.pull(NAME, fileContent('after'), orderOf(NAME, expected)));
    assert.equal(outcome.recovery?.kind, 'trash');
    assert.deepEqual(await contents(fixture), { 'doc.txt': 'after' });
  });

  test('a commit is carried out although tidying up failed at first', async () => {
    const failing = fixture.open({ fileSystem: fixture.hooked(failingOnce('unlink', 'new')) });
    const outcome = appliedOf(await failing.pull(NAME, fileContent('after'), orderOf(NAME, expected)));
    assert.equal(outcome.recovery?.kind, 'trash');
  });

  test('a removal before the pull makes it stale', async () => {
    fixture.user.removeTree(fixture.at(NAME));
    staleOf(await fixture.folder.pull(NAME, fileContent('after'), orderOf(NAME, expected)));
    assert.deepEqual(await contents(fixture), {});
  });

  test('a removal between the look and the hiding makes it stale', async () => {
    const vanish = once('rename', 'old', () => fixture.user.removeTree(fixture.at(NAME)));
    const racing = fixture.open({ fileSystem: fixture.hooked(vanish) });
    staleOf(await racing.pull(NAME, fileContent('after'), orderOf(NAME, expected)));
    assert.deepEqual(await contents(fixture), {});
  });

  test('an edit between the look and the hiding becomes a conflict copy', async () => {
    const racing = fixture.open({
      fileSystem: fixture.hooked(once('rename', 'old', () => write('doc.txt', 'edited!'))),
    });
    const outcome = appliedOf(await racing.pull(NAME, fileContent('after'), orderOf(NAME, expected)));
    assert.equal(outcome.conflictCopies.length, 1);
    assert.deepEqual(await contents(fixture), {
      'doc.txt': 'after',
      [outcome.conflictCopies[0]!]: 'edited!',
    });
  });

  test('the very content placed by another between the look and the hiding keeps the name, without litter', async () => {
    const racing = fixture.open({
      fileSystem: fixture.hooked(once('rename', 'old', () => write('doc.txt', 'after'))),
    });
    const outcome = appliedOf(await racing.pull(NAME, fileContent('after'), orderOf(NAME, expected)));
    assert.deepEqual(outcome.conflictCopies, []);
    assert.deepEqual(await contents(fixture), { 'doc.txt': 'after' });
  });

  test('a directory put there between the look and the hiding is put back', async () => {
    const racing = fixture.open({
      fileSystem: fixture.hooked(
        once('rename', 'old', () => {
          fixture.user.removeTree(fixture.at(NAME));
          write('doc.txt/inner', 'tree');
        }),
      ),
    });
    staleOf(await racing.pull(NAME, fileContent('after'), orderOf(NAME, expected)));
    assert.deepEqual(await contents(fixture), { 'doc.txt/inner': 'tree' });
  });

  test('a newcomer between hiding and link keeps the name and the hidden content is recoverable', async () => {
    const racing = fixture.open({
      fileSystem: fixture.hooked(once('link', 'new', () => write('doc.txt', 'newcomer'))),
    });
    const outcome = staleOf(await racing.pull(NAME, fileContent('after'), orderOf(NAME, expected)));
    assert.deepEqual(await contents(fixture), { 'doc.txt': 'newcomer' });
    assert.equal(outcome.recovery?.hash, md5('before'));
    assert.deepEqual(await trashed(fixture), ['before']);
  });

  test('an edit right after the link is not taken for the placed content', async () => {
    const edit = (primitive: string, segments: readonly string[], when: string): void => {
      if (primitive === 'link' && segments.includes('new') && when === 'after') write('doc.txt', 'edit!');
    };
    const racing = fixture.open({ fileSystem: fixture.hooked(edit) });
    const outcome = appliedOf(await racing.pull(NAME, fileContent('after'), orderOf(NAME, expected)));
    const seen = await stateOf(fixture.folder, 'doc.txt');
    assert.ok(outcome.state.kind === 'file' && seen.kind === 'file');
    assert.notEqual(outcome.state.mtimeNs, seen.mtimeNs);
    assert.deepEqual(await contents(fixture), { 'doc.txt': 'edit!' });
  });

  test('a failure after the hiding puts the content back', async () => {
    const failing = fixture.hooked((primitive, segments) => {
      if (primitive === 'link' && segments[0] === 'new') throw systemError('EIO');
    });
    const folder = fixture.open({ fileSystem: failing });
    await assert.rejects(folder.pull(NAME, fileContent('after'), orderOf(NAME, expected)), {
      code: 'local-io',
    });
    assert.deepEqual(await contents(fixture), { 'doc.txt': 'before' });
  });

  test('a directory moved out of the folder under the commit gets nothing and loses nothing', async () => {
    write('dir/doc.txt', 'inside');
    const name = toName('dir/doc.txt');
    const inside = await knownState('dir/doc.txt', 'inside');
    const outside = fixture.at('..', 'outside');
    for (const [primitive, segment] of [
      ['createFile', 'intent.json'],
      ['createFile', 'new'],
    ] as const) {
      const move = once(primitive, segment, () => fixture.user.rename(fixture.at('dir'), outside));
      staleOf(
        await fixture
          .open({ fileSystem: fixture.hooked(move) })
          .pull(name, fileContent('after'), orderOf(name, inside)),
      );
      assert.equal(fixture.user.readText(`${outside}/doc.txt`), 'inside');
      assert.deepEqual(namesIn(fixture, outside), ['doc.txt']);
      fixture.user.rename(outside, fixture.at('dir'));
    }
  });
});

test('a directory moved out of the folder before a link gets nothing', async () => {
  const outside = fixture.at('..', 'outside');
  fixture.user.makeDirectories(fixture.at('dir'));
  const name = toName('dir/doc.txt');
  let isMoved = false;
  const move = fixture.hooked((primitive) => {
    if (primitive !== 'path' || isMoved) return;
    isMoved = true;
    fixture.user.rename(fixture.at('dir'), outside);
  });
  staleOf(await fixture.open({ fileSystem: move }).pull(name, fileContent('new'), orderOf(name)));
  assert.deepEqual(namesIn(fixture, outside), []);
});

describe('pull between kinds', () => {
  const pull = (
    name: Name,
    content: Parameters<Fixture['folder']['pull']>[1],
    expected: LocalState,
    displaced = 'recoverable' as 'recoverable' | 'conflict-copy',
  ) => fixture.folder.pull(name, content, orderOf(name, expected, displaced));

  test('a directory is made, and made already is applied', async () => {
    const made = appliedOf(await pull(NAME, directoryContent, ABSENT));
    assert.equal(made.state.kind, 'directory');
    assert.deepEqual(appliedOf(await pull(NAME, directoryContent, ABSENT)).state, made.state);
  });

  test('a directory is never made with a mode that locks its owner out', async () => {
    const made = appliedOf(await pull(NAME, { ...directoryContent, mode: 0o044 }, ABSENT));
    assert.equal(made.state.kind === 'directory' && made.state.mode, 0o744);
  });

  test('an empty directory gives way to a file', async () => {
    fixture.user.makeDirectories(fixture.at(NAME));
    appliedOf(await pull(NAME, fileContent('x'), await stateOf(fixture.folder, NAME)));
    assert.deepEqual(await contents(fixture), { 'doc.txt': 'x' });
  });

  test('a directory that is not empty blocks a file', async () => {
    write('doc.txt/inner', 'kept');
    const outcome = await pull(NAME, fileContent('x'), await stateOf(fixture.folder, NAME));
    assert.deepEqual(outcome, { result: 'blocked', reason: 'directory-not-empty' });
    assert.deepEqual(await contents(fixture), { 'doc.txt/inner': 'kept' });
  });

  test('a tree that lost a conflict moves whole to the conflict name', async () => {
    write('doc.txt/inner', 'kept');
    const expected = await stateOf(fixture.folder, NAME);
    const { conflictCopies } = appliedOf(await pull(NAME, fileContent('x'), expected, 'conflict-copy'));
    assert.deepEqual(await contents(fixture), {
      'doc.txt': 'x',
      [`${conflictCopies[0]}/inner`]: 'kept',
    });
  });

  test('a file gives way to a directory, by trash or conflict copy', async () => {
    write('doc.txt', 'one');
    const first = appliedOf(await pull(NAME, directoryContent, await knownState(NAME, 'one')));
    assert.equal(first.recovery?.hash, md5('one'));
    const other = toName('other');
    write('other', 'two');
    const second = appliedOf(
      await pull(other, directoryContent, await knownState('other', 'two'), 'conflict-copy'),
    );
    assert.deepEqual(await contents(fixture), { [second.conflictCopies[0]!]: 'two' });
  });

  test('a special file moves to a conflict name without being opened', async () => {
    fixture.user.symlink('/nowhere', fixture.at(NAME));
    const expected = await stateOf(fixture.folder, NAME);
    const { conflictCopies } = appliedOf(await pull(NAME, fileContent('x'), expected, 'conflict-copy'));
    const moved = fixture.user.tree(fixture.root).find(({ path }) => path === conflictCopies[0]);
    assert.equal(moved?.target, '/nowhere');
    assert.deepEqual(await contents(fixture), { 'doc.txt': 'x' });
  });
});

describe('two workers with one order', () => {
  test('two pulls to an absent name have one effect', async () => {
    const outcomes = await Promise.all(
      [fixture.folder, fixture.open()].map((folder) => folder.pull(NAME, fileContent('x'), orderOf(NAME))),
    );
    assert.deepEqual(
      outcomes.map((outcome) => outcome.result),
      ['applied', 'applied'],
    );
    assert.deepEqual(await contents(fixture), { 'doc.txt': 'x' });
  });

  for (const displaced of ['recoverable', 'conflict-copy'] as const) {
    test(`two pulls over a file (${displaced}) have one effect and no litter`, async () => {
      for (let round = 0; round < 25; round += 1) {
        const name = toName(`round-${round}`);
        write(name, 'before');
        const order = orderOf(name, await knownState(name, 'before'), displaced, BigInt(round));
        const workers = [fixture.folder, fixture.open(), fixture.open()];
        const outcomes = await Promise.all(
          workers.map((folder) => folder.pull(name, fileContent('after'), order)),
        );
        assert.ok(outcomes.some((outcome) => outcome.result === 'applied'));
        assert.equal(fixture.user.readText(fixture.at(name)), 'after');
      }
      const all = Object.values(await contents(fixture)).sort();
      const kept =
        displaced === 'conflict-copy' ? all.filter((text) => text === 'before') : await trashed(fixture);
      assert.equal(kept.length, 25);
      assert.equal(all.length, displaced === 'conflict-copy' ? 50 : 25);
    });
  }

  test('two removals have one effect', async () => {
    for (let round = 0; round < 25; round += 1) {
      write('doc.txt', `round ${round}`);
      const order = orderOf(
        NAME,
        await knownState('doc.txt', `round ${round}`),
        'recoverable',
        BigInt(round),
      );
      const outcomes = await Promise.all(
        [fixture.folder, fixture.open()].map((folder) => folder.remove(NAME, order)),
      );
      assert.ok(outcomes.some((outcome) => outcome.result === 'applied'));
      assert.deepEqual(await contents(fixture), {});
    }
    assert.equal((await trashed(fixture)).length, 25);
  });

  test('a pull stays away from a name that a living commit holds half-way', async () => {
    write('doc.txt', 'before');
    const order = orderOf(NAME, await knownState('doc.txt', 'before'));
    let second: Promise<CommitOutcome<LocalState>> | undefined;
    let probed: unknown;
    const base = fixture.hooked(() => {});
    let isHeld = false;
    const pausing = fixture.hooked((primitive, segments, when) => {
      if (primitive === 'rename' && segments.includes('old') && when === 'after' && !isHeld) {
        isHeld = true;
        second = fixture.open({ fileSystem: base }).pull(NAME, fileContent('after'), order);
        probed = fixture.folder.probe(NAME);
      }
    });
    appliedOf(await fixture.open({ fileSystem: pausing }).pull(NAME, fileContent('after'), order));
    assert.ok(second !== undefined);
    await second;
    await probed;
    assert.deepEqual(await contents(fixture), { 'doc.txt': 'after' });
    assert.deepEqual(await trashed(fixture), ['before']);
  });
});
