/**
 * Folder user: works in one pair's folder as people and their programs do. What an act displaced
 * is known for certain, though the engine moves files at the same moment: a file is held open
 * before it is replaced or deleted, and has no name left only if it was this act that took it.
 */
import { constants, type Dirent } from 'node:fs';
import {
  type FileHandle,
  link,
  mkdir,
  open,
  readdir,
  rename,
  rmdir,
  unlink,
  writeFile,
} from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { appendedBytes, drawSize, makeBytes, md5 } from './content.ts';
import type { Journal } from './journal.ts';
import type { Content, Ledger } from './ledger.ts';
import { drawAct, drawDirectory, drawFile, drawMove, drawName, type NameSpace, parentOf } from './names.ts';
import type { Random } from './random.ts';
import { renameNoReplace } from './rename-no-replace.ts';

export interface FolderUserOptions {
  readonly folder: string;
  /** On the same file system, outside the folder: where files are made before they get their names. */
  readonly desk: string;
  readonly ledger: Ledger;
  readonly journal: Journal;
  readonly random: Random;
  readonly names: NameSpace;
}

/** What a user had in hand before an act. */
interface Held {
  readonly handle: FileHandle;
  readonly content: Content | undefined;
  readonly links: number;
}

type Act =
  | 'create'
  | 'save'
  | 'append'
  | 'delete'
  | 'rename'
  | 'make-directory'
  | 'rename-directory'
  | 'remove-directory';

const WEIGHTS: readonly (readonly [Act, number])[] = [
  ['create', 6],
  ['save', 7],
  ['append', 3],
  ['delete', 3],
  ['rename', 3],
  ['make-directory', 1],
  ['rename-directory', 0.7],
  ['remove-directory', 0.5],
];
/** Bytes in which volumes give room. */
const PAGE = 4_096;
/** What another program, or the engine, did in between: the act is given up. */
const OVERTAKEN = ['ENOENT', 'EEXIST', 'ENOTEMPTY', 'ENOTDIR', 'EISDIR', 'ENOSPC', 'EINVAL'];

export class FolderUser {
  readonly #options: FolderUserOptions;
  readonly #who: string;
  #acts = 0;

  constructor(options: FolderUserOptions) {
    this.#options = options;
    this.#who = `${options.ledger.pair}/folder`;
  }

  /** Does one thing. @throws what no program would expect. */
  async act(): Promise<void> {
    const { random, journal, names } = this.#options;
    const { files, directories } = await this.#look();
    const act = drawAct(random, names, WEIGHTS, files);
    try {
      await this.#do(act, files, directories);
    } catch (thrown) {
      const { code } = thrown as NodeJS.ErrnoException;
      if (code === undefined || !OVERTAKEN.includes(code)) throw thrown;
      journal.note('overtaken', { by: this.#who, act, code });
    }
  }

  async #do(act: Act, files: readonly string[], directories: readonly string[]): Promise<void> {
    const { random, names } = this.#options;
    switch (act) {
      case 'create':
        return this.#create(drawName(random, names, directories));
      case 'save':
        return this.#save(drawFile(random, names, files));
      case 'append':
        return this.#append(drawFile(random, names, files));
      case 'delete':
        return this.#delete(drawFile(random, names, files));
      case 'rename':
        return this.#rename(drawFile(random, names, files), drawName(random, names, directories));
      case 'make-directory':
        await mkdir(this.#path(drawDirectory(random, names)), { recursive: true });
        return;
      case 'rename-directory':
        return this.#renameDirectory(directories);
      case 'remove-directory':
        return this.#removeDirectory(directories);
    }
  }

  #path(name: string): string {
    return join(this.#options.folder, name);
  }

  #newId(): string {
    this.#acts += 1;
    return `${this.#who}/${this.#acts}`;
  }

  async #look(): Promise<{ files: string[]; directories: string[] }> {
    const files: string[] = [];
    const directories: string[] = [''];
    for (const directory of directories) {
      for (const entry of await entriesOf(this.#path(directory))) {
        const name = directory === '' ? entry.name : `${directory}/${entry.name}`;
        if (name === '.holdfast') continue;
        if (entry.isDirectory()) directories.push(name);
        else if (entry.isFile()) files.push(name);
      }
    }
    return { files, directories };
  }

  /** A new content, whole, in a file that has no name in the folder yet. */
  async #draft(name: string): Promise<{ content: Content; file: string } | null> {
    const { ledger, random, desk } = this.#options;
    const id = this.#newId();
    const bytes = ledger.mayBeEmpty(name) ? new Uint8Array() : makeBytes(id, drawSize(random));
    const content = ledger.enter(id, bytes, this.#who, name);
    const file = join(desk, `draft-${this.#acts}`);
    try {
      await writeFile(file, bytes);
    } catch (thrown) {
      ledger.withdraw(content, String((thrown as NodeJS.ErrnoException).code));
      await unlink(file).catch(() => undefined);
      return null;
    }
    return { content, file };
  }

  async #create(name: string): Promise<void> {
    const { ledger } = this.#options;
    const parent = parentOf(name);
    if (parent !== null) await mkdir(this.#path(parent), { recursive: true });
    const draft = await this.#draft(name);
    if (draft === null) return;
    try {
      await link(draft.file, this.#path(name));
    } catch (thrown) {
      ledger.withdraw(draft.content, String((thrown as NodeJS.ErrnoException).code));
      throw thrown;
    } finally {
      await unlink(draft.file);
    }
  }

  /** As editors save: the new file takes the name of the old one. */
  async #save(name: string): Promise<void> {
    const { ledger } = this.#options;
    const held = await this.#hold(name);
    try {
      const draft = await this.#draft(name);
      if (draft === null) return;
      try {
        await rename(draft.file, this.#path(name));
      } catch (thrown) {
        ledger.withdraw(draft.content, String((thrown as NodeJS.ErrnoException).code));
        await unlink(draft.file).catch(() => undefined);
        throw thrown;
      }
      await this.#settle(held, name, `saved over at ${name}`);
    } finally {
      await held.handle.close();
    }
  }

  async #delete(name: string): Promise<void> {
    const held = await this.#hold(name);
    try {
      await unlink(this.#path(name));
      await this.#settle(held, name, `deleted at ${name}`);
    } finally {
      await held.handle.close();
    }
  }

  /** Opens what is at the name now, and reads it. */
  async #hold(name: string): Promise<Held> {
    const handle = await open(this.#path(name), constants.O_RDONLY);
    try {
      const content = this.#options.ledger.ofMd5(md5(await handle.readFile()));
      return { handle, content, links: (await handle.stat()).nlink };
    } catch (thrown) {
      await handle.close();
      throw thrown;
    }
  }

  /**
   * Without a name left it was our act that took the file, and with one name less: an engine that died in a commit
   * left a second one in its own directory. Else the engine had put another file there.
   */
  async #settle({ handle, content, links }: Held, name: string, how: string): Promise<void> {
    const { ledger } = this.#options;
    const { nlink } = await handle.stat();
    if (nlink === 0 || nlink < links) ledger.removed(content, `${this.#who} ${how}`);
    else ledger.blind(name, `${this.#who} ${how}`);
  }

  /** One or more lines at the end, some of them a while after the file was opened. */
  async #append(name: string): Promise<void> {
    const { ledger, random } = this.#options;
    if (ledger.mayBeEmpty(name)) return;
    const handle = await open(this.#path(name), constants.O_RDWR | constants.O_APPEND);
    try {
      let bytes: Buffer = await handle.readFile();
      let content = ledger.ofMd5(md5(bytes));
      for (let lines = random.between(1, 3); lines > 0; lines -= 1) {
        const id = this.#newId();
        const { whole, added } = appendedBytes(bytes, id);
        const next = ledger.enter(id, whole, this.#who, name);
        const cut = this.#enterCut(`${id} cut short`, bytes.length, whole, name);
        let written: number;
        try {
          written = (await handle.write(added)).bytesWritten;
        } catch (thrown) {
          ledger.withdraw(next, String((thrown as NodeJS.ErrnoException).code));
          throw thrown;
        }
        if (written < added.length) {
          ledger.withdraw(next, 'the volume was full after the first bytes');
          ledger.removed(content, `${this.#who} appended to it at ${name}`);
          return;
        }
        if (cut !== null) ledger.withdraw(cut, 'there was room');
        ledger.removed(content, `${this.#who} appended to it at ${name}`);
        bytes = whole;
        content = next;
        if (lines > 1) await sleep(random.between(0, 900));
      }
    } finally {
      await handle.close();
    }
  }

  /** What a full volume makes of an append: only what still fits into the file's last page. */
  #enterCut(id: string, length: number, whole: Buffer, name: string): Content | null {
    const end = Math.ceil(length / PAGE) * PAGE;
    if (end === length || end >= whole.length) return null;
    return this.#options.ledger.enter(id, whole.subarray(0, end), this.#who, name);
  }

  async #rename(from: string, to: string): Promise<void> {
    const { ledger } = this.#options;
    if (from === to || ledger.mayBeEmpty(from) !== ledger.mayBeEmpty(to)) return;
    const parent = parentOf(to);
    if (parent !== null) await mkdir(this.#path(parent), { recursive: true });
    const there = await this.#hold(to).catch(() => null);
    const moved = await this.#hold(from);
    try {
      // Entered first: the engine may carry the name before this line is through.
      ledger.placed(moved.content, to, this.#who);
      if (there === null) return renameNoReplace(this.#path(from), this.#path(to));
      await rename(this.#path(from), this.#path(to));
      await this.#settle(there, to, `renamed ${from} over it at ${to}`);
    } finally {
      await moved.handle.close();
      await there?.handle.close();
    }
  }

  async #renameDirectory(directories: readonly string[]): Promise<void> {
    const { random, names, ledger } = this.#options;
    const move = drawMove(random, names, directories);
    if (move === null) return;
    const { from, to } = move;
    const files = (await this.#look()).files.filter((name) => name.startsWith(`${from}/`));
    for (const name of files) {
      const held = await this.#hold(name).catch(() => null);
      ledger.placed(held?.content, `${to}${name.slice(from.length)}`, this.#who);
      await held?.handle.close();
    }
    const parent = parentOf(to);
    if (parent !== null) await mkdir(this.#path(parent), { recursive: true });
    renameNoReplace(this.#path(from), this.#path(to));
    this.#options.journal.note('renamed-directory', { by: this.#who, from, to });
  }

  /** A small tree goes, file by file, as a file manager does it. */
  async #removeDirectory(directories: readonly string[]): Promise<void> {
    const { random, names } = this.#options;
    const own = directories.filter((name) => name !== '');
    if (own.length === 0) return;
    const root = random.pick(own);
    const inside = (name: string): boolean => name.startsWith(`${root}/`);
    const { files } = await this.#look();
    const doomed = files.filter(inside);
    if (doomed.length > names.mostRemoved) return;
    for (const name of doomed) await this.#delete(name);
    for (const name of [...directories.filter(inside).reverse(), root]) await rmdir(this.#path(name));
  }
}

async function entriesOf(directory: string): Promise<Dirent[]> {
  try {
    return await readdir(directory, { withFileTypes: true });
  } catch (thrown) {
    const { code } = thrown as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return [];
    throw thrown;
  }
}
