import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { toName } from '#core/name.ts';
import type { LocalState } from '#core/state.ts';
import {
  attemptsLeft,
  contents,
  type Fixture,
  makeFixture,
  md5,
  namesIn,
  once,
  orderOf,
  stateOf,
  trashed,
} from './folder-fixture.ts';

const NAME = toName('dir/doc.txt');

let fixture: Fixture;
let expected: LocalState;

beforeEach(async () => {
  fixture = await makeFixture();
  fixture.user.makeDirectories(fixture.at('dir'));
  fixture.user.write(fixture.at(NAME), 'synced');
  const state = await stateOf(fixture.folder, NAME);
  expected = state.kind === 'file' ? { ...state, hash: md5('synced') } : state;
});
afterEach(async () => {
  assert.deepEqual(await attemptsLeft(fixture), []);
  fixture.remove();
});

describe('remove', () => {
  test('the file goes to the trash under its pointer, and a repeat reports the same', async () => {
    const order = orderOf(NAME, expected);
    const outcome = await fixture.folder.remove(NAME, order);
    assert.ok(outcome.result === 'applied');
    assert.deepEqual(outcome.state, { kind: 'absent' });
    assert.deepEqual([outcome.recovery?.size, outcome.recovery?.hash], [6, md5('synced')]);
    assert.deepEqual(await trashed(fixture), ['synced']);
    assert.deepEqual(await fixture.folder.remove(NAME, order), outcome);
  });

  test('an edited file stays and the removal is stale', async () => {
    fixture.user.write(fixture.at(NAME), 'edited');
    assert.equal((await fixture.folder.remove(NAME, orderOf(NAME, expected))).result, 'stale');
    assert.deepEqual(await contents(fixture), { [NAME]: 'edited' });
  });

  test('an edit between the look and the hiding is put back', async () => {
    const edit = once('rename', 'old', () => fixture.user.write(fixture.at(NAME), 'edited!'));
    const racing = fixture.open({ fileSystem: fixture.hooked(edit) });
    const outcome = await racing.remove(NAME, orderOf(NAME, expected));
    assert.ok(outcome.result === 'stale');
    assert.deepEqual(outcome.conflictCopies, []);
    assert.deepEqual(await contents(fixture), { [NAME]: 'edited!' });
  });

  test('an edit whose name a newcomer takes while it is hidden becomes a conflict copy', async () => {
    const path = fixture.at(NAME);
    const edit = once('rename', 'old', () => fixture.user.write(path, 'edited!'));
    const arrive = once('link', 'old', () => fixture.user.write(path, 'newcomer'));
    const racing = fixture.open({
      fileSystem: fixture.hooked((...seen) => {
        edit(...seen);
        arrive(...seen);
      }),
    });
    const outcome = await racing.remove(NAME, orderOf(NAME, expected));
    assert.ok(outcome.result === 'stale');
    assert.deepEqual(await contents(fixture), {
      [NAME]: 'newcomer',
      [outcome.conflictCopies[0]!]: 'edited!',
    });
  });

  test('a file that lost a conflict keeps its content as a conflict copy', async () => {
    const outcome = await fixture.folder.remove(NAME, orderOf(NAME, expected, 'conflict-copy'));
    assert.ok(outcome.result === 'applied');
    assert.deepEqual(await contents(fixture), { [outcome.conflictCopies[0]!]: 'synced' });
  });

  for (const [what, replace, copied] of [
    ['is removed', () => {}, 'dir/'],
    ['is replaced by a file', () => fixture.user.write(fixture.at('dir'), 'a file'), ''],
  ] as const) {
    test(`a directory that looks empty and ${what} while its file is hidden costs no content`, async () => {
      const hide = once('link', 'old', () => {
        fixture.user.removeTree(fixture.at('dir'));
        replace();
      });
      const racing = fixture.open({ fileSystem: fixture.hooked(hide) });
      const outcome = await racing.remove(NAME, orderOf(NAME, expected, 'conflict-copy'));
      assert.ok(outcome.result === 'applied' || outcome.result === 'stale');
      const [copy = ''] = outcome.conflictCopies;
      assert.equal(copy.slice(0, copy.indexOf('doc')), copied);
      assert.equal((await contents(fixture))[copy], 'synced');
    });
  }

  test('a directory goes when it is empty and blocks while it is not', async () => {
    const dir = toName('dir');
    const state = await stateOf(fixture.folder, 'dir');
    assert.deepEqual(await fixture.folder.remove(dir, orderOf(dir, state)), {
      result: 'blocked',
      reason: 'directory-not-empty',
    });
    fixture.user.removeTree(fixture.at(NAME));
    assert.equal((await fixture.folder.remove(dir, orderOf(dir, state))).result, 'applied');
    assert.equal((await fixture.folder.remove(dir, orderOf(dir, state))).result, 'applied');
    assert.deepEqual(namesIn(fixture, fixture.root), ['.holdfast']);
  });

  test('a tree that lost a conflict moves whole to a conflict name', async () => {
    const dir = toName('dir');
    const order = orderOf(dir, await stateOf(fixture.folder, 'dir'), 'conflict-copy');
    const outcome = await fixture.folder.remove(dir, order);
    assert.ok(outcome.result === 'applied');
    assert.deepEqual(await contents(fixture), { [`${outcome.conflictCopies[0]}/doc.txt`]: 'synced' });
  });

  test('a name below a link is not removed through it', async () => {
    const outside = fixture.at('..', 'outside');
    fixture.user.rename(fixture.at('dir'), outside);
    fixture.user.symlink(outside, fixture.at('dir'));
    assert.deepEqual(await fixture.folder.remove(NAME, orderOf(NAME, expected)), {
      result: 'blocked',
      reason: 'ancestor-not-directory',
    });
    assert.deepEqual(namesIn(fixture, outside), ['doc.txt']);
  });

  test('a name below a file or a missing directory is removed already', async () => {
    fixture.user.removeTree(fixture.at('dir'));
    assert.equal((await fixture.folder.remove(NAME, orderOf(NAME, expected))).result, 'applied');
    fixture.user.write(fixture.at('dir'), 'a file');
    assert.equal((await fixture.folder.remove(NAME, orderOf(NAME, expected))).result, 'applied');
  });
});
