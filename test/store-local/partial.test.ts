/** What a download leaves that ends half-way: the next one of the same content goes on there, whatever became of it. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { toName } from '#core/name.ts';
import { ABSENT, type LocalState, type SyncState } from '#core/state.ts';
import type { AttemptOwner, Standing } from '#libs/store-local/attempt-owner.ts';
import type { FileSystem, OpenFile } from '#libs/store-local/file-system.ts';
import type { LocalFolderOptions } from '#libs/store-local/local-folder.ts';
import type { Clock } from '#ports/clock.ts';
import type { CommitOutcome } from '#ports/commit.ts';
import { type StagedFile, StaleContent } from '#ports/content.ts';
import { HoldfastError } from '#ports/errors.ts';
import type { LocalFolder } from '#ports/local-folder.ts';
import {
  attemptsLeft,
  contents,
  type Fixture,
  fileContent,
  hooked,
  MD5,
  makeFixture,
  md5,
  namesIn,
  orderOf,
  stateOf,
  systemClock,
  systemError,
} from './folder-fixture.ts';

const NAME = toName('big.bin');
const TEXT = 'a content of some length, in five pieces';
const PIECE = 8;
const DAY_MS = 24 * 3_600_000;
const OUTSIDE = 'outside';

/** An owner of attempts that others judge like this. */
function ownerWho(standing: Standing): AttemptOwner {
  return { tag: 'feedbeef.1.1', begin: () => {}, end: () => {}, standingOf: () => standing };
}

let fixture: Fixture;
let folder: LocalFolder;
beforeEach(async () => {
  fixture = await makeFixture({ resumedBytes: PIECE });
  folder = fixture.open({ owner: ownerWho('dead') });
});
afterEach(() => fixture.remove());

/** A source, and the first bytes of all ranges that it was asked for. */
interface Source {
  readonly content: StagedFile;
  readonly asked: number[];
}

/** Hands out pieces; `before` is told where the next one begins, and may throw or wait. */
function sourceOf(text: string, before: (at: number) => unknown = () => {}, promised = text): Source {
  const bytes = Buffer.from(text);
  const asked: number[] = [];
  const content = fileContent(bytes, {
    hash: md5(promised),
    async *read(start = 0, end = bytes.length) {
      asked.push(start);
      for (let at = start; at < end; at += PIECE) {
        await before(at);
        yield bytes.subarray(at, Math.min(at + PIECE, end));
      }
    },
  });
  return { content, asked };
}

const cutAt =
  (where: number, error: Error = new HoldfastError('store-unreachable', 'cut')) =>
  (at: number): void => {
    if (at >= where) throw error;
  };

function pull(content: StagedFile, where: LocalFolder = folder): Promise<CommitOutcome<LocalState>> {
  return where.pull(NAME, content, orderOf(NAME));
}

/** A worker that is killed, or stops for as long as its `wake` is not called, once it has written so many bytes. */
async function stopAt(where: number, standing: Standing = 'dead') {
  let isAwake = false;
  let wake = (): void => {};
  let stopped = (): void => {};
  const hasStopped = new Promise<void>((resolve) => {
    stopped = resolve;
  });
  const source = sourceOf(TEXT, (at) => {
    if (at < where || isAwake) return undefined;
    stopped();
    return new Promise<void>((resolve) => {
      wake = resolve;
    });
  });
  const ended = pull(source.content, fixture.open({ owner: ownerWho(standing) }));
  await hasStopped;
  return {
    ended,
    wake() {
      isAwake = true;
      wake();
    },
  };
}

async function assertWhole(outcome: CommitOutcome<LocalState>, text = TEXT): Promise<void> {
  assert.equal(outcome.result, 'applied');
  assert.deepEqual(await contents(fixture), { [NAME]: text });
  assert.deepEqual(await attemptsLeft(fixture), []);
}

/** Where the partial lies. */
async function partialPath(): Promise<string> {
  const [id = ''] = await attemptsLeft(fixture);
  return fixture.at('.holdfast/attempts', id, 'new');
}

describe('a download goes on where another one', () => {
  test('was killed, and is told the time and mode of the source all the same', async () => {
    await stopAt(24);
    const { content, asked } = sourceOf(TEXT);
    await assertWhole(await pull({ ...content, mode: 0o640 }));
    assert.deepEqual(asked, [24]);
    assert.equal(fixture.user.lstat(fixture.at(NAME))?.mode, 0o640);
  });

  test('was killed after its last byte: only that is asked for', async () => {
    await stopAt(24);
    fixture.user.write(await partialPath(), TEXT);
    const { content, asked } = sourceOf(TEXT);
    await assertWhole(await pull(content));
    assert.deepEqual(asked, [TEXT.length - 1]);
  });

  test('lost its source, again and again', async () => {
    // Of too little progress, so that the source is left alone for a while.
    folder = fixture.open({ owner: ownerWho('dead'), resumedBytes: PIECE + 1 });
    const asked: number[] = [];
    for (let at = PIECE; at < TEXT.length; at += PIECE) {
      const source = sourceOf(TEXT, cutAt(at));
      await assert.rejects(pull(source.content), { code: 'store-unreachable' });
      assert.equal((await attemptsLeft(fixture)).length, 1);
      asked.push(...source.asked);
    }
    const source = sourceOf(TEXT);
    await assertWhole(await pull(source.content));
    assert.deepEqual([...asked, ...source.asked], [0, 8, 16, 24, 32]);
  });

  test('is still at it, of whom it takes nothing away', async () => {
    const other = await stopAt(16);
    const { content, asked } = sourceOf(TEXT, cutAt(24));
    const beside = fixture.open({ owner: ownerWho('alive'), resumedBytes: PIECE + 1 });
    await assert.rejects(pull(content, beside), { code: 'store-unreachable' });
    assert.deepEqual(asked, [16]);
    other.wake();
    await assertWhole(await other.ended);
  });

  test('was killed while it took over itself', async () => {
    await stopAt(24);
    let isStopped = (): void => {};
    const stopped = new Promise<void>((resolve) => {
      isStopped = resolve;
    });
    const fileSystem = hooked((primitive, segments, when) => {
      // What was taken over is about to be dropped.
      if (primitive !== 'unlink' || segments[0] !== 'new' || when !== 'before') return undefined;
      isStopped();
      return new Promise<never>(() => {});
    }, fixture.fileSystem);
    void pull(sourceOf(TEXT).content, fixture.open({ owner: ownerWho('dead'), fileSystem }));
    await stopped;
    assert.equal((await attemptsLeft(fixture)).length, 2);
    const { content, asked } = sourceOf(TEXT);
    await assertWhole(await pull(content));
    assert.deepEqual(asked, [24]);
  });
});

test('what was taken over goes, unless its owner may still be writing', async () => {
  for (const [silentMs, left] of [
    [0, 2],
    [30_000, 1],
  ] as const) {
    const { wake, ended } = await stopAt(16, 'unknown');
    const clock: Clock = { ...systemClock, now: () => Date.now() + silentMs };
    const next = fixture.open({ owner: ownerWho('unknown'), clock, resumedBytes: PIECE + 1 });
    const { content, asked } = sourceOf(TEXT, cutAt(24));
    await assert.rejects(pull(content, next), { code: 'store-unreachable' });
    assert.deepEqual(asked, [16]);
    assert.equal((await attemptsLeft(fixture)).length, left);
    wake();
    await ended.catch(() => {});
    await folder.remove(NAME, orderOf(NAME, await stateOf(folder, NAME)));
  }
});

test('a source that fails after much of it is asked for the rest at once', async () => {
  const cuts = new Set([16, 32]);
  const { content, asked } = sourceOf(TEXT, (at) => {
    if (cuts.delete(at)) throw new HoldfastError('store-unreachable', 'cut');
  });
  await assertWhole(await pull(content));
  assert.deepEqual(asked, [0, 16, 32]);
});

describe('a worker that wakes up', () => {
  for (const standing of ['dead', 'unknown'] as const) {
    test(`writes to nothing that another one made since, when it was thought ${standing}`, async () => {
      const zombie = await stopAt(16, standing);
      const { content, asked } = sourceOf(TEXT);
      const outcome = await pull(content, fixture.open({ owner: ownerWho(standing) }));
      assert.equal(outcome.result, 'applied');
      assert.deepEqual(asked, [16]);
      const before = fixture.user.lstat(fixture.at(NAME));
      fixture.user.write(fixture.at(NAME), 'edited by its user');
      const edited = fixture.user.lstat(fixture.at(NAME));
      assert.equal(edited?.inode, before?.inode);
      zombie.wake();
      assert.equal((await zombie.ended).result, 'stale');
      assert.deepEqual(fixture.user.lstat(fixture.at(NAME)), edited);
      assert.deepEqual(await contents(fixture), { [NAME]: 'edited by its user' });
      await fixture.open({ owner: ownerWho('dead') }).recover(Date.now() + DAY_MS);
      assert.deepEqual(await attemptsLeft(fixture), []);
    });
  }

  test('finds its content there and counts it as its own', async () => {
    const zombie = await stopAt(16, 'unknown');
    const { content } = sourceOf(TEXT);
    const where = fixture.open({ owner: ownerWho('unknown') });
    assert.equal((await pull(content, where)).result, 'applied');
    zombie.wake();
    await assertWhole(await zombie.ended);
  });
});

describe('what is left is not trusted', () => {
  const damages: readonly [string, (path: string) => void][] = [
    ['has a hole of zeros', (path) => fixture.user.write(path, `${TEXT.slice(0, 8)}${'\0'.repeat(16)}`)],
    ['has other bytes', (path) => fixture.user.write(path, 'x'.repeat(24))],
    ['is longer than all of it', (path) => fixture.user.write(path, TEXT.repeat(2))],
  ];
  for (const [what, damage] of damages) {
    test(`when it ${what}: all of it is fetched, once`, async () => {
      await stopAt(24);
      damage(await partialPath());
      const { content, asked } = sourceOf(TEXT);
      await assertWhole(await pull(content));
      const takenOver = what.startsWith('is longer') ? TEXT.length - 1 : 24;
      assert.deepEqual(asked, what.startsWith('is longer') ? [takenOver] : [takenOver, 0]);
    });
  }

  test('when it was cut: what is missing is fetched', async () => {
    await stopAt(24);
    fixture.user.truncate(await partialPath(), 11);
    const { content, asked } = sourceOf(TEXT);
    await assertWhole(await pull(content));
    assert.deepEqual(asked, [11]);
  });

  test('when upstream sends another content than it promised: it fails as any such download', async () => {
    await stopAt(24);
    const { content, asked } = sourceOf('another content of just the same length.', undefined, TEXT);
    await assert.rejects(pull(content), { code: 'content-mismatch' });
    assert.deepEqual(asked, [24, 0]);
    assert.deepEqual(await contents(fixture), {});
    assert.deepEqual(await attemptsLeft(fixture), []);
  });

  for (const plant of ['link', 'pipe', 'directory', 'hard link'] as const) {
    test(`when a ${plant} stands in its place: what it leads to is not touched`, async () => {
      const outside = fixture.at('..', OUTSIDE);
      fixture.user.write(outside, 'of somebody else');
      const before = fixture.user.lstat(outside);
      await stopAt(24);
      const path = await partialPath();
      fixture.user.unlink(path);
      if (plant === 'link') fixture.user.symlink(outside, path);
      if (plant === 'pipe') fixture.user.makeSpecial(path, 'fifo');
      if (plant === 'directory') fixture.user.makeDirectories(path);
      if (plant === 'hard link') fixture.user.link(outside, path);
      const { content, asked } = sourceOf(TEXT);
      const outcome = await pull(content).catch(() => null);
      assert.equal(fixture.user.readText(outside), 'of somebody else');
      assert.equal(fixture.user.lstat(outside)?.mtimeNs, before?.mtimeNs);
      if (plant === 'directory') return;
      assert.ok(outcome !== null);
      assert.equal(outcome.result, 'applied');
      assert.equal(asked.at(-1), 0);
      assert.deepEqual(await contents(fixture), { [NAME]: TEXT });
    });
  }
});

describe('a partial is dropped', () => {
  test('when upstream has other content by now', async () => {
    await stopAt(24);
    const { content, asked } = sourceOf(TEXT.toUpperCase());
    await assertWhole(await pull(content), TEXT.toUpperCase());
    assert.deepEqual(asked, [0]);
  });

  test('when its source says so', async () => {
    await stopAt(24);
    const { content } = sourceOf(TEXT, cutAt(32, new StaleContent('replaced')));
    assert.equal((await pull(content)).result, 'stale');
    assert.deepEqual(await attemptsLeft(fixture), []);
  });

  const decided: readonly [string, () => Promise<unknown>][] = [
    ['the name is removed', () => folder.remove(NAME, orderOf(NAME))],
    ['its order is given up', () => folder.giveUp(NAME, ABSENT as SyncState, MD5, orderOf(NAME))],
    ['small content is wanted there', () => pull(fileContent('small'))],
    ['the folder is no pair’s any more', () => folder.detach()],
  ];
  for (const [what, decide] of decided) {
    test(`when ${what}`, async () => {
      await stopAt(24);
      await decide();
      assert.deepEqual(namesIn(fixture, fixture.at('.holdfast/attempts')), []);
    });
  }

  test('when the volume is full, whether while fetching or while taking over', async () => {
    const full = fixture.open({ owner: ownerWho('dead'), fileSystem: fullAfter(24) });
    await assert.rejects(pull(sourceOf(TEXT).content, full), { code: 'disk-full' });
    assert.deepEqual(await attemptsLeft(fixture), []);
    for (const room of [16, 0]) {
      await stopAt(24);
      const fuller = fixture.open({ owner: ownerWho('dead'), fileSystem: fullAfter(room) });
      await assert.rejects(pull(sourceOf(TEXT).content, fuller), { code: 'disk-full' });
      assert.deepEqual(await attemptsLeft(fixture), []);
    }
    await assertWhole(await pull(sourceOf(TEXT).content));
  });

  test('after a day, and not before', async () => {
    await stopAt(24);
    const at = (ms: number): Partial<LocalFolderOptions> => {
      const clock: Clock = { ...systemClock, now: () => Date.now() + ms };
      return { owner: ownerWho('dead'), clock };
    };
    const soon = DAY_MS - 60_000;
    assert.deepEqual(await fixture.open(at(soon)).recover(Date.now() + soon), []);
    assert.equal((await attemptsLeft(fixture)).length, 1);
    await fixture.open(at(DAY_MS)).recover(Date.now() + DAY_MS);
    assert.deepEqual(await attemptsLeft(fixture), []);
  });
});

/** A file system with room for so many bytes of a download and no more; with none, not even for what tells of it. */
function fullAfter(bytes: number): FileSystem {
  const made = (file: OpenFile, segment: string): OpenFile => {
    if (segment !== 'new' && bytes > 0) return file;
    let written = 0;
    const write = async (chunk: Uint8Array): Promise<void> => {
      written += chunk.length;
      if (written > bytes) throw systemError('ENOSPC');
      await file.write(chunk);
    };
    return new Proxy(file, {
      // Being awaited, the file is asked for `then` as well.
      get: (target, key: keyof OpenFile) => (key === 'write' ? write : target[key]?.bind(target)),
    });
  };
  return hooked(() => undefined, fixture.fileSystem, made);
}
