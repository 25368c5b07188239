// Content-addressed blocks, shared by all accounts and kept without their
// trailing NULs.

import { blockHash, EMPTY_HASH, stripTrailingNuls } from './hash.ts';
import type { BlockTable } from './tables.ts';

export class BlockStore {
  readonly #table: BlockTable;

  constructor(table: BlockTable) {
    this.#table = table;
    this.put(Buffer.alloc(0));
  }

  /** Missing hashes, each once, in the order first seen. */
  missing(hashes: readonly string[]): string[] {
    return [...new Set(hashes)].filter((hash) => !this.#table.has(hash));
  }

  /** Stores a block and returns its hash; storing it again changes nothing. */
  put(block: Uint8Array): string {
    const hash = blockHash(block);
    if (!this.#table.has(hash)) this.#table.write(hash, stripTrailingNuls(block));
    return hash;
  }

  /** Exactly `length` bytes: stripped NULs are put back, surplus is cut. Undefined when the block is lost. */
  get(hash: string, length: number): Buffer | undefined {
    const stored = this.#table.read(hash);
    if (stored === undefined) return undefined;
    const block = Buffer.alloc(length);
    block.set(stored.subarray(0, length));
    return block;
  }

  /** Loses a block on purpose, so that tests can see reads fail half-way. */
  lose(hash: string): void {
    if (hash !== EMPTY_HASH) this.#table.forget(hash);
  }
}
