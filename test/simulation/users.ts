/**
 * Users: somebody at work in the folder and somebody at the container, who care for nothing but their own side. What
 * they do happens at once, between two steps of the engine. One who cannot do what he meant does nothing.
 */
import { compareNames } from '#core/name.ts';
import type { DiskUser, Writer } from '#libs/memory/disk-user.ts';
import type { Facts } from '#libs/store-local/file-system.ts';
import type { Book } from './book.ts';
import type { SimContainer } from './container.ts';
import type { StepAt } from './moments.ts';
import type { Act, Choice } from './scenario.ts';
import type { Scheduler } from './scheduler.ts';
import { objectsOf } from './sight.ts';

export interface UserParts {
  readonly disk: DiskUser;
  /** The pair's folder. */
  readonly root: string;
  readonly container: SimContainer;
  readonly book: Book;
  readonly scheduler: Scheduler;
  /** Whether the file system's times tell an edit that set size and time back. */
  readonly tellsTouches: boolean;
  /** Runs what a user does, so that what it changed is known as his. */
  readonly act: (what: string, run: () => void) => void;
  /** Whether a file was displaced so long ago that nobody looks at it any more. */
  readonly mayBeForgotten: (inode: bigint) => boolean;
  /** Whether a commit placed a file and is not acknowledged yet: its last links move times, too. */
  readonly isJustPlaced: (name: string, inode: bigint) => boolean;
}

const PIECE_BYTES = 8;

export class Users {
  readonly #parts: UserParts;
  #writers = 0;

  constructor(parts: UserParts) {
    this.#parts = parts;
  }

  /** Whether somebody still has a file open. */
  get isWriting(): boolean {
    return this.#writers > 0;
  }

  /** @param at the step that was waited for. */
  perform(act: Act, at: StepAt | null): void {
    this.#parts.act(describeAct(act), () => {
      try {
        if (act.side === 'here') this.#here(act, at);
        else this.#upstream(act, at);
      } catch (thrown) {
        if (!isRefusal(thrown)) throw thrown;
      }
    });
  }

  #here(act: Act, at: StepAt | null): void {
    const { disk, book, tellsTouches } = this.#parts;
    if (act.do === 'odd' || disk.lstat(`${this.#parts.root}/.holdfast`) === null) return;
    if (act.do === 'remove-all') {
      for (const known of this.#namesHere()) disk.removeTree(this.#path(known));
      return;
    }
    const name = this.#choose(act.name, at, this.#namesHere());
    if (name === null) return;
    const path = this.#path(name);
    switch (act.do) {
      case 'write':
        this.#makeRoomFor(name);
        disk.write(path, book.newText('here', act.size));
        return;
      case 'save':
        this.#makeRoomFor(name);
        disk.save(path, book.newText('here', act.size));
        return;
      case 'stealth': {
        // Between the last look of a commit and its next call nothing could tell such an edit.
        if (!tellsTouches || this.#isCommitting()) return;
        const before = disk.lstat(path);
        if (before?.kind !== 'file' || before.size < 8) return;
        if (this.#parts.isJustPlaced(name, before.inode)) return;
        disk.write(path, book.newTextOf(before.size));
        disk.setModifiedAt(path, before.mtimeNs);
        return;
      }
      case 'rewrite': {
        const before = disk.lstat(path);
        if (before?.kind !== 'file' || before.size < 8) return;
        // Of what may have come from upstream in this very second, coarse times would not tell it; see Book.newText.
        if (!tellsTouches && before.size % 8 !== 0) return;
        this.#touch(name);
        this.#rewriteLater(path, before, act.afterMs);
        return;
      }
      case 'keep-writing':
        this.#makeRoomFor(name);
        this.#keepWriting(disk.openWriter(path, tellsTouches ? act.begin : 'append'), path, act);
        return;
      case 'touch':
        this.#touch(name);
        return;
      case 'link':
        disk.removeTree(path);
        disk.symlink('/outside/secret', path);
        return;
      case 'fifo':
        disk.removeTree(path);
        disk.makeSpecial(path, 'fifo');
        return;
      case 'empty':
        this.#makeRoomFor(name);
        disk.write(path, '');
        return;
      case 'mkdir':
        if (disk.lstat(path)?.kind === 'file') disk.unlink(path);
        disk.makeDirectories(path);
        return;
      case 'remove':
        disk.unlink(path);
        return;
      case 'remove-tree':
        disk.removeTree(path);
        return;
      case 'rename': {
        const to = this.#choose(act.to, at, this.#namesHere());
        if (to === null || to === name) return;
        this.#makeParentsOf(to);
        disk.rename(path, this.#path(to));
        return;
      }
      case 'copy': {
        const to = this.#choose(act.to, at, this.#namesHere());
        const content = disk.readText(path);
        if (to === null || to === name || content === null) return;
        this.#makeRoomFor(to);
        disk.write(this.#path(to), content);
      }
    }
  }

  /** Shells and editors make no directories, but whoever works in one has made it. */
  #makeParentsOf(name: string): void {
    const slash = name.lastIndexOf('/');
    if (slash > 0) this.#parts.disk.makeDirectories(this.#path(name.slice(0, slash)));
  }

  #makeRoomFor(name: string): void {
    const { disk } = this.#parts;
    this.#makeParentsOf(name);
    const kind = disk.lstat(this.#path(name))?.kind;
    if (kind !== undefined && kind !== 'file') disk.removeTree(this.#path(name));
  }

  #touch(name: string): void {
    this.#parts.book.touched('here', name);
    this.#parts.disk.setModifiedAt(this.#path(name), this.#parts.scheduler.nowNs);
  }

  #isCommitting(): boolean {
    const attempts = this.#parts.disk.tree(`${this.#parts.root}/.holdfast/attempts`);
    return attempts.some((entry) => entry.path.endsWith('/intent.json'));
  }

  #rewriteLater(path: string, { inode, size }: Facts, afterMs: number): void {
    const { disk, book, scheduler } = this.#parts;
    this.#writers += 1;
    scheduler.after(afterMs * 1_000, () => {
      this.#writers -= 1;
      this.#parts.act(`here: writes as much anew to ${path}`, () => {
        const now = disk.lstat(path);
        if (now?.inode === inode && now.size === size) disk.write(path, book.newTextOf(size));
      });
    });
  }

  #keepWriting(
    writer: Writer,
    path: string,
    { pieces, everyMs, waits }: Extract<Act, { do: 'keep-writing' }>,
  ): void {
    const { book, scheduler, disk, root } = this.#parts;
    const inode = disk.lstat(path)?.inode ?? 0n;
    const { restores } = book;
    this.#writers += 1;
    const write = (): void => {
      // Nobody writes to a volume that is not mounted, nor to what a restore took away.
      if (disk.lstat(`${root}/.holdfast`) === null || book.restores !== restores) return;
      const text = (): string => Buffer.from(writer.content()).toString('latin1');
      const before = text();
      try {
        writer.write(book.newText('here', 0).slice(0, PIECE_BYTES));
      } catch (thrown) {
        if (!isRefusal(thrown)) throw thrown;
        // A full disk took none of it: nobody wrote what was there before once more.
        if (text() === before) return;
      }
      book.wrote(text(), !this.#parts.mayBeForgotten(inode));
    };
    const next = (left: number): void => {
      scheduler.after(everyMs * 1_000, () => {
        if (left > 0) {
          this.#parts.act(`here: goes on writing to what was ${path}`, write);
          next(left - 1);
        } else {
          writer.close();
          this.#writers -= 1;
        }
      });
    };
    if (waits === undefined) write();
    next(pieces);
  }

  #upstream(act: Act, at: StepAt | null): void {
    const { container, book } = this.#parts;
    const names = this.#namesUpstream();
    if (act.do === 'odd') {
      container.raw.put(act.name, Buffer.from(book.newText('upstream', 0)));
      return;
    }
    if (act.do === 'remove-all') {
      for (const known of names) container.raw.remove(known);
      return;
    }
    const name = this.#choose(act.name, at, names);
    if (name === null) return;
    const below = names.filter((known) => known === name || known.startsWith(`${name}/`));
    switch (act.do) {
      case 'write':
        this.#clearUpstream(name, names);
        container.raw.put(name, Buffer.from(book.newText('upstream', act.size)));
        return;
      case 'empty':
        this.#clearUpstream(name, names);
        container.raw.put(name, new Uint8Array(0));
        book.touched('upstream', name);
        return;
      case 'mkdir':
        this.#clearUpstream(name, names);
        container.raw.putDirectory(name);
        // Also where it looks as before: by nothing can it be known for one of ours any more.
        book.touched('upstream', name);
        return;
      case 'remove':
        if (!objectsOf(container).has(name)) return;
        container.raw.remove(name);
        // A directory that others still imply: of whoever looks at its name alone it is gone.
        book.removedName('upstream', name);
        return;
      case 'remove-tree':
        for (const known of below) container.raw.remove(known);
        return;
      case 'rename':
      case 'copy': {
        const to = this.#choose(act.to, at, names);
        if (to === null || isWithin(to, name) || isWithin(name, to)) return;
        this.#clearUpstream(to, names);
        for (const known of below) {
          const bytes = objectsOf(container).get(known);
          const target = to + known.slice(name.length);
          if (bytes === undefined) continue;
          if (bytes === null) container.raw.putDirectory(target);
          else container.raw.put(target, bytes);
          book.touched('upstream', target);
          if (act.do === 'rename') container.raw.remove(known);
        }
        return;
      }
      default:
    }
  }

  /** A client that keeps objects and directories apart, as far as it can see. */
  #clearUpstream(name: string, names: readonly string[]): void {
    const { container } = this.#parts;
    const objects = objectsOf(container);
    for (const known of names) {
      if (known.startsWith(`${name}/`)) container.raw.remove(known);
      const bytes = objects.get(known);
      if (name.startsWith(`${known}/`) && bytes !== null && bytes !== undefined) container.raw.remove(known);
    }
  }

  #choose(choice: Choice, at: StepAt | null, there: readonly string[]): string | null {
    if (typeof choice === 'string') return choice;
    if ('existing' in choice) return there[choice.existing % Math.max(1, there.length)] ?? null;
    return (at === null ? null : nameIn(at.subject, this.#parts.root)) ?? choice.ofStep;
  }

  #namesHere(): string[] {
    const { disk, root } = this.#parts;
    return disk
      .tree(root)
      .map(({ path }) => path)
      .filter((path) => path !== '.holdfast' && !path.startsWith('.holdfast/'))
      .sort(compareNames);
  }

  #namesUpstream(): string[] {
    const odd = new Set(this.#parts.container.oddNames);
    return this.#parts.container.raw
      .names()
      .filter((name) => !odd.has(name) && !name.startsWith('.holdfast'))
      .sort(compareNames);
  }

  #path(name: string): string {
    return `${this.#parts.root}/${name}`;
  }
}

function isWithin(name: string, above: string): boolean {
  return name === above || name.startsWith(`${above}/`);
}

/** The name in the folder or container that a step's subject speaks of. */
function nameIn(subject: string, root: string): string | null {
  for (const part of subject.split(/ -> |: |, /)) {
    const name = part.startsWith(`${root}/`) ? part.slice(root.length + 1) : part.startsWith('/') ? '' : part;
    if (name !== '' && !name.startsWith('.holdfast') && !name.includes(' ')) return name;
  }
  return null;
}

/** What the world refuses a user is no failure of anybody. */
function isRefusal(thrown: unknown): boolean {
  return thrown instanceof Error && 'code' in thrown && /^E[A-Z]+$/.test(String(thrown.code));
}

export function describeAct(act: Act): string {
  const name = (choice: Choice): string =>
    typeof choice === 'string'
      ? choice
      : 'existing' in choice
        ? `name ${choice.existing}`
        : `the step's name or ${choice.ofStep}`;
  const to = 'to' in act ? ` to ${name(act.to)}` : '';
  return `${act.side}: ${act.do} ${name(act.name)}${to}`;
}
