/**
 * The disk in memory against Linux: random calls are made on both, by a process through the
 * port and by a user past it. Answers, refusals and the trees that result must be the same.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { MemoryDisk } from '#libs/memory/disk.ts';
import { atOnce } from '#libs/memory/step.ts';
import type { Facts, FileSystem, OpenDirectory, OpenFile } from '#libs/store-local/file-system.ts';
import { systemCode } from '#libs/store-local/file-system.ts';
import { linuxFileSystem } from '#libs/store-local/linux-file-system.ts';
import { seeded } from '#test/core/seed.ts';
import { type FolderUser, linuxUser } from '#test/support/linux-user.ts';
import { asOrdinaryUser } from '#test/support/ordinary-user.ts';

interface Side {
  readonly root: string;
  readonly user: FolderUser;
  /** Descriptors in the order they were opened; both sides open the same. */
  readonly directories: OpenDirectory[];
  readonly files: OpenFile[];
}

interface Call {
  readonly shown: string;
  run(side: Side): unknown;
}

async function openSide(fileSystem: FileSystem, user: FolderUser, root: string): Promise<Side> {
  return { root, user, directories: [await fileSystem.openRoot(root)], files: [] };
}

/** What both sides must agree on: no times, no numbers of inodes, no sizes of directories. */
function comparable(facts: Facts | null): unknown {
  if (facts === null) return null;
  const { kind, mode, size } = facts;
  return { kind, mode, size: kind === 'directory' ? 0 : size };
}

async function answerOf(side: Side, call: Call): Promise<unknown> {
  try {
    return await call.run(side);
  } catch (thrown) {
    const code = systemCode(thrown);
    if (code === undefined) throw thrown;
    return code;
  }
}

/** Paths, contents and which names lead to one file. */
function treeOf({ user, root }: Side): unknown[] {
  const entries = user.tree(root).sort((left, right) => (left.path < right.path ? -1 : 1));
  const firstOf = new Map<bigint, string>();
  for (const { inode, path } of entries) if (!firstOf.has(inode)) firstOf.set(inode, path);
  return entries.map((entry) => ({
    ...{ path: entry.path, links: entry.links, target: entry.target, sameAs: firstOf.get(entry.inode) },
    ...{ facts: comparable(entry), text: entry.bytes && Buffer.from(entry.bytes).toString('latin1') },
  }));
}

const name = fc.constantFrom('a', 'b', 'c', 'é');
const slot = fc.nat(5);
const text = fc.constantFrom('', 'x', 'yz', 'longer');
const at = <Value>(values: readonly Value[], index: number): Value => values[index % values.length] as Value;

type Port<Arguments extends unknown[]> = [
  title: string,
  ...arguments: { [Key in keyof Arguments]: fc.Arbitrary<Arguments[Key]> },
];

function calls<Arguments extends unknown[]>(
  [title, ...given]: Port<Arguments>,
  run: (side: Side, ...given: Arguments) => unknown,
): fc.Arbitrary<Call> {
  return fc
    .tuple<Arguments>(...(given as { [Key in keyof Arguments]: fc.Arbitrary<Arguments[Key]> }))
    .map((values) => ({ shown: `${title}(${values.join(', ')})`, run: (side) => run(side, ...values) }));
}

function onFile(side: Side, index: number, work: (file: OpenFile) => unknown): unknown {
  return side.files.length === 0 ? null : work(at(side.files, index));
}

const directory = (side: Side, index: number): OpenDirectory => at(side.directories, index);

/** A write by an ordinary user takes setuid and setgid away from a file, which no commit of ours relies on. */
const fileMode = fc.constantFrom(0o700, 0o744, 0o755);

const processCalls = (mode: fc.Arbitrary<number>): fc.Arbitrary<Call>[] => [
  calls<[number, string]>(['openDirectory', slot, name], async (side, index, segment) => {
    side.directories.push(await directory(side, index).openDirectory(segment));
  }),
  calls<[number]>(['openDirectoryAgain', slot], async (side, index) => {
    side.directories.push(await directory(side, index).openDirectoryAgain());
  }),
  calls<[number, string]>(['openDirectoryNow', slot, name], (side, index, segment) => {
    side.directories.push(directory(side, index).openDirectoryNow(segment));
  }),
  calls<[number, string, number]>(
    ['createFile', slot, name, fileMode],
    async (side, index, segment, bits) => {
      side.files.push(await directory(side, index).createFile(segment, bits));
    },
  ),
  calls<[number, string]>(['openForReading', slot, name], async (side, index, segment) => {
    side.files.push(await directory(side, index).openForReading(segment));
  }),
  calls<[number, string, number]>(['makeDirectory', slot, name, mode], (side, index, segment, bits) =>
    directory(side, index).makeDirectory(segment, bits),
  ),
  calls<[number, string, number, string]>(
    ['link', slot, name, slot, name],
    (side, from, segment, to, other) => directory(side, from).link(segment, directory(side, to), other),
  ),
  calls<[number, string, number, string]>(
    ['rename', slot, name, slot, name],
    (side, from, segment, to, other) => directory(side, from).rename(segment, directory(side, to), other),
  ),
  calls<[number, string]>(['unlink', slot, name], (side, index, segment) =>
    directory(side, index).unlink(segment),
  ),
  calls<[number, string]>(['removeDirectory', slot, name], (side, index, segment) =>
    directory(side, index).removeDirectory(segment),
  ),
  calls<[number, string]>(['lstat', slot, name], async (side, index, segment) => {
    assert.deepEqual(
      await answerOf(side, { shown: '', run: () => directory(side, index).lstat(segment) }),
      await answerOf(side, { shown: '', run: () => directory(side, index).lstatNow(segment) }),
    );
    return comparable(await directory(side, index).lstat(segment));
  }),
  calls<[number]>(['list', slot], async (side, index) => {
    const listed = await directory(side, index).list();
    return listed.map(({ bytes, isDirectory }) => `${bytes} ${isDirectory}`).sort();
  }),
  calls<[number]>(['path', slot], async (side, index) =>
    (await directory(side, index).path()).slice(side.root.length),
  ),
  calls<[number]>(['facts', slot], async (side, index) => comparable(await directory(side, index).facts())),
  calls<[number, number]>(['setMode', slot, mode], (side, index, bits) =>
    directory(side, index).setMode(bits),
  ),
  calls<[number]>(['file.facts', slot], (side, index) =>
    onFile(side, index, async (file) => comparable(await file.facts())),
  ),
  calls<[number, string]>(['file.write', slot, text], (side, index, bytes) =>
    onFile(side, index, (file) => file.write(Buffer.from(bytes))),
  ),
  calls<[number, number]>(['file.read', slot, fc.nat(8)], (side, index, position) =>
    onFile(side, index, async (file) => {
      const into = Buffer.alloc(4);
      return into.toString('latin1', 0, await file.read(into, position));
    }),
  ),
  calls<[number, number]>(['file.setMode', slot, fileMode], (side, index, bits) =>
    onFile(side, index, (file) => file.setMode(bits)),
  ),
  calls<[number]>(['file.setModifiedAt', slot], (side, index) =>
    onFile(side, index, async (file) => {
      await file.setModifiedAt(1_234_567_890_123_456_789n);
      return (await file.facts()).mtimeNs;
    }),
  ),
];

/** Which code a user sees who goes through a link on the way differs; whether he is refused does not. */
function userCall<Arguments extends unknown[]>(
  port: Port<Arguments>,
  run: (side: Side, ...given: Arguments) => unknown,
): fc.Arbitrary<Call> {
  return calls<Arguments>(port, (side, ...given) => {
    try {
      return run(side, ...given);
    } catch (thrown) {
      if (systemCode(thrown) === undefined) throw thrown;
      return 'refused';
    }
  });
}

const path = fc.array(name, { minLength: 1, maxLength: 3 }).map((names) => names.join('/'));

const userCalls: fc.Arbitrary<Call>[] = [
  userCall<[string, string]>(['user.write', path, text], ({ user, root }, to, bytes) =>
    user.write(`${root}/${to}`, bytes),
  ),
  userCall<[string, string]>(['user.append', path, text], ({ user, root }, to, bytes) =>
    user.append(`${root}/${to}`, bytes),
  ),
  userCall<[string, string]>(['user.save', path, text], ({ user, root }, to, bytes) => {
    // A refused save leaves a draft behind that each side names in its own way.
    if (user.lstat(`${root}/${to}`)?.kind !== 'directory') user.save(`${root}/${to}`, bytes);
  }),
  userCall<[string, number]>(['user.truncate', path, fc.nat(9)], ({ user, root }, to, size) =>
    user.truncate(`${root}/${to}`, size),
  ),
  userCall<[string]>(['user.makeDirectories', path], ({ user, root }, to) =>
    user.makeDirectories(`${root}/${to}`),
  ),
  userCall<[string, string]>(['user.rename', path, path], ({ user, root }, from, to) =>
    user.rename(`${root}/${from}`, `${root}/${to}`),
  ),
  userCall<[string, string]>(['user.link', path, path], ({ user, root }, from, to) =>
    user.link(`${root}/${from}`, `${root}/${to}`),
  ),
  userCall<[string]>(['user.symlink', path], ({ user, root }, to) =>
    user.symlink('nowhere', `${root}/${to}`),
  ),
  userCall<[string]>(['user.unlink', path], ({ user, root }, to) => user.unlink(`${root}/${to}`)),
  userCall<[string]>(['user.removeDirectory', path], ({ user, root }, to) =>
    user.removeDirectory(`${root}/${to}`),
  ),
  userCall<[string]>(['user.removeTree', path], ({ user, root }, to) => user.removeTree(`${root}/${to}`)),
  userCall<[string]>(['user.read', path], ({ user, root }, to) => user.readText(`${root}/${to}`)),
];

const disk = (): MemoryDisk => new MemoryDisk({ now: () => 1_700_000_000_000 });

/** @param lookAgain takes back the rights to see and remove everything. */
async function compare(sequence: readonly Call[], lookAgain = (): void => {}): Promise<void> {
  const base = mkdtempSync(join(tmpdir(), 'like-linux-'));
  const memory = disk();
  memory.user().makeDirectories('/folder');
  const files = memory.fileSystem(atOnce);
  const real = await openSide(linuxFileSystem, linuxUser, base);
  const fake = await openSide(files, memory.user(), '/folder');
  try {
    memory.user().chmod('/folder', Number(linuxUser.lstat(base)?.mode));
    for (const call of sequence) {
      const expected = await answerOf(real, call);
      assert.deepEqual(await answerOf(fake, call), expected, call.shown);
    }
    lookAgain();
    assert.deepEqual(treeOf(fake), treeOf(real));
  } finally {
    lookAgain();
    for (const open of [...real.files, ...real.directories]) await open.close();
    rmSync(base, { recursive: true });
  }
}

function sequences(calls: fc.Arbitrary<Call>[]): fc.Arbitrary<Call[]> {
  return fc.array(fc.oneof(...calls), { minLength: 1, maxLength: 40, size: 'max' });
}

test('calls of processes and users have the same answers and the same results', async (t) => {
  t.after(asOrdinaryUser());
  const permitting = fc.constantFrom(0o700, 0o755, 0o2770);
  const property = fc.asyncProperty(sequences([...processCalls(permitting), ...userCalls]), (sequence) =>
    compare(sequence),
  );
  await fc.assert(property, seeded(t, 150));
});

test('permissions forbid a process the same', async (t) => {
  if (process.geteuid?.() !== 0) {
    t.skip('only root can look at what an ordinary user may not');
    return;
  }
  const restricting = fc.constantFrom(0o700, 0o600, 0o500, 0o300, 0o400, 0o100, 0o070);
  const property = fc.asyncProperty(sequences(processCalls(restricting)), async (sequence) => {
    const isRootAgain = asOrdinaryUser();
    await compare(sequence, isRootAgain);
  });
  await fc.assert(property, seeded(t, 150));
});
