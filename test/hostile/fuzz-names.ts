/**
 * Fuzz names: generated names here and upstream, synced, changed on both sides and synced again.
 * Each is then exact on both sides or a visible problem left as it was, and no other name exists.
 */
import fs from 'node:fs';
import type { ListPage } from '#ports/object-store.ts';
import type { OpenedStore } from '#test/conformance/object-store.ts';
import type { Engine } from '#test/support/engine.ts';
import type { TestFleet } from '#test/support/fleet.ts';
import { firstFault, isSyncable, NameDrawer, shown, type Where } from './names.ts';
import { type Random, randomFrom } from './random.ts';

export interface FuzzReport {
  readonly names: number;
  /** Names that are equal on both sides at the end. */
  readonly synced: number;
  /** Names with an open problem at the end, by its code. */
  readonly problems: Readonly<Record<string, number>>;
  /** Must be empty. */
  readonly faults: readonly string[];
}

export interface FuzzedPair {
  readonly root: string;
  readonly remote: OpenedStore;
  /** A full scan and poll; resolves when the pair is quiet. @returns how many files were moved. */
  sync(): Promise<number>;
  problems(): Promise<readonly { readonly name: string; readonly code: string }[]>;
}

export function pairOfEngine(engine: Engine): FuzzedPair {
  const moved = async (): Promise<number> =>
    (await engine.archive.transferred(engine.pairId, new Date(0))).files;
  return {
    root: engine.root,
    remote: engine.remote,
    async sync() {
      const before = await moved();
      await engine.sync();
      return (await moved()) - before;
    },
    problems: () => engine.archive.problems(engine.pairId),
  };
}

/** The pair `fuzzed` of a fleet. */
export function pairOfFleet(fleet: TestFleet, root: string, remote: OpenedStore): FuzzedPair {
  return {
    root,
    remote,
    sync: async () =>
      (await fleet.json<{ files: number }>('sync', 'fuzzed', '--wait', '--timeout', '300s')).files,
    problems: () => fleet.json('problems', 'fuzzed'),
  };
}

/** What the user has put where, by the name's bytes as latin1. */
type Contents = Map<string, Buffer>;

const bytesOf = (key: string): Buffer => Buffer.from(key, 'latin1');

/**
 * A Swift on ext4 keeps a name and, percent-encoded, what it links to in one block of 4 KiB. Of one that does not fit,
 * its object server stops answering whatsoever, which says nothing of the engine.
 */
export const LONGEST_ON_SWIFT = 1_500;

/**
 * @param count names to draw for each side.
 * @param longest bytes of a name, percent-encoded, beyond which none is drawn.
 */
export async function fuzzNames(
  pair: FuzzedPair,
  count: number,
  seed: number,
  longest = Number.POSITIVE_INFINITY,
): Promise<FuzzReport> {
  const random = randomFrom(seed);
  const drawer = new NameDrawer(random);
  const here: Contents = new Map();
  const upstream: Contents = new Map();
  await drawAll(
    count,
    () => drawer.draw('here').filter((name) => encodedLength(name) <= longest),
    here,
    (name, content) => putHere(pair, name, content),
  );
  await drawAll(
    count,
    () => drawer.draw('upstream').filter((name) => encodedLength(name) <= longest),
    upstream,
    (name, content) => putUpstream(pair, name, content),
  );
  const faults: string[] = [];
  await pair.sync();
  faults.push(...(await lastingFaultsOf(pair, here, upstream)).map((fault) => `first: ${fault}`));
  await changeSome(pair, random, here, upstream);
  await pair.sync();
  faults.push(...(await lastingFaultsOf(pair, here, upstream)).map((fault) => `changed: ${fault}`));
  const problems: Record<string, number> = {};
  await faultsOf(pair, here, upstream, problems);
  const moved = await pair.sync();
  if (moved > 0) faults.push(`a further sync moved ${moved} files`);
  const names = here.size + upstream.size;
  const troubled = Object.values(problems).reduce((sum, some) => sum + some, 0);
  return { names, synced: names - troubled, problems, faults };
}

function encodedLength(name: Buffer): number {
  return name.reduce((sum, byte) => sum + (/[\w.~-]/.test(String.fromCharCode(byte)) ? 1 : 3), 0);
}

async function drawAll(
  count: number,
  draw: () => Buffer[],
  contents: Contents,
  put: (name: Buffer, content: Buffer) => Promise<boolean>,
): Promise<void> {
  while (contents.size < count) {
    for (const name of draw()) {
      const key = name.toString('latin1');
      const content = Buffer.from(contents.size % 17 === 0 ? '' : `content ${contents.size} ${key}`);
      if (await put(name, content)) contents.set(key, content);
    }
  }
}

function pathHere(pair: FuzzedPair, name: Buffer): Buffer {
  return Buffer.concat([Buffer.from(`${pair.root}/`), name]);
}

/** @returns false when the file system does not take the name. */
async function putHere(pair: FuzzedPair, name: Buffer, content: Buffer): Promise<boolean> {
  const path = pathHere(pair, name);
  try {
    fs.mkdirSync(path.subarray(0, path.lastIndexOf(0x2f)), { recursive: true });
    fs.writeFileSync(path, content);
    return true;
  } catch (thrown) {
    if (thrown instanceof Error && 'syscall' in thrown) return false;
    throw thrown;
  }
}

/** @returns false when the store does not take the name. */
async function putUpstream(pair: FuzzedPair, name: Buffer, content: Buffer): Promise<boolean> {
  try {
    await pair.remote.other.put(name.toString(), content);
    return true;
  } catch {
    return false;
  }
}

/** Users edit and delete some of their names, and some that came from the other side. */
async function changeSome(
  pair: FuzzedPair,
  random: Random,
  here: Contents,
  upstream: Contents,
): Promise<void> {
  const { files } = listHere(pair);
  const listed = await listUpstream(pair);
  for (const contents of [here, upstream]) {
    for (const [key] of contents) {
      const name = bytesOf(key);
      const where: Where = random.below(2) === 0 ? 'here' : 'upstream';
      const exists = where === 'here' ? files.has(key) : listed.has(name.toString());
      const change = random.below(4);
      if (!exists || change > 1) continue;
      if (change === 0) {
        const content = Buffer.from(`edited ${where} ${key}`);
        const isDone =
          where === 'here' ? await putHere(pair, name, content) : await putUpstream(pair, name, content);
        if (isDone) contents.set(key, content);
        continue;
      }
      if (where === 'here') fs.rmSync(pathHere(pair, name));
      else await pair.remote.other.remove(name.toString());
      contents.delete(key);
    }
  }
}

async function listUpstream(pair: FuzzedPair): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for (let after: string | null = null; ; ) {
    const page: ListPage = await pair.remote.store.list(after, 10_000);
    for (const { rawName, state } of page.objects)
      found.set(rawName, state.kind === 'file' ? state.hash : state.kind);
    if (page.next === null) return found;
    after = page.next;
  }
}

/** Files here by the bytes of their names as latin1. */
function listHere(pair: FuzzedPair): { files: Contents; directories: Set<string> } {
  const files: Contents = new Map();
  const directories = new Set<string>();
  const walk = (directory: string): void => {
    for (const entry of fs.readdirSync(pathHere(pair, bytesOf(directory)), {
      encoding: 'buffer',
      withFileTypes: true,
    })) {
      const segment = entry.name.toString('latin1');
      const key = directory === '' ? segment : `${directory}/${segment}`;
      if (key === '.holdfast') continue;
      if (!entry.isDirectory()) files.set(key, fs.readFileSync(pathHere(pair, bytesOf(key))));
      else {
        directories.add(key);
        walk(key);
      }
    }
  };
  walk('');
  return { files, directories };
}

/**
 * A problem that a poll finds within a statement's time of its beginning may be closed again at its end, and is there
 * after one of the next: only what lasts is a fault.
 */
async function lastingFaultsOf(pair: FuzzedPair, here: Contents, upstream: Contents): Promise<string[]> {
  for (let tries = 1; ; tries += 1) {
    const faults = await faultsOf(pair, here, upstream);
    if (faults.length === 0 || tries === 4) return faults;
    await pair.sync();
  }
}

/** @param tally takes the number of troubled names by code. */
async function faultsOf(
  pair: FuzzedPair,
  here: Contents,
  upstream: Contents,
  tally: Record<string, number> = {},
): Promise<string[]> {
  const faults: string[] = [];
  const problems = await pair.problems();
  const open = new Map(problems.map(({ name, code }) => [name.replace(/…[0-9a-f]{32}$/, ''), code]));
  const listed = await listUpstream(pair);
  const { files, directories } = listHere(pair);
  const isExactHere = (key: string, content: Buffer): boolean => files.get(key)?.equals(content) ?? false;
  const isExactUpstream = (key: string, content: Buffer): boolean =>
    listed.get(bytesOf(key).toString()) === pair.remote.hash(content);
  const expected = new Set<string>();
  const check = (key: string, content: Buffer, from: Where): void => {
    const name = bytesOf(key);
    expected.add(key);
    const problem = open.get(problemName(name, from));
    if (problem !== undefined) tally[problem] = (tally[problem] ?? 0) + 1;
    const isAtHome = from === 'here' ? isExactHere(key, content) : isExactUpstream(key, content);
    const isAway = from === 'here' ? isExactUpstream(key, content) : isExactHere(key, content);
    const title = `${JSON.stringify(name.toString())} from ${from}`;
    if (!isAtHome) faults.push(`${title} is not as its user left it`);
    if (!isSyncable(name)) {
      if (problem === undefined) faults.push(`${title} cannot be synced and no problem says so`);
      if (isAway) faults.push(`${title} went where it cannot be`);
    } else if (!isAway && problem === undefined) faults.push(`${title} is neither synced nor a problem`);
  };
  for (const [key, content] of here) check(key, content, 'here');
  for (const [key, content] of upstream) check(key, content, 'upstream');
  for (const key of [...expected])
    for (const { index } of key.matchAll(/\//g)) expected.add(key.slice(0, index));
  for (const key of [...files.keys()])
    if (!expected.has(key)) faults.push(`${JSON.stringify(key)} appeared here`);
  for (const rawName of listed.keys()) {
    const key = Buffer.from(rawName).toString('latin1');
    if (!expected.has(key) && !directories.has(key))
      faults.push(`${JSON.stringify(rawName)} appeared upstream`);
  }
  return faults;
}

/** Very long names are shown by their beginnings. */
const SHOWN_BYTES = 2_000;
const SHOWN_CHARACTERS = 400;

function problemName(name: Buffer, from: Where): string {
  if (isSyncable(name)) return name.toString();
  return beginningOf(shown(from === 'here' ? (firstFault(name) ?? name) : name));
}

function beginningOf(text: string): string {
  return Buffer.byteLength(text) <= SHOWN_BYTES ? text : [...text].slice(0, SHOWN_CHARACTERS).join('');
}
