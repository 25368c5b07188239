/**
 * Staged bytes: content that a test holds in memory, offered as a source side would,
 * with a hook before the last chunk for whatever the world does meanwhile.
 */
import type { Staged, StagedDirectory, StagedFile } from '#ports/content.ts';
import type { DigestSpec } from '#ports/digest.ts';

export interface StagedBytesOptions {
  readonly digest: DigestSpec;
  /** Null: the source has not hashed it yet. */
  readonly hash: string | null;
  readonly mtimeNs?: bigint | null;
  readonly mode?: number | null;
  /** Runs in each read after everything but the last chunk was handed out; may throw. */
  readonly beforeLast?: () => Promise<void>;
}

const CHUNK_BYTES = 256 * 1024;

export function stageBytes(bytes: Uint8Array, options: StagedBytesOptions): StagedFile {
  return {
    kind: 'file',
    size: bytes.length,
    mtimeNs: options.mtimeNs ?? null,
    mode: options.mode ?? null,
    hash: options.hash,
    digest: options.digest,
    async *read(start = 0, end = bytes.length) {
      // The last chunk is one byte, so that the hook runs in the middle of small contents too.
      const last = Math.max(start, end - 1);
      for (let at = start; at < last; at += CHUNK_BYTES) {
        yield bytes.subarray(at, Math.min(at + CHUNK_BYTES, last));
      }
      await options.beforeLast?.();
      if (last < end) yield bytes.subarray(last, end);
    },
    release: () => Promise.resolve(),
  };
}

export function stageDirectory(): StagedDirectory {
  return { kind: 'directory', mtimeNs: null, mode: null, release: () => Promise.resolve() };
}

/** All bytes of a range of staged content. */
export async function readAll(content: Staged, start?: number, end?: number): Promise<Uint8Array> {
  if (content.kind !== 'file') throw new TypeError('a directory has no bytes');
  const chunks: Uint8Array[] = [];
  for await (const chunk of content.read(start, end)) chunks.push(Uint8Array.from(chunk));
  return Buffer.concat(chunks);
}

/** Deterministic bytes that differ for different seeds. */
export function patternBytes(length: number, seed: number): Uint8Array {
  const bytes = new Uint8Array(length);
  let value = seed * 2654435761 + 1;
  for (let index = 0; index < length; index += 1) {
    value = (Math.imul(value, 1664525) + 1013904223) >>> 0;
    bytes[index] = value >>> 24;
  }
  return bytes;
}
