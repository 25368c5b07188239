/**
 * File system: the primitives the commit protocol stands on, so that a simulation or a
 * fault can take their place. Everything happens to one segment below an open directory;
 * no primitive follows a link or takes a path, so nothing outside can be reached (invariant 8).
 *
 * All of them fail with an error that carries the system's own `code` (`ENOENT`, `EEXIST`, ...).
 */

export type FactKind = 'file' | 'directory' | 'symlink' | 'fifo' | 'socket' | 'device';

/** What lstat or fstat tells. Sizes are bytes, times nanoseconds since the epoch. */
export interface Facts {
  readonly kind: FactKind;
  readonly inode: bigint;
  readonly size: number;
  readonly mtimeNs: bigint;
  readonly ctimeNs: bigint;
  /** When it was made. Without meaning where the file system does not keep it: 0, or as ctime. */
  readonly bornNs: bigint;
  /** Permission bits and setuid, setgid and sticky (0o7777). */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
}

export interface ListedEntry {
  /** The name's bytes, one character each (latin1): what is not UTF-8 stays distinguishable. */
  readonly bytes: string;
  readonly isDirectory: boolean;
}

export interface OpenFile {
  facts(): Promise<Facts>;
  /** Fills `into` from `position`. @returns bytes read, 0 at the end. */
  read(into: Uint8Array, position: number): Promise<number>;
  /** Appends all of `bytes`. */
  write(bytes: Uint8Array): Promise<void>;
  setMode(mode: number): Promise<void>;
  setOwner(uid: number, gid: number): Promise<void>;
  /** To the nanosecond, where the file system keeps it. */
  setModifiedAt(mtimeNs: bigint): Promise<void>;
  sync(): Promise<void>;
  close(): Promise<void>;
}

export interface OpenDirectory {
  /** Where the directory is now, as the kernel sees it; moves with it. */
  path(): Promise<string>;
  facts(): Promise<Facts>;
  list(): Promise<ListedEntry[]>;
  /** Null when nothing is there. */
  lstat(segment: string): Promise<Facts | null>;
  /** A second descriptor of the same directory. */
  openDirectoryAgain(): Promise<OpenDirectory>;
  /** Fails with ENOTDIR when the entry is anything but a directory, links included. */
  openDirectory(segment: string): Promise<OpenDirectory>;
  /** Opens regular files only; a link is not followed (ELOOP) and anything else not touched (ENXIO). */
  openForReading(segment: string): Promise<OpenFile>;
  /** Makes a new file, open for reading and writing; EEXIST when anything is there. */
  createFile(segment: string, mode: number): Promise<OpenFile>;
  makeDirectory(segment: string, mode: number): Promise<void>;
  /** A second name for what `segment` is, links themselves included; EEXIST when the name is taken. */
  link(segment: string, to: OpenDirectory, toSegment: string): Promise<void>;
  /** Replaces what is at the new name. */
  rename(segment: string, to: OpenDirectory, toSegment: string): Promise<void>;
  unlink(segment: string): Promise<void>;
  removeDirectory(segment: string): Promise<void>;
  setMode(mode: number): Promise<void>;
  setOwner(uid: number, gid: number): Promise<void>;
  sync(): Promise<void>;
  close(): Promise<void>;

  /** The three that a walk of many entries uses; they block the process for one system call each. */
  listNow(): ListedEntry[];
  lstatNow(segment: string): Facts | null;
  openDirectoryNow(segment: string): OpenDirectory;
  closeNow(): void;
}

export interface FileSystem {
  /** Fails with ENOENT or ENOTDIR when there is no directory, also when a link stands in its place. */
  openRoot(path: string): Promise<OpenDirectory>;
  /** Whether files can be given to other owners. */
  readonly setsOwners: boolean;
}

/** The system's code of a failure, or undefined when it is none of the system's. */
export function systemCode(thrown: unknown): string | undefined {
  if (!(thrown instanceof Error) || !('code' in thrown)) return undefined;
  // Node's own errors (`ERR_...`) are mistakes of the program, not answers of the system.
  return typeof thrown.code === 'string' && /^E[A-Z0-9]+$/.test(thrown.code) ? thrown.code : undefined;
}

/** Awaits `step`, taking the named failures as an answer. @returns true when it succeeded. */
export async function succeeds(step: Promise<unknown>, ...expectedCodes: string[]): Promise<boolean> {
  try {
    await step;
    return true;
  } catch (thrown) {
    if (expectedCodes.includes(systemCode(thrown) ?? '')) return false;
    throw thrown;
  }
}
