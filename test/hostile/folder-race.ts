/**
 * Folder race: everything the local side can do, at once and without pause, on a folder that a
 * planter plays with. Whatever an operation answers is fine; what it touches outside, what it
 * throws that is no answer, and what never ends, is reported.
 */
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { conflictName } from '#core/conflict-name.ts';
import { type Name, toName } from '#core/name.ts';
import { toSerial } from '#core/serial.ts';
import { ABSENT, type LocalState } from '#core/state.ts';
import { openLocalFolder } from '#libs/store-local/local-folder.ts';
import { watchFolder } from '#libs/store-local/watch.ts';
import type { CommitOrder, RecoveryPointer } from '#ports/commit.ts';
import { StaleContent } from '#ports/content.ts';
import { HoldfastError } from '#ports/errors.ts';
import type { LocalFolder } from '#ports/local-folder.ts';
import { directoryContent, fileContent, MD5, systemClock } from '#test/store-local/folder-fixture.ts';
import { startPlanting } from './planting.ts';
import { type Random, randomFrom } from './random.ts';

const PAIR = 'pair-1';
const AT_ONCE = 6;
/** An operation of microseconds that takes this long is taken for one that never ends. */
const STUCK_MS = 60_000;
const DIRECTORIES = ['d', 'd/e', 'd/e/f', 'g', 'g/h'].map(toName);
const FILES = DIRECTORIES.flatMap((each) => [toName(`${each}/file-0`), toName(`${each}/file-1`)]).concat([
  toName('top-0'),
  toName('top-1'),
]);

export interface RaceReport {
  /** How often each operation ended how, such as `pull applied`, and each kind of play. */
  readonly operations: Readonly<Record<string, number>>;
  readonly plays: Readonly<Record<string, number>>;
  /** What must be empty: touched outside, thrown and no answer, never ended, descriptors left open. */
  readonly faults: readonly string[];
}

/** A new directory to race in: in memory where there is such a place, since a disk's syncs leave little time for races. */
export function makeRaceDirectory(): string {
  const inMemory = '/dev/shm';
  return fs.mkdtempSync(join(fs.existsSync(inMemory) ? inMemory : tmpdir(), 'holdfast-race-'));
}

/** @param base an empty directory, in which everything happens. */
export async function raceFolder(base: string, seconds: number, seed: number): Promise<RaceReport> {
  const root = join(base, 'folder');
  fs.mkdirSync(join(root, 'd/e/f'), { recursive: true });
  fs.mkdirSync(join(root, 'g/h'), { recursive: true });
  const folder = openLocalFolder({ root, pairId: PAIR, clock: systemClock });
  await folder.attach(PAIR);
  // So that both are there to be played with from the start.
  const first = toName('top-0');
  await folder.pull(first, fileContent('first'), orderOf(first, ABSENT, 1));
  await folder.remove(first, orderOf(first, await stateOf(folder, first), 2));
  const openBefore = openDescriptors();
  const marker = fs.readFileSync(join(root, '.holdfast/marker'), 'utf8');
  const planting = await startPlanting({ base, seed, isPrivate: true, marker });
  const source = watchFolder({ root, isExcluded: () => false, engine: 'descriptors' });
  const work = new Work(folder, randomFrom(seed + 1));
  const watched = new Set<string>();
  try {
    await source.start(() => work.count('hint'));
    const until = performance.now() + seconds * 1_000;
    const isOver = (): boolean => performance.now() >= until || planting.isOver || work.faults.length > 0;
    const lookingOut = (async () => {
      for (; !isOver(); await delay(20))
        for (const line of planting.watchedBy([process.pid])) watched.add(line);
    })();
    await Promise.all(Array.from({ length: AT_ONCE }, () => work.until(isOver)));
    await lookingOut;
    if (planting.isOver) work.faults.push('the planter ended early');
    const plays = await planting.end();
    await source.close();
    const touched = planting.touched();
    return { operations: work.ended, plays, faults: [...work.faults, ...watched, ...touched] };
  } finally {
    await source.close();
    await planting.close();
    const left = openDescriptors() - openBefore;
    if (left > 0) work.faults.push(`${left} descriptors were left open`);
  }
}

class Work {
  readonly ended: Record<string, number> = {};
  readonly faults: string[] = [];
  private readonly folder: LocalFolder;
  private readonly random: Random;
  private readonly pointers: [Name, RecoveryPointer][] = [];
  private serial = 10;

  constructor(folder: LocalFolder, random: Random) {
    this.folder = folder;
    this.random = random;
  }

  count(what: string): void {
    this.ended[what] = (this.ended[what] ?? 0) + 1;
  }

  async until(isOver: () => boolean): Promise<void> {
    const operations = Object.entries(this.operations);
    while (!isOver()) {
      const [what, run] = this.random.pick(operations);
      const timer = setTimeout(() => this.faults.push(`${what} does not end`), STUCK_MS);
      try {
        this.count(`${what} ${await run()}`);
      } catch (thrown) {
        if (thrown instanceof HoldfastError) this.count(`${what} ${thrown.code}`);
        else if (thrown instanceof StaleContent) this.count(`${what} stale`);
        else this.faults.push(`${what}: ${thrown instanceof Error ? thrown.stack : String(thrown)}`);
      } finally {
        clearTimeout(timer);
      }
    }
  }

  private readonly operations: Record<string, () => Promise<string>> = {
    pull: () => this.pull(this.random.pick(FILES)),
    replace: () => this.pull(this.random.pick(FILES)),
    'pull large': () => this.pull(this.random.pick(FILES), 'x'.repeat(300_000)),
    'pull directory': async () => {
      const name = this.random.pick(DIRECTORIES);
      const order = this.order(name, await stateOf(this.folder, name));
      return this.note(name, await this.folder.pull(name, directoryContent, order));
    },
    remove: async () => {
      const name = this.random.pick([...FILES, ...DIRECTORIES]);
      return this.note(
        name,
        await this.folder.remove(name, this.order(name, await stateOf(this.folder, name))),
      );
    },
    probe: async () => (await this.folder.probe(this.random.pick(FILES))).result,
    hash: async () => {
      const name = this.random.pick(FILES);
      const hash = await this.folder.hash(name, await stateOf(this.folder, name), MD5);
      return hash === null ? 'changed' : 'hashed';
    },
    stage: async () => {
      const name = this.random.pick([...FILES, ...DIRECTORIES]);
      const staged = await this.folder.stage(name, await stateOf(this.folder, name), MD5, Date.now());
      if (staged.result !== 'staged') return staged.result;
      try {
        if (staged.content.kind === 'file') await this.read(staged.content.read());
      } finally {
        await staged.content.release();
      }
      return staged.result;
    },
    walk: async () => {
      let outside = 0;
      for await (const item of this.folder.walk(() => false))
        if (item.kind === 'entry' && /marker|intent|trash|attempts/.test(item.name)) outside += 1;
      if (outside > 0) this.faults.push('a walk told names from outside');
      return 'ended';
    },
    recover: async () => {
      await this.folder.recover(Date.now());
      return 'ended';
    },
    'list the trash': async () => {
      const nothingKnown = async () => new Set<string>();
      for await (const { name, pointer } of this.folder.trashed(nothingKnown)) {
        if (this.pointers.length < 100) this.pointers.push([name, pointer]);
      }
      return 'ended';
    },
    'look again': async () => {
      const [name, pointer] = this.somePointer();
      const seen = await this.folder.lookAgain(name, pointer, (attempt) => this.copyName(name, attempt));
      return typeof seen === 'object' ? 'copied' : seen;
    },
    restore: async () => {
      const [name, pointer] = this.somePointer();
      return (await this.folder.restore(name, pointer)) ? 'restored' : 'taken';
    },
    discard: async () => {
      await this.folder.discard(this.somePointer()[1]);
      return 'ended';
    },
    attach: async () => {
      await this.folder.attach(PAIR);
      return 'ended';
    },
  };

  private async pull(name: Name, text?: string): Promise<string> {
    const content = fileContent(text ?? `pulled ${this.random.below(1_000_000)}`);
    const expected = await stateOf(this.folder, name);
    return this.note(name, await this.folder.pull(name, content, this.order(name, expected)));
  }

  private note(name: Name, outcome: Awaited<ReturnType<LocalFolder['pull']>>): string {
    if (outcome.result !== 'blocked' && outcome.recovery !== null)
      this.pointers.push([name, outcome.recovery]);
    return outcome.result;
  }

  private async read(content: AsyncIterable<Uint8Array>): Promise<void> {
    for await (const chunk of content)
      if (Buffer.from(chunk).includes('outside')) this.faults.push('content from outside was read');
  }

  private somePointer(): [Name, RecoveryPointer] {
    const index = this.random.below(this.pointers.length || 1);
    const pointer = { kind: 'trash', locator: '20260101/item/file-0', size: 1, hash: null } as const;
    return this.pointers[index] ?? [toName('d/file-0'), pointer];
  }

  private order(name: Name, expected: LocalState): CommitOrder<LocalState> {
    this.serial += 1;
    return {
      ...orderOf(name, expected, this.serial),
      displaced: this.random.pick(['recoverable', 'conflict-copy']),
    };
  }

  private copyName(name: Name, attempt: number): Name {
    return conflictName(name, new Date(), 'here', attempt);
  }
}

function orderOf(name: Name, expected: LocalState, serial: number): CommitOrder<LocalState> {
  return {
    expected,
    displaced: 'recoverable',
    serial: toSerial(BigInt(serial)),
    conflictName: (at, attempt) => conflictName(name, at, 'here', attempt),
  };
}

async function stateOf(folder: LocalFolder, name: Name): Promise<LocalState> {
  const probed = await folder.probe(name);
  return probed.result === 'state' ? probed.state : ABSENT;
}

function openDescriptors(): number {
  return fs.readdirSync('/proc/self/fd').length;
}
