/**
 * Planter: a hostile user at full speed. Exchanges directories, files and Holdfast's own private
 * things for links that lead outside, for pipes and for each other, atomically and without pause,
 * and puts each back at once, so that every step of another process may find either.
 *
 * Arguments: the pair's folder, the tree outside, a scratch directory beside them, a seed, and `private` when
 * `.holdfast` is played with, too. Runs until SIGTERM, then prints how many plays of each kind there were.
 */
import fs from 'node:fs';
import { join } from 'node:path';
import koffi from 'koffi';
import { randomFrom } from './random.ts';

const AT_FDCWD = -100;
const EXCHANGE = 2;
const PLAYS_PER_TURN = 40;
const { O_DIRECTORY, O_NOFOLLOW, O_NONBLOCK, O_RDONLY, O_WRONLY, O_CREAT } = fs.constants;

const renameat2: (fromFd: number, from: string, toFd: number, to: string, flags: number) => number = koffi
  .load(null)
  .func('int renameat2(int fromFd, const char *from, int toFd, const char *to, unsigned int flags)');

const [root = '', outside = '', scratch = '', seed = '1', scope = ''] = process.argv.slice(2);
const random = randomFrom(Number(seed));
const DIRECTORIES = ['d', 'd/e', 'd/e/f', 'g', 'g/h'];
const FILES = [...DIRECTORIES.flatMap((each) => [`${each}/file-0`, `${each}/file-1`]), 'top-0', 'top-1'];

/**
 * Runs `step` on the path of an entry whose directory is held open, so that the planter itself never goes through a
 * link. Nothing happens when the directory is not there, or when the system refuses: others are at work.
 */
function at(above: string, name: string, step: (path: string) => void): void {
  const opened: number[] = [];
  try {
    let path = above;
    const segments = name.split('/');
    const last = segments.pop() ?? '';
    opened.push(fs.openSync(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
    for (const segment of segments) {
      path = `/proc/self/fd/${opened.at(-1)}/${segment}`;
      opened.push(fs.openSync(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
    }
    step(`/proc/self/fd/${opened.at(-1)}/${last}`);
  } catch (thrown) {
    if (!(thrown instanceof Error && 'syscall' in thrown)) throw thrown;
  } finally {
    for (const fd of opened) fs.closeSync(fd);
  }
}

/** A thing in the scratch directory to exchange with, made anew when the last play changed it. */
function prepared(kind: 'link' | 'file-link' | 'fifo' | 'file' | 'directory'): string {
  const path = join(scratch, kind);
  const facts = fs.lstatSync(path, { throwIfNoEntry: false });
  const isWhole =
    kind === 'fifo'
      ? facts?.isFIFO()
      : kind === 'file'
        ? facts?.isFile()
        : kind === 'directory'
          ? facts?.isDirectory()
          : facts?.isSymbolicLink();
  if (isWhole) return path;
  fs.rmSync(path, { recursive: true, force: true });
  if (kind === 'fifo') fs.linkSync(join(scratch, 'the-pipe'), path);
  else if (kind === 'file') fs.writeFileSync(path, 'planted');
  else if (kind === 'directory') fs.mkdirSync(path);
  else fs.symlinkSync(kind === 'link' ? outside : join(outside, 'file-0'), path);
  return path;
}

function spin(): void {
  const until = performance.now() + random.below(8) ** 2 / 100;
  while (performance.now() < until);
}

function exchange(path: string, other: string): boolean {
  return renameat2(AT_FDCWD, path, AT_FDCWD, other, EXCHANGE) === 0;
}

function exchangeForAWhile(above: string, name: string, other: string): void {
  at(above, name, (path) => {
    if (!exchange(path, other)) return;
    spin();
    exchange(path, other);
    if (random.below(2) === 0) spin();
  });
}

/** Any entry two levels below, such as an attempt's new file or a day's item. */
function someEntry(directory: string, levels: number): string | null {
  let name = directory;
  for (let level = 0; level < levels; level += 1) {
    let entries: string[] = [];
    at(root, `${name}/x`, (path) => {
      entries = fs.readdirSync(path.slice(0, -1));
    });
    if (entries.length === 0) return level === 0 ? null : name;
    name = `${name}/${random.pick(entries)}`;
  }
  return name;
}

const plays: Record<string, () => void> = {
  'directory for link': () => exchangeForAWhile(root, random.pick(DIRECTORIES), prepared('link')),
  'directory for file': () => exchangeForAWhile(root, random.pick(DIRECTORIES), prepared('file')),
  'file for link': () => exchangeForAWhile(root, random.pick(FILES), prepared('file-link')),
  'file for pipe': () => exchangeForAWhile(root, random.pick(FILES), prepared('fifo')),
  'file for directory': () => exchangeForAWhile(root, random.pick(FILES), prepared('directory')),
  'directories across': () => {
    const [one, other] = random.pick([
      ['d', 'g'],
      ['d/e', 'g/h'],
      ['d/e/f', 'g'],
    ]);
    at(root, other, (path) => exchangeForAWhile(root, one, path));
  },
  'directory out and in': () => {
    const name = random.pick(DIRECTORIES);
    const away = join(scratch, 'away');
    at(root, name, (path) => {
      fs.renameSync(path, away);
      spin();
      if (random.below(2) === 0) fs.symlinkSync(outside, path);
      spin();
      if (fs.lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink()) fs.unlinkSync(path);
      fs.renameSync(away, path);
    });
    // Where others made a directory of the name meanwhile, the one moved out is given up.
    fs.rmSync(away, { recursive: true, force: true });
  },
  edit: () => {
    at(root, random.pick(FILES), (path) => {
      // One of its own pipes may have been left there.
      const fd = fs.openSync(path, O_WRONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK, 0o644);
      fs.writeSync(fd, `edit ${random.below(1_000_000)}`);
      fs.closeSync(fd);
    });
  },
  'tidy up': () => {
    at(root, `${random.pick(['.', ...DIRECTORIES])}/x`, (path) => {
      const directory = path.slice(0, -1);
      for (const name of fs.readdirSync(directory))
        if (/_\d{8}T/.test(name)) fs.rmSync(directory + name, { recursive: true });
    });
  },
  'make directory': () => at(root, random.pick(DIRECTORIES), (path) => fs.mkdirSync(path)),
};

const privatePlays: Record<string, () => void> = {
  'private directory for link': () => exchangeForAWhile(root, '.holdfast', prepared('link')),
  'attempts for link': () => exchangeForAWhile(root, '.holdfast/attempts', prepared('link')),
  'trash for link': () => exchangeForAWhile(root, '.holdfast/trash', prepared('link')),
  'marker for link': () => exchangeForAWhile(root, '.holdfast/marker', prepared('file-link')),
  'marker for pipe': () => exchangeForAWhile(root, '.holdfast/marker', prepared('fifo')),
  'attempt for link': () => playWith(someEntry('.holdfast/attempts', 1), 'link'),
  'part of an attempt for link': () => playWith(someEntry('.holdfast/attempts', 2), 'file-link'),
  'part of an attempt for pipe': () => playWith(someEntry('.holdfast/attempts', 2), 'fifo'),
  'trash day for link': () => playWith(someEntry('.holdfast/trash', 1), 'link'),
  'trash item for link': () => playWith(someEntry('.holdfast/trash', 2), 'link'),
  'trashed thing for link': () => playWith(someEntry('.holdfast/trash', 3), 'file-link'),
  'trashed thing for pipe': () => playWith(someEntry('.holdfast/trash', 3), 'fifo'),
};

function playWith(name: string | null, other: 'link' | 'file-link' | 'fifo'): void {
  if (name !== null) exchangeForAWhile(root, name, prepared(other));
}

let isOver = false;
process.once('SIGTERM', () => {
  isOver = true;
});
const played: Record<string, number> = {};
const userPlays = Object.entries(plays);
// Most of the time the private things are left alone, or nothing else would ever get through.
const allPlays =
  scope === 'private' ? [...userPlays, ...userPlays, ...Object.entries(privatePlays)] : userPlays;
process.stdout.write('planting\n');
while (!isOver) {
  for (let turn = 0; turn < PLAYS_PER_TURN; turn += 1) {
    const [kind, play] = random.pick(allPlays);
    play();
    played[kind] = (played[kind] ?? 0) + 1;
  }
  await new Promise<void>((resume) => setImmediate(resume));
}
process.stdout.write(`${JSON.stringify(played)}\n`);
