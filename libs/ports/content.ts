/**
 * Content: what a source side stages and a target side pulls. A staged file is a stable
 * handle: its bytes are those of the state it was staged for, or reading it fails stale.
 */
import type { DigestSpec } from './digest.ts';

export interface StagedFile {
  readonly kind: 'file';
  /** Bytes in all. */
  readonly size: number;
  readonly mtimeNs: bigint | null;
  /** Permission bits (0o777); null when the source does not know. */
  readonly mode: number | null;
  /** Digest in the store's algorithm when known before reading, else null. */
  readonly hash: string | null;
  readonly digest: DigestSpec;
  /**
   * The bytes from `start` (default 0) up to but without `end` (default `size`), in chunks of at most 1 MiB.
   * May be called several times, also for overlapping ranges.
   * The last chunk is handed out only after the source was seen unchanged.
   * @throws StaleContent when the source is no longer what was staged;
   * the caller must then make sure that nothing of it becomes visible.
   * @throws HoldfastError `content-mismatch` when a whole read does not give the promised length or hash.
   */
  read(start?: number, end?: number): AsyncIterable<Uint8Array>;
  /** Unstage: releases descriptors and connections. Idempotent. */
  release(): Promise<void>;
}

export interface StagedDirectory {
  readonly kind: 'directory';
  readonly mtimeNs: bigint | null;
  readonly mode: number | null;
  release(): Promise<void>;
}

export type Staged = StagedFile | StagedDirectory;

/** Thrown while reading: the source moved on. Not a failure; the name becomes a candidate again. */
export class StaleContent extends Error {
  constructor(reason: string) {
    super(reason);
    this.name = 'StaleContent';
  }
}

/** A stage either gives a handle, or says why the decision no longer holds. */
export type StageOutcome =
  | { readonly result: 'staged'; readonly content: Staged }
  | { readonly result: 'stale'; readonly reason: string }
  /** The source is still being written; ask again at this time (milliseconds since the epoch). */
  | { readonly result: 'unsettled'; readonly until: number };
