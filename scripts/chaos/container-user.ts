/**
 * Container user: works in one pair's container through a client of its own, and sees its own
 * past by the history of the container, not by what it thinks it did.
 */
import { appendedBytes, drawSize, makeBytes, md5 } from './content.ts';
import type { Content, Ledger } from './ledger.ts';
import { drawAct, drawDirectory, drawFile, drawMove, drawName, type NameSpace } from './names.ts';
import type { Random } from './random.ts';
import type { RawAct, RawContainer, RawObject } from './raw-container.ts';

export interface ContainerUserOptions {
  readonly container: RawContainer;
  readonly ledger: Ledger;
  readonly random: Random;
  readonly names: NameSpace;
}

/** What became of a name by a user's act; the checker reads the history with these. */
export interface ContainerAct extends RawAct {
  readonly name: string;
  readonly how: string;
  /** The store's digest of what was at the name just before; null for nothing. */
  readonly saw: string | null;
  /** The store's digest of what it displaced only after it was copied to another name. */
  readonly moved?: string;
}

type Act = 'create' | 'replace' | 'edit' | 'delete' | 'rename' | 'make-directory' | 'rename-directory';

const WEIGHTS: readonly (readonly [Act, number])[] = [
  ['create', 6],
  ['replace', 5],
  ['edit', 4],
  ['delete', 3],
  ['rename', 3],
  ['make-directory', 0.8],
  ['rename-directory', 0.5],
];

export class ContainerUser {
  readonly acts: ContainerAct[] = [];
  readonly #options: ContainerUserOptions;
  readonly #who: string;
  #count = 0;

  constructor(options: ContainerUserOptions) {
    this.#options = options;
    this.#who = `${options.ledger.pair}/container`;
  }

  /** Does one thing. @throws when the store answers oddly. */
  async act(): Promise<void> {
    const { random, names, container } = this.#options;
    const objects = await container.list();
    const files = objects.filter((object) => !object.isDirectory).map(({ name }) => name);
    const act = drawAct(random, names, WEIGHTS, files);
    const directories = directoriesOf(objects);
    switch (act) {
      case 'create':
        return this.#write(drawName(random, names, directories), 'created');
      case 'replace':
        return this.#write(drawFile(random, names, files), 'replaced');
      case 'edit':
        return this.#edit(drawFile(random, names, files));
      case 'delete':
        return this.#delete(drawFile(random, names, files));
      case 'rename':
        return this.#rename(drawFile(random, names, files), drawName(random, names, directories));
      case 'make-directory':
        return this.#makeDirectory(drawDirectory(random, names));
      case 'rename-directory':
        return this.#renameDirectory(objects, directories);
    }
  }

  #newId(): string {
    this.#count += 1;
    return `${this.#who}/${this.#count}`;
  }

  async #write(name: string, how: string, makeContent?: (id: string) => Uint8Array): Promise<void> {
    const { container, ledger, random } = this.#options;
    const id = this.#newId();
    const make = makeContent ?? ((given: string) => makeBytes(given, drawSize(random)));
    const bytes = ledger.mayBeEmpty(name) ? new Uint8Array() : make(id);
    const saw = await this.#hashAt(name);
    const content = ledger.enter(id, bytes, this.#who, name);
    try {
      this.#note(name, how, saw, await container.write(name, bytes));
    } catch (thrown) {
      // The store refused it, or says that something newer is there: it never was visible.
      ledger.withdraw(content, String(thrown));
    }
  }

  /** As a client that read it first. */
  async #edit(name: string): Promise<void> {
    const before = await this.#options.container.read(name);
    if (before === null) return;
    await this.#write(name, 'edited', (id) => appendedBytes(before, id).whole);
  }

  async #delete(name: string): Promise<void> {
    const saw = await this.#hashAt(name);
    const act = await this.#options.container.remove(name);
    if (act !== null) this.#note(name, 'deleted', saw, act);
  }

  async #rename(from: string, to: string): Promise<void> {
    const { container, ledger } = this.#options;
    if (from === to || ledger.mayBeEmpty(from) !== ledger.mayBeEmpty(to)) return;
    const content = await this.#contentAt(from);
    ledger.placed(content, to, this.#who);
    const saw = await this.#hashAt(to);
    const act = await container.move(from, to);
    if (act === null) return;
    this.#note(to, `renamed ${from} to it`, saw, act);
    if (act.left === null) return;
    const { made, moved } = act.left;
    ledger.placed(ledger.ofStoreHash(moved), to, this.#who);
    this.#note(from, `moved it to ${to}, from`, null, { made }, moved);
  }

  /** Name by name, as stores without directories have to. */
  async #renameDirectory(objects: readonly RawObject[], directories: readonly string[]): Promise<void> {
    const { random, names } = this.#options;
    const move = drawMove(random, names, directories);
    if (move === null) return;
    const { from, to } = move;
    const inside = objects.filter(({ name }) => name.startsWith(`${from}/`));
    if (directories.includes(to) || inside.length > names.mostRemoved) return;
    for (const { name, isDirectory } of inside) {
      const target = `${to}${name.slice(from.length)}`;
      if (isDirectory) {
        await this.#makeDirectory(target);
        await this.#removeMarker(name);
      } else await this.#rename(name, target);
    }
    if (objects.some((object) => object.name === from && object.isDirectory)) await this.#removeMarker(from);
  }

  async #makeDirectory(name: string): Promise<void> {
    this.#note(name, 'made a directory of', null, await this.#options.container.makeDirectory(name));
  }

  async #removeMarker(name: string): Promise<void> {
    const act = await this.#options.container.remove(name);
    if (act !== null) this.#note(name, 'deleted the directory', null, act);
  }

  async #contentAt(name: string): Promise<Content | undefined> {
    const bytes = await this.#options.container.read(name);
    return bytes === null ? undefined : this.#options.ledger.ofMd5(md5(bytes));
  }

  async #hashAt(name: string): Promise<string | null> {
    const bytes = await this.#options.container.read(name);
    return bytes === null ? null : this.#options.ledger.digest(bytes);
  }

  #note(name: string, how: string, saw: string | null, act: RawAct, moved?: string): void {
    this.#options.ledger.names.add(name);
    const except = moved === undefined ? {} : { moved };
    this.acts.push({ ...act, ...except, saw, name, how: `${this.#who} ${how} ${name}` });
  }
}

/** The root, and every directory that an object is or implies. */
function directoriesOf(objects: readonly RawObject[]): string[] {
  const found = new Set(['']);
  for (const { name, isDirectory } of objects) {
    if (isDirectory) found.add(name);
    for (let slash = name.indexOf('/'); slash >= 0; slash = name.indexOf('/', slash + 1)) {
      found.add(name.slice(0, slash));
    }
  }
  return [...found].sort();
}
