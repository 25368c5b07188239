/** Planting: a planter at work on a folder, with the tree outside and the pipe that it must not get others to touch. */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { watchKernel } from './kernel-watch.ts';
import { makeOutside } from './outside.ts';

const SCRIPT = fileURLToPath(new URL('planter.ts', import.meta.url));

export interface Planting {
  /** What was done outside, or to the pipe, since the last call; empty when nobody touched anything. */
  touched(): string[];
  /** What outside these processes wait for events of. */
  watchedBy(pids: readonly number[]): string[];
  readonly isOver: boolean;
  /** Ends the planter. @returns how many plays of each kind there were. */
  end(): Promise<Readonly<Record<string, number>>>;
  close(): Promise<void>;
}

export interface PlantingOptions {
  /** Holds the folder `folder`; what is planted with lies beside it. */
  readonly base: string;
  readonly seed: number;
  /** Whether `.holdfast` is played with, too. */
  readonly isPrivate: boolean;
  /** Contents of the marker, for one to be found where a link leads to. */
  readonly marker: string;
}

/** Whatever a name resolves to behind a link, something is there. */
function namesOutside(marker: string): Map<string, string> {
  const files = ['file-0', 'file-1', 'top-0', 'new', 'old', 'intent.json'];
  const directories = [
    '',
    'd/',
    'd/e/',
    'd/e/f/',
    'e/',
    'e/f/',
    'f/',
    'h/',
    'attempts/a/',
    'trash/20260101/item/',
  ];
  const names = new Map(
    directories.flatMap((above) => files.map((file) => [above + file, `outside ${above}${file}`])),
  );
  for (const above of ['', '.holdfast/']) names.set(`${above}marker`, marker);
  return names;
}

/** Resolves once the planter is at work. */
export async function startPlanting(options: PlantingOptions): Promise<Planting> {
  const { base, seed, isPrivate, marker } = options;
  const scratch = join(base, 'scratch');
  fs.mkdirSync(scratch);
  const pipe = join(scratch, 'the-pipe');
  execFileSync('mkfifo', [pipe]);
  const outside = makeOutside(join(base, 'outside'), namesOutside(marker));
  const pipeWatch = watchKernel([pipe]);
  const words = [join(base, 'folder'), outside.path, scratch, String(seed), isPrivate ? 'private' : 'user'];
  const child = spawn(process.execPath, [SCRIPT, ...words], { stdio: ['ignore', 'pipe', 'inherit'] });
  const exit = once(child, 'exit');
  let said = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  await once(child.stdout, 'data');
  return {
    touched: () => [
      ...outside.touched(),
      // Links of its inode come and go with every play; only its opening is somebody else's.
      ...pipeWatch.seen().filter((line) => /opened|read|written/.test(line)),
    ],
    watchedBy: outside.watchedBy,
    get isOver() {
      return child.exitCode !== null || child.signalCode !== null;
    },
    async end() {
      child.kill('SIGTERM');
      const impatience = setTimeout(() => child.kill('SIGKILL'), 20_000);
      await exit;
      clearTimeout(impatience);
      if (child.signalCode !== null) throw new Error('the planter did not end when it was asked to');
      return JSON.parse(said.split('\n').at(-2) ?? '{}') as Record<string, number>;
    },
    async close() {
      if (child.exitCode === null && child.kill('SIGKILL')) await exit;
      outside.close();
      pipeWatch.close();
    },
  };
}
