/**
 * Load: users who write on both sides of random pairs, at a steady rate, and remember what they
 * wrote. No two of them share a name, so that what each wrote last is what must be there at
 * the end, on both sides, and nothing beside it.
 */
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { openRawPithos } from '../chaos/raw-pithos.ts';
import { type Stand, USER } from './stand.ts';

/** Names of each kind that a pair can have. */
const NAMES = 8;
const CHECKED_AT_ONCE = 8;

export interface Load {
  readonly changes: number;
  /** Ends writing, and resolves when the last write is done. */
  stop(): Promise<void>;
  /** Compares both sides of every pair with what was written. @returns what is missing, different or too much. */
  check(): Promise<readonly string[]>;
  write(pair: string, name: string, text: string): Promise<void>;
}

/** @param perSecond changes on both sides together. @param random from 0 to 1. */
export function startLoad(stand: Stand, perSecond: number, random: () => number): Load {
  const written = new Map<string, Map<string, string>>(stand.pairs.map((pair) => [pair, new Map()]));
  // The store stands right beside its login.
  const url = new URL('/pithos/object-store/v1', stand.pithosUrl).href;
  const container = (pair: string) =>
    openRawPithos({ url, user: USER.userId, token: () => USER.token }, pair);
  let changes = 0;
  let isOver = false;
  const write = async (pair: string, name: string, text: string): Promise<void> => {
    await writeFile(join(stand.folderOf(pair), name), text);
    written.get(pair)?.set(name, text);
    changes += 1;
  };
  const writeUpstream = async (pair: string, name: string, text: string): Promise<void> => {
    const raw = container(pair);
    await raw.write(name, Buffer.from(text));
    await raw.close();
    written.get(pair)?.set(name, text);
    changes += 1;
  };
  const running = (async () => {
    while (!isOver) {
      const pair = stand.pairs[Math.floor(random() * stand.pairs.length)] as string;
      const number = Math.floor(random() * NAMES);
      const text = `${pair} ${number} ${changes} ${'x'.repeat(Math.floor(random() * 2_000))}`;
      if (random() < 0.3) await writeUpstream(pair, `upstream-${number}.txt`, text);
      else await write(pair, `here-${number}.txt`, text);
      await delay(1_000 / perSecond);
    }
  })();
  const checkPair = async (pair: string): Promise<readonly string[]> => {
    const raw = container(pair);
    const expected = written.get(pair) ?? new Map<string, string>();
    const wrong: string[] = [];
    const here = (await readdir(stand.folderOf(pair))).filter((name) => name !== '.holdfast');
    const upstream = (await raw.list()).map(({ name }) => name);
    for (const [side, names] of [['here', here] as const, ['upstream', upstream] as const]) {
      for (const name of names) if (!expected.has(name)) wrong.push(`${pair}/${name} is too much ${side}`);
      for (const [name, text] of expected) {
        const bytes = !names.includes(name)
          ? null
          : side === 'here'
            ? await readFile(join(stand.folderOf(pair), name))
            : await raw.read(name);
        if (bytes?.toString() !== text)
          wrong.push(`${pair}/${name} is ${bytes === null ? 'missing' : 'different'} ${side}`);
      }
    }
    await raw.close();
    return wrong;
  };
  return {
    get changes() {
      return changes;
    },
    write,
    stop: async () => {
      isOver = true;
      await running;
    },
    check: async () => {
      const left = [...stand.pairs];
      const found: string[] = [];
      const work = async (): Promise<void> => {
        for (let pair = left.pop(); pair !== undefined; pair = left.pop())
          found.push(...(await checkPair(pair)));
      };
      await Promise.all(Array.from({ length: CHECKED_AT_ONCE }, work));
      return found;
    },
  };
}
