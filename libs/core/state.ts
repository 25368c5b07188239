/**
 * State: what one side holds at one name, as its archive remembers it.
 * Each side keeps the facts that let it tell later whether anything changed;
 * SYNC keeps only what both sides share. All values are immutable data.
 */

export type SpecialKind = 'symlink' | 'fifo' | 'socket' | 'device' | 'unreadable';

/** Sizes are bytes. Times are nanoseconds since the epoch. */
export type LocalState =
  | { readonly kind: 'absent' }
  | { readonly kind: 'directory'; readonly inode: bigint; readonly mtimeNs: bigint; readonly mode: number }
  | {
      readonly kind: 'file';
      readonly size: number;
      readonly mtimeNs: bigint;
      /** Moves on every change of content or attributes; catches an edit that restores size and mtime. */
      readonly ctimeNs: bigint;
      readonly inode: bigint;
      /** Permission bits only (0o777). */
      readonly mode: number;
      /** Digest in the algorithm of the pair's store; null while nobody needed it. */
      readonly hash: string | null;
    }
  | {
      readonly kind: 'unhandled';
      readonly special: SpecialKind;
      readonly inode: bigint;
      readonly mtimeNs: bigint;
    };

export type RemoteState =
  | { readonly kind: 'absent' }
  | {
      readonly kind: 'directory';
      /** The store's id of this version; null when known from a listing only, or where the store has none. */
      readonly version: string | null;
    }
  | {
      readonly kind: 'file';
      readonly size: number;
      /** Digest in the store's own algorithm (Swift, S3: MD5; Pithos: Merkle hash). */
      readonly hash: string;
      readonly version: string | null;
      /** From user metadata, else the store's own time of the write; null when a listing gave neither. */
      readonly mtimeNs: bigint | null;
    }
  /** An object whose bytes are not its own (a Swift manifest or symlink), or whose digest nothing tells (S3). Shown as a problem, never touched. */
  | { readonly kind: 'unhandled'; readonly version: string | null };

/** Last acknowledged common state. */
export type SyncState =
  | { readonly kind: 'absent' }
  | { readonly kind: 'directory' }
  | { readonly kind: 'file'; readonly size: number; readonly hash: string };

export const ABSENT = { kind: 'absent' } as const;

/**
 * Whether a local state still is what the archive recorded, without reading content.
 * ctime is left out on request: our own renames and links move it.
 */
export function sameLocalFacts(a: LocalState, b: LocalState, ctime: 'with-ctime' | 'without-ctime'): boolean {
  if (a.kind === 'file' && b.kind === 'file') {
    return (
      a.size === b.size &&
      a.mtimeNs === b.mtimeNs &&
      a.inode === b.inode &&
      (ctime === 'without-ctime' || a.ctimeNs === b.ctimeNs)
    );
  }
  if (a.kind === 'unhandled' && b.kind === 'unhandled') return a.special === b.special && a.inode === b.inode;
  return a.kind === b.kind;
}

/** Whether a remote state still has the content the archive recorded; versions and times may differ. */
export function sameRemoteContent(a: RemoteState, b: RemoteState): boolean {
  if (a.kind === 'file' && b.kind === 'file') return a.size === b.size && a.hash === b.hash;
  return a.kind === b.kind;
}

/** What SYNC takes when both sides hold this content; null for what cannot be common. */
export function syncStateOf(state: LocalState | RemoteState): SyncState | null {
  switch (state.kind) {
    case 'absent':
    case 'directory':
      return { kind: state.kind };
    case 'file':
      return state.hash === null ? null : { kind: 'file', size: state.size, hash: state.hash };
    case 'unhandled':
      return null;
  }
}

/**
 * Whether two states hold the same content: same kind, and for files the same size and hash, never time.
 * A file whose hash nobody computed equals nothing: the probe hashes where sizes make equality possible.
 */
export function sameContent(
  a: LocalState | RemoteState | SyncState,
  b: LocalState | RemoteState | SyncState,
): boolean {
  if (a.kind === 'file' && b.kind === 'file')
    return a.size === b.size && a.hash !== null && a.hash === b.hash;
  return a.kind === b.kind && a.kind !== 'unhandled';
}
