/**
 * File system: one process's view of a memory disk, so that the real local folder runs on it.
 * Every call that others can notice is one step; closing is none, because nobody can tell when
 * it happened. When the process dies, `exit` closes what it had open.
 */
import type {
  Facts,
  FileSystem,
  ListedEntry,
  OpenDirectory,
  OpenFile,
} from '#libs/store-local/file-system.ts';
import {
  closeNode,
  create,
  findDirectory,
  link,
  list,
  lstat,
  openAgain,
  openDirectory,
  openForReading,
  openFound,
  read,
  removeDirectory,
  rename,
  setMode,
  setModifiedAt,
  setOwner,
  systemError,
  unlink,
  write,
} from './disk-calls.ts';
import type { Caller, Medium } from './disk-medium.ts';
import {
  type DirectoryNode,
  type DiskNode,
  encodeName,
  type FileNode,
  factsOf,
  pathOf,
} from './disk-nodes.ts';
import type { Step } from './step.ts';

const UMASK = 0o022;

/** A process on the disk. */
export interface ProcessFiles extends FileSystem {
  /** Descriptors not closed yet. */
  readonly open: number;
  /** What the system does when the process has died; its descriptors refuse with EBADF from then. */
  exit(): void;
}

export function processFiles(medium: Medium, step: Step): ProcessFiles {
  const { uid, gid } = medium.options;
  const process: Process = {
    medium,
    caller: { uid, gid, isPrivileged: uid === 0 },
    step,
    descriptors: new Set(),
  };
  return {
    setsOwners: uid === 0,
    openRoot: (path) =>
      step('fs.openRoot', path, () => new MemoryDirectory(process, openPath(medium, process.caller, path))),
    get open() {
      return process.descriptors.size;
    },
    exit() {
      for (const descriptor of process.descriptors) descriptor.closeNow();
    },
  };
}

interface Process {
  readonly medium: Medium;
  readonly caller: Caller;
  readonly step: Step;
  readonly descriptors: Set<Descriptor<DiskNode>>;
}

function openPath(medium: Medium, caller: Caller, path: string): DirectoryNode {
  let directory = medium.root;
  for (const segment of path.split('/')) {
    if (segment !== '') directory = findDirectory(medium, caller, directory, encodeName(segment));
  }
  return openFound(caller, directory);
}

function nameOf(segment: string): string {
  if (segment === '' || segment === '.' || segment === '..' || /[/\0]/.test(segment)) {
    throw new RangeError(`not one segment of a name: ${JSON.stringify(segment)}`);
  }
  return encodeName(segment);
}

/** What files and directories have in common when they are open. */
class Descriptor<Node extends DiskNode> {
  readonly #process: Process;
  readonly #node: Node;

  constructor(process: Process, node: Node) {
    this.#process = process;
    this.#node = node;
    process.descriptors.add(this);
  }

  protected get process(): Process {
    return this.#process;
  }

  /** @throws EBADF once it is closed. */
  protected get node(): Node {
    if (this.#process.descriptors.has(this)) return this.#node;
    throw systemError('EBADF', 'bad file descriptor');
  }

  protected step<Result>(verb: string, below: string, effect: (node: Node) => Result): Promise<Result> {
    const path = pathOf(this.#node);
    const subject = below === '' ? path : path === '/' ? `/${below}` : `${path}/${below}`;
    return this.#process.step(verb, subject, () => effect(this.node));
  }

  facts(): Promise<Facts> {
    return this.step('fs.fstat', '', factsOf);
  }

  setMode(mode: number): Promise<void> {
    const { medium, caller } = this.#process;
    return this.step('fs.chmod', '', (node) => setMode(medium, caller, node, mode));
  }

  setOwner(uid: number, gid: number): Promise<void> {
    const { medium, caller } = this.#process;
    return this.step('fs.chown', '', (node) => setOwner(medium, caller, node, uid, gid));
  }

  sync(): Promise<void> {
    return this.step('fs.sync', '', () => undefined);
  }

  async close(): Promise<void> {
    this.closeNow();
  }

  closeNow(): void {
    if (this.#process.descriptors.delete(this)) closeNode(this.#process.medium, this.#node);
  }
}

class MemoryFile extends Descriptor<DiskNode> implements OpenFile {
  /** What can be written: a file that was made here. */
  readonly #written: FileNode | null;
  #position = 0;

  constructor(process: Process, node: DiskNode, written: FileNode | null) {
    super(process, node);
    this.#written = written;
  }

  read(into: Uint8Array, position: number): Promise<number> {
    const { medium } = this.process;
    return this.step('fs.read', '', (node) => {
      const most = medium.options.longestRead(pathOf(node));
      return read(node, into.length > most ? into.subarray(0, most) : into, position);
    });
  }

  write(bytes: Uint8Array): Promise<void> {
    return this.step('fs.write', '', () => {
      for (let done = 0; done < bytes.length; ) {
        const file = this.#written;
        if (file === null) throw systemError('EBADF', 'it is open for reading only');
        const rest = done === 0 ? bytes : bytes.subarray(done);
        const written = write(this.process.medium, file, this.#position, rest);
        this.#position += written;
        done += written;
      }
    });
  }

  setModifiedAt(mtimeNs: bigint): Promise<void> {
    const { medium, caller } = this.process;
    return this.step('fs.utimes', '', (node) => setModifiedAt(medium, caller, node, mtimeNs));
  }
}

class MemoryDirectory extends Descriptor<DirectoryNode> implements OpenDirectory {
  path(): Promise<string> {
    return this.step('fs.path', '', (node) => (node.links > 0 ? pathOf(node) : `${pathOf(node)} (deleted)`));
  }

  list(): Promise<ListedEntry[]> {
    return this.step('fs.list', '', () => this.listNow());
  }

  lstat(segment: string): Promise<Facts | null> {
    return this.step('fs.lstat', segment, () => this.lstatNow(segment));
  }

  openDirectoryAgain(): Promise<OpenDirectory> {
    return this.step('fs.open', '', (node) => {
      return new MemoryDirectory(this.process, openAgain(this.process.caller, node));
    });
  }

  openDirectory(segment: string): Promise<OpenDirectory> {
    return this.step('fs.open', segment, () => this.openDirectoryNow(segment));
  }

  openForReading(segment: string): Promise<OpenFile> {
    const { medium, caller } = this.process;
    return this.step('fs.open', segment, (node) => {
      return new MemoryFile(this.process, openForReading(medium, caller, node, nameOf(segment)), null);
    });
  }

  createFile(segment: string, mode: number): Promise<OpenFile> {
    const { medium, caller } = this.process;
    return this.step('fs.create', segment, (directory) => {
      const make = (owner: { uid: number; gid: number }) => medium.newFile(mode & ~UMASK, owner);
      const file = create(medium, caller, directory, nameOf(segment), make);
      file.opens += 1;
      return new MemoryFile(this.process, file, file);
    });
  }

  makeDirectory(segment: string, mode: number): Promise<void> {
    const { medium, caller } = this.process;
    return this.step('fs.mkdir', segment, (directory) => {
      const make = (owner: { uid: number; gid: number }) =>
        medium.newDirectory(mode & 0o1777 & ~UMASK, owner);
      create(medium, caller, directory, nameOf(segment), make);
    });
  }

  link(segment: string, to: OpenDirectory, toSegment: string): Promise<void> {
    return this.#toOther('fs.link', link, segment, to, toSegment);
  }

  rename(segment: string, to: OpenDirectory, toSegment: string): Promise<void> {
    return this.#toOther('fs.rename', rename, segment, to, toSegment);
  }

  #toOther(
    verb: string,
    call: typeof rename,
    segment: string,
    to: OpenDirectory,
    toSegment: string,
  ): Promise<void> {
    const { medium, caller } = this.process;
    if (!(to instanceof MemoryDirectory)) throw new TypeError('a directory of another file system');
    return this.step(verb, `${segment} -> ${to.#shown}/${toSegment}`, (from) => {
      if (to.process.medium !== medium) throw systemError('EXDEV', 'a directory of another disk');
      call(medium, caller, from, nameOf(segment), to.node, nameOf(toSegment));
    });
  }

  get #shown(): string {
    return this.process.descriptors.has(this) ? pathOf(this.node) : '(closed)';
  }

  unlink(segment: string): Promise<void> {
    const { medium, caller } = this.process;
    return this.step('fs.unlink', segment, (node) => unlink(medium, caller, node, nameOf(segment)));
  }

  removeDirectory(segment: string): Promise<void> {
    const { medium, caller } = this.process;
    return this.step('fs.rmdir', segment, (node) => removeDirectory(medium, caller, node, nameOf(segment)));
  }

  listNow(): ListedEntry[] {
    return list(this.process.caller, this.node);
  }

  lstatNow(segment: string): Facts | null {
    const { medium, caller } = this.process;
    return lstat(medium, caller, this.node, nameOf(segment));
  }

  openDirectoryNow(segment: string): OpenDirectory {
    const { medium, caller } = this.process;
    return new MemoryDirectory(this.process, openDirectory(medium, caller, this.node, nameOf(segment)));
  }
}
