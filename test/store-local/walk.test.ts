import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import fc from 'fast-check';
import { compareNames } from '#core/name.ts';
import type { LocalFolder, WalkItem } from '#ports/local-folder.ts';
import { type Fixture, makeFixture, stateOf } from './folder-fixture.ts';

let fixture: Fixture;
beforeEach(async () => {
  fixture = await makeFixture();
});
afterEach(() => fixture.remove());

async function walk(
  folder: LocalFolder,
  isExcluded: Parameters<LocalFolder['walk']>[0] = () => false,
): Promise<WalkItem[]> {
  const items: WalkItem[] = [];
  for await (const item of folder.walk(isExcluded)) items.push(item);
  return items;
}

function namesOf(items: readonly WalkItem[]): string[] {
  return items.flatMap((item) => (item.kind === 'entry' ? [item.name] : []));
}

function write(name: string): void {
  fixture.user.makeDirectories(fixture.at(name, '..'));
  fixture.user.write(fixture.at(name), 'x');
}

const segment = fc.string({
  unit: fc.constantFrom('a', '-', '.x', '0', 'é', '😀', '\uffee', '~'),
  minLength: 1,
  maxLength: 3,
});

describe('walk', () => {
  test('a name with a sign below the slash comes between a directory and its contents', async () => {
    for (const name of ['a/x', 'a-b', 'a.txt', 'a0']) write(name);
    assert.deepEqual(namesOf(await walk(fixture.folder)), ['a', 'a-b', 'a.txt', 'a/x', 'a0']);
  });

  test('names come in the order of their UTF-8 bytes, whatever the tree', async () => {
    let run = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(fc.array(segment, { minLength: 1, maxLength: 4 }), { maxLength: 25 }),
        async (paths) => {
          run += 1;
          const top = `run${run}`;
          const written = new Set<string>([top]);
          fixture.user.makeDirectories(fixture.at(top));
          for (const path of paths.filter((parts) => !parts.some((part) => /^\.{1,2}$/.test(part)))) {
            const name = [top, ...path].join('/');
            try {
              write(name);
            } catch {
              continue; // a file of an earlier path stands in the way
            }
            for (let at = name.length; at > 0; at = name.lastIndexOf('/', at - 1))
              written.add(name.slice(0, at));
          }
          const seen = namesOf(await walk(fixture.folder, (name) => !name.startsWith(top)));
          assert.deepEqual(
            seen,
            [...written].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b))),
          );
          assert.deepEqual(seen, [...seen].sort(compareNames));
        },
      ),
      { numRuns: 60 },
    );
  });

  test('states are those of a probe', async () => {
    write('dir/file');
    for (const item of await walk(fixture.folder)) {
      assert.ok(item.kind === 'entry');
      assert.deepEqual(item.state, await stateOf(fixture.folder, item.name));
    }
  });

  test('links, pipes, sockets and devices are shown and never opened', async () => {
    fixture.user.symlink('/', fixture.at('link'));
    fixture.user.makeSpecial(fixture.at('pipe'), 'fifo');
    fixture.user.makeSpecial(fixture.at('socket'), 'socket');
    const items = await walk(fixture.folder);
    const kinds = items.map((item) =>
      item.kind === 'entry' && item.state.kind === 'unhandled' ? [item.name, item.state.special] : item,
    );
    assert.deepEqual(kinds, [
      ['link', 'symlink'],
      ['pipe', 'fifo'],
      ['socket', 'socket'],
    ]);
  });

  test('names that cannot be stored are told, escaped, and not entered', async () => {
    fixture.user.makeDirectories(fixture.at('é'));
    const root = Buffer.from(`${fixture.root}/é/`);
    fixture.user.write(Buffer.concat([root, Buffer.from([0x62, 0xff, 0x63])]), 'x');
    fixture.user.write(Buffer.concat([root, Buffer.from('line\nbreak')]), 'x');
    fixture.user.makeDirectories(Buffer.concat([root, Buffer.from([0xfe])]));
    fixture.user.write(Buffer.concat([root, Buffer.from([0xfe]), Buffer.from('/inner')]), 'x');
    write('é/.holdfast/x');
    const told = (await walk(fixture.folder)).flatMap((item) =>
      item.kind === 'unsyncable' ? [[item.shown, item.code]] : [],
    );
    assert.deepEqual(told, [
      ['é/.holdfast', 'name-reserved'],
      ['é/b\\xffc', 'name-not-unicode'],
      ['é/line\\x0abreak', 'name-control-character'],
      ['é/\\xfe', 'name-not-unicode'],
    ]);
  });

  test('a name that becomes too long with its directories is told', async () => {
    const long = Array.from({ length: 6 }, () => 'd'.repeat(200)).join('/');
    write(long);
    const items = await walk(fixture.folder);
    assert.deepEqual(
      items.map((item) => item.kind),
      ['entry', 'entry', 'entry', 'entry', 'entry', 'unsyncable'],
    );
  });

  test('excluded names are left out and excluded directories not entered', async () => {
    for (const name of ['keep/x', 'skip/y', 'z.tmp']) write(name);
    const items = await walk(
      fixture.folder,
      (name, isDirectory) => name === 'z.tmp' || (isDirectory && name === 'skip'),
    );
    assert.deepEqual(namesOf(items), ['keep', 'keep/x']);
  });

  test('a walk that is given up half-way closes what it opened', async () => {
    for (let index = 0; index < 5; index += 1) write(`a/b/c/${index}`);
    const before = fixture.descriptors();
    for await (const item of fixture.folder.walk(() => false))
      if (item.kind === 'entry' && item.name === 'a/b/c/2') break;
    assert.equal(fixture.descriptors(), before);
  });

  test('a folder whose marker vanished while it was walked fails at the end', async () => {
    write('a');
    await assert.rejects(
      async () => {
        for await (const _ of fixture.folder.walk(() => false))
          fixture.user.removeTree(fixture.at('.holdfast/marker'));
      },
      { code: 'folder-unmarked' },
    );
  });

  test('other work goes on while many entries are walked', async () => {
    for (let index = 0; index < 1000; index += 1) write(`d/${index}`);
    let turns = 0;
    const timer = setInterval(() => {
      turns += 1;
    }, 0);
    await walk(fixture.folder);
    clearInterval(timer);
    assert.ok(turns >= 1);
  });
});
