/**
 * Reader: looks at both sides of a pair over and over while everything else goes on, and holds
 * whatever it sees against the ledger. What nobody wrote whole is a partial file.
 */
import { lstat, open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { isEmptyHash, md5 } from './content.ts';
import type { Journal } from './journal.ts';
import type { Ledger } from './ledger.ts';
import type { RawContainer } from './raw-container.ts';

export interface Sighting {
  readonly side: 'folder' | 'container';
  readonly name: string;
  readonly hash: string;
  readonly size: number;
  readonly at: string;
  /** The beginning of what was there. */
  readonly sample: string;
}

export interface ReaderOptions {
  readonly folder: string;
  readonly container: RawContainer;
  readonly ledger: Ledger;
  readonly journal: Journal;
}

const FOLDER_EVERY_MS = 250;
const CONTAINER_EVERY_MS = 600;
const SAMPLE_BYTES = 160;

export class Reader {
  /** Partial files and objects, each once. */
  readonly partial: Sighting[] = [];
  /** Files and objects read and found whole. */
  reads = 0;
  /** Uploads seen that the proxy had damaged: the store's content for a while, and not ours to judge. */
  damagedSeen = 0;
  readonly #options: ReaderOptions;
  readonly #told = new Set<string>();
  /** What was last seen at a name, so that only news is read. */
  readonly #known = new Map<string, string>();

  constructor(options: ReaderOptions) {
    this.#options = options;
  }

  async run(signal: AbortSignal): Promise<void> {
    const loop = async (everyMs: number, look: () => Promise<void>): Promise<void> => {
      while (!signal.aborted) {
        await look();
        await sleep(everyMs, undefined, { signal }).catch(() => undefined);
      }
    };
    await Promise.all([
      loop(FOLDER_EVERY_MS, () => this.#readFolder('')),
      loop(CONTAINER_EVERY_MS, () => this.#readContainer()),
    ]);
  }

  async #readFolder(directory: string): Promise<void> {
    const { folder } = this.#options;
    const entries = await readdir(join(folder, directory), { withFileTypes: true }).catch(() => []);
    for (const entry of entries) {
      const name = directory === '' ? entry.name : `${directory}/${entry.name}`;
      if (name === '.holdfast') continue;
      if (entry.isDirectory()) await this.#readFolder(name);
      else if (entry.isFile()) await this.#readFile(name);
    }
  }

  async #readFile(name: string): Promise<void> {
    const path = join(this.#options.folder, name);
    const before = await lstat(path, { bigint: true }).catch(() => null);
    if (before === null || !before.isFile()) return;
    const seen = `${before.ino}-${before.size}-${before.mtimeNs}`;
    if (this.#known.get(`folder ${name}`) === seen) return;
    const handle = await open(path).catch(() => null);
    if (handle === null) return;
    try {
      const bytes = await handle.readFile();
      this.#known.set(`folder ${name}`, seen);
      this.#judge('folder', name, md5(bytes), bytes, this.#options.ledger.ofMd5(md5(bytes)) !== undefined);
    } finally {
      await handle.close();
    }
  }

  async #readContainer(): Promise<void> {
    const { container, ledger } = this.#options;
    for (const object of await container.list()) {
      const { name, hash, isDirectory } = object;
      ledger.names.add(name);
      if (isDirectory || this.#known.get(`container ${name}`) === hash) continue;
      this.#known.set(`container ${name}`, hash);
      // A listing may be behind: the object itself is what a reader gets.
      const bytes = await container.read(name);
      if (bytes === null) continue;
      this.#judge('container', name, md5(bytes), bytes, ledger.ofMd5(md5(bytes)) !== undefined);
    }
  }

  #judge(side: Sighting['side'], name: string, hash: string, bytes: Buffer, isKnown: boolean): void {
    const { ledger, journal } = this.#options;
    this.reads += 1;
    ledger.names.add(name);
    if (isKnown || (isEmptyHash(hash) && ledger.mayBeEmpty(name))) return;
    if (side === 'container' && ledger.isDamaged(hash)) {
      this.damagedSeen += 1;
      journal.note('damaged-upload-seen', { pair: ledger.pair, name, hash });
      return;
    }
    const key = `${side} ${name} ${hash}`;
    if (this.#told.has(key)) return;
    this.#told.add(key);
    const sample = bytes.toString('utf8', 0, SAMPLE_BYTES);
    const sighting = { side, name, hash, size: bytes.length, at: new Date().toISOString(), sample };
    this.partial.push(sighting);
    journal.note('PARTIAL', { pair: ledger.pair, ...sighting });
  }
}
