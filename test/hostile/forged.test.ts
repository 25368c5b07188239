/**
 * Forged: a user can write in `.holdfast`, too. Whatever is planted there, nothing crashes or hangs, nobody's
 * content is lost, and what is told on is fit for the database.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { toName } from '#core/name.ts';
import { ABSENT } from '#core/state.ts';
import { processOwner } from '#libs/store-local/attempt-owner.ts';
import { nameHash } from '#libs/store-local/attempts.ts';
import type { RecoveryPointer } from '#ports/commit.ts';
import { HoldfastError } from '#ports/errors.ts';
import {
  attemptsLeft,
  contents,
  type Fixture,
  fileContent,
  MD5,
  makeFixture,
  orderOf,
  stateOf,
  trashed,
} from '#test/store-local/folder-fixture.ts';

const NAME = toName('doc.txt');

let fixture: Fixture;
beforeEach(async () => {
  fixture = await makeFixture();
});
afterEach(() => fixture.remove());

const holdfast = (path: string): string => join(fixture.root, '.holdfast', path);

/** What is told to the archive must be storable there: counts in range, plain words. */
function assertStorable(pointer: RecoveryPointer | null): void {
  if (pointer === null) return;
  assert.ok(Number.isSafeInteger(pointer.size) && pointer.size >= 0, `a size of ${pointer.size}`);
  assert.match(pointer.hash ?? '', /^[0-9a-f]*$/);
  assert.doesNotMatch(pointer.locator, /\0/);
}

/** Every operation either answers or fails with an error of ours. */
async function useAll(): Promise<RecoveryPointer[]> {
  const { folder } = fixture;
  const pointers: RecoveryPointer[] = [];
  const note = (outcome: Awaited<ReturnType<typeof folder.pull>>): void => {
    if (outcome.result !== 'blocked' && outcome.recovery !== null) pointers.push(outcome.recovery);
  };
  const uses: (() => Promise<unknown>)[] = [
    () => folder.check(),
    () => folder.recover(Number.MAX_SAFE_INTEGER),
    async () => {
      for await (const { pointer } of folder.trashed(async () => new Set())) {
        pointers.push(pointer);
        await folder.inspect(pointer, MD5);
      }
    },
    () => folder.probe(NAME),
    async () =>
      note(await folder.pull(NAME, fileContent('pulled'), orderOf(NAME, ABSENT, 'recoverable', 8n))),
    async () =>
      note(await folder.remove(NAME, orderOf(NAME, await stateOf(folder, NAME), 'recoverable', 9n))),
    async () => note(await folder.remove(NAME, orderOf(NAME, ABSENT, 'recoverable', 7n))),
  ];
  for (const use of uses) {
    try {
      await use();
    } catch (thrown) {
      assert.ok(thrown instanceof HoldfastError, thrown instanceof Error ? thrown.stack : String(thrown));
      assert.doesNotMatch(thrown.message, /\/proc\/self/, 'says what is wrong in the words of its reader');
    }
  }
  for (const pointer of pointers) assertStorable(pointer);
  return pointers;
}

/** This machine's, as nothing can be told about processes of others. */
const [MACHINE = ''] = processOwner.tag.split('.');
const NO_PROCESS = `${MACHINE}.999999999.1`;

const attemptId = (owner = NO_PROCESS, unique = 'planted', serial = '7'): string =>
  `${nameHash(NAME)}-${serial}-${owner}-${unique}`;

/** An attempt as a crashed commit leaves it, with a journal of anybody's making. */
function plantAttempt(intent: unknown, id = attemptId()): void {
  fs.mkdirSync(holdfast(`attempts/${id}`), { recursive: true });
  fs.writeFileSync(holdfast(`attempts/${id}/old`), 'displaced');
  const text = typeof intent === 'string' ? intent : JSON.stringify(intent);
  fs.writeFileSync(holdfast(`attempts/${id}/intent.json`), text);
  fs.utimesSync(holdfast(`attempts/${id}`), 1, 1);
}

const whole = {
  name: NAME,
  expected: { kind: 'absent' },
  displaced: 'recoverable',
  displacedAt: 1_700_000_000_000,
  conflictNames: ['copy'],
  copies: false,
};

describe('a forged journal', () => {
  const forgeries: [string, unknown][] = [
    ['of the year 200000', { ...whole, displacedAt: 6.2e15 }],
    ['of no time that is', { ...whole, displacedAt: 1e300 }],
    ['before time', { ...whole, displacedAt: -1e300 }],
    ['with a name that leads outside', { ...whole, name: '../outside' }],
    ['with an absolute name', { ...whole, name: '/etc/passwd' }],
    ['with a name of ours', { ...whole, name: '.holdfast/marker' }],
    [
      'with conflict names that lead outside',
      { ...whole, displaced: 'conflict-copy', conflictNames: ['../x', '/y'] },
    ],
    [
      'with a conflict name of ours',
      { ...whole, displaced: 'conflict-copy', conflictNames: ['.holdfast', '..'] },
    ],
    ['with a million conflict names', { ...whole, conflictNames: Array.from({ length: 1e6 }, () => 'x') }],
    ['with a hash that is none', { ...whole, expected: file({ hash: 'a\u0000b' }) }],
    ['with an inode of many digits', { ...whole, expected: file({ inode: '9'.repeat(50_000) }) }],
    ['with sizes beyond counting', { ...whole, expected: file({ size: 1e308, mode: -1e308 }) }],
    ['of a tree', { ...whole, expected: { kind: 'directory' } }],
    ['nested deeply', '['.repeat(60_000)],
    ['with a prototype', '{"__proto__":{"name":"doc.txt"},"constructor":1}'],
    ['of another kind', '"text"'],
    ['that is empty', ''],
    ['that is not text', '\u0000\u0001\u0002'],
    ['of a megabyte', `{"name":"${'x'.repeat(1e6)}"}`],
  ];
  for (const [what, intent] of forgeries) {
    test(`${what} neither crashes nor loses what was displaced`, async () => {
      plantAttempt(intent);
      await useAll();
      const kept = [...Object.values(await contents(fixture)), ...(await trashed(fixture))];
      assert.ok(kept.includes('displaced'), `kept: ${kept}`);
      assert.deepEqual(await attemptsLeft(fixture), []);
      assert.deepEqual(fs.readdirSync(join(fixture.root, '..')), ['folder']);
      await fixture.folder.check();
    });
  }
});

function file(more: object): object {
  return { kind: 'file', inode: '1', mtimeNs: '1', ctimeNs: '1', size: 9, mode: 420, hash: null, ...more };
}

describe('an attempt directory', () => {
  const ids: [string, string][] = [
    ['of a process that cannot be', attemptId(`${MACHINE}.1e308.x`)],
    ['with a long end', attemptId(NO_PROCESS, 'y'.repeat(200))],
    ['with a serial beyond all', attemptId(NO_PROCESS, 'y', '9'.repeat(100))],
    ['with signs', attemptId('..', '\n\u00e9')],
  ];
  for (const [what, id] of ids) {
    test(`${what} is repaired or left alone`, async () => {
      plantAttempt(whole, id);
      await useAll();
      assert.equal((await fixture.folder.probe(toName('other'))).result, 'state');
    });
  }

  test('is not repaired through links and pipes put into it', async () => {
    const outside = join(fixture.root, '../outside');
    fs.writeFileSync(outside, 'outside');
    plantAttempt(whole);
    for (const part of ['new', 'old', 'intent.json']) {
      fs.rmSync(holdfast(`attempts/${attemptId()}/${part}`), { force: true });
      fs.symlinkSync(outside, holdfast(`attempts/${attemptId()}/${part}`));
    }
    const pipes = attemptId(NO_PROCESS, 'pipes');
    plantAttempt(whole, pipes);
    for (const part of ['new', 'old', 'intent.json']) {
      fs.rmSync(holdfast(`attempts/${pipes}/${part}`), { force: true });
      execFileSync('mkfifo', [holdfast(`attempts/${pipes}/${part}`)]);
    }
    await useAll();
    assert.equal(fs.readFileSync(outside, 'utf8'), 'outside');
    assert.deepEqual(await attemptsLeft(fixture), []);
  });
});

describe('a forged trash record', () => {
  const records: [string, string][] = [
    ['with a size beyond counting', '{"size":1e300,"hash":null}'],
    ['with a size below nothing', '{"size":-1.5,"hash":null}'],
    ['with a hash that is none', '{"size":1,"hash":"a\\u0000b"}'],
    ['that is no record', '[1'],
    ['of a megabyte', `{"size":1,"hash":"${'x'.repeat(1e6)}"}`],
  ];
  for (const [what, record] of records) {
    test(`${what} is not told on`, async () => {
      const day = new Date().toISOString().slice(0, 10).replaceAll('-', '');
      const item = `7-${nameHash(NAME)}-planted`;
      fs.mkdirSync(holdfast(`trash/${day}/${item}`), { recursive: true });
      fs.writeFileSync(holdfast(`trash/${day}/${item}/${NAME}`), 'trashed');
      fs.writeFileSync(holdfast(`trash/${day}/${item}.json`), record);
      await useAll();
      const outcome = await fixture.folder.remove(NAME, orderOf(NAME));
      assert.ok(outcome.result === 'applied');
      assertStorable(outcome.recovery);
    });
  }
});

describe('something in the place of a directory of ours', () => {
  const plant: [string, (path: string) => void][] = [
    ['a link', (path) => fs.symlinkSync('/etc', path)],
    ['a file', (path) => fs.writeFileSync(path, '')],
    ['a pipe', (path) => void execFileSync('mkfifo', [path])],
  ];
  for (const [what, put] of plant) {
    for (const directory of ['attempts', 'trash']) {
      test(`${what} for ${directory} disables the pair with what to do, until it is moved away`, async () => {
        await fixture.folder.pull(NAME, fileContent('a'), orderOf(NAME));
        fs.rmSync(holdfast(directory), { recursive: true, force: true });
        put(holdfast(directory));
        await assert.rejects(fixture.folder.check(), (error: HoldfastError) => {
          assert.equal(error.code, 'folder-denied');
          assert.match(error.message, new RegExp(`\\.holdfast/${directory} is no directory; move it away`));
          return true;
        });
        await useAll();
        fs.rmSync(holdfast(directory));
        await fixture.folder.check();
      });
    }
    test(`${what} for the marker is no marker`, async () => {
      fs.rmSync(holdfast('marker'));
      put(holdfast('marker'));
      await assert.rejects(fixture.folder.check(), { code: 'folder-unmarked' });
    });
    test(`${what} for a day of the trash is a problem of the name, and the content is kept`, async () => {
      await fixture.folder.pull(NAME, fileContent('a'), orderOf(NAME));
      const day = new Date().toISOString().slice(0, 10).replaceAll('-', '');
      fs.mkdirSync(holdfast('trash'));
      put(holdfast(`trash/${day}`));
      const order = orderOf(NAME, await stateOf(fixture.folder, NAME), 'recoverable', 8n);
      await assert.rejects(fixture.folder.remove(NAME, order), { code: 'local-denied' });
      fs.rmSync(holdfast(`trash/${day}`));
      await fixture.folder.remove(
        NAME,
        orderOf(NAME, await stateOf(fixture.folder, NAME), 'recoverable', 9n),
      );
      assert.deepEqual(await trashed(fixture), ['a']);
    });
  }
});
