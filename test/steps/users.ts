/**
 * Users: two people at work on one pair, one in the folder and one at the store, who care for nothing but their own
 * side. Every content they write is new; what one of them takes away with his own hands may be gone afterwards,
 * everything else must stay.
 */
import { lstat, mkdir, readdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { OtherWriter } from '#test/conformance/object-store.ts';
import type { Engine } from '#test/support/engine.ts';

export type Act = 'write' | 'remove' | 'mkdir' | 'rename' | 'link';

export class Users {
  private readonly engine: Engine;
  private readonly other: OtherWriter;
  private written = 0;
  private readonly contents = new Set<string>();

  constructor(engine: Engine) {
    this.engine = engine;
    this.other = engine.remote.other;
  }

  /** Contents that nobody took away. */
  get kept(): ReadonlySet<string> {
    return this.contents;
  }

  async act(side: 'here' | 'upstream', act: Act, name: string, to: string): Promise<void> {
    if (side === 'here') await this.actHere(act, name, to);
    else await this.actUpstream(act, name, to);
  }

  private newContent(): string {
    this.written += 1;
    const content = `content ${this.written}`;
    this.contents.add(content);
    return content;
  }

  private async actHere(act: Act, name: string, to: string): Promise<void> {
    const path = this.engine.path(name);
    if (act === 'rename') {
      if (!(await exists(path)) || to === name || to.startsWith(`${name}/`) || name.startsWith(`${to}/`))
        return;
      if (!(await this.makeRoomHere(to))) return;
      await rename(path, this.engine.path(to));
      return;
    }
    if (act === 'mkdir' && (await isDirectory(path))) return;
    if (act !== 'remove' && !(await exists(dirname(path))) && !(await this.makeParentHere(name))) return;
    if (!(await isDirectory(dirname(path)))) return;
    if (act === 'write' && (await isFile(path))) await this.forgetBelow(path);
    else await this.removeHere(path);
    if (act === 'write') await writeFile(path, this.newContent());
    if (act === 'mkdir') await mkdir(path);
    if (act === 'link') await symlink('nowhere', path);
  }

  private async makeRoomHere(name: string): Promise<boolean> {
    if (!(await this.makeParentHere(name))) return false;
    await this.removeHere(this.engine.path(name));
    return true;
  }

  private async makeParentHere(name: string): Promise<boolean> {
    try {
      await mkdir(dirname(this.engine.path(name)), { recursive: true });
      return true;
    } catch (thrown) {
      // Also a link that leads nowhere is in the way.
      const inTheWay = ['EEXIST', 'ENOTDIR', 'ENOENT'];
      if (inTheWay.includes((thrown as NodeJS.ErrnoException).code ?? '')) return false;
      throw thrown;
    }
  }

  private async removeHere(path: string): Promise<void> {
    await this.forgetBelow(path);
    await rm(path, { recursive: true, force: true });
  }

  private async forgetBelow(path: string): Promise<void> {
    if (await isFile(path)) this.contents.delete(await readFile(path, 'utf8'));
    if (!(await isDirectory(path))) return;
    for (const base of await readdir(path)) await this.forgetBelow(`${path}/${base}`);
  }

  /** A client that keeps objects and directories apart, as far as it can see. */
  private async actUpstream(act: Act, name: string, to: string): Promise<void> {
    const names = await this.engine.upstreamNames();
    const isThere = (wanted: string): boolean =>
      names.some((known) => known === wanted || known.startsWith(`${wanted}/`));
    if (act === 'link') return;
    if (act === 'rename') {
      if (!isThere(name) || to === name || to.startsWith(`${name}/`) || name.startsWith(`${to}/`)) return;
      await this.removeUpstream(names, to);
      await this.removeObjectsAbove(names, to);
      for (const known of names.filter((known) => known === name || known.startsWith(`${name}/`))) {
        const bytes = await this.other.get(known);
        const target = to + known.slice(name.length);
        if (bytes === null || bytes.length === 0) await this.other.putDirectory(target);
        else await this.other.put(target, bytes);
        await this.other.remove(known);
      }
      return;
    }
    if (act === 'mkdir' && isThere(name) && (await this.other.get(name)) === null) return;
    await this.removeUpstream(names, name);
    if (act !== 'remove') await this.removeObjectsAbove(names, name);
    if (act === 'write') await this.other.put(name, new TextEncoder().encode(this.newContent()));
    if (act === 'mkdir') await this.other.putDirectory(name);
  }

  private async removeUpstream(names: readonly string[], name: string): Promise<void> {
    for (const known of names.filter((known) => known === name || known.startsWith(`${name}/`))) {
      await this.forgetUpstream(known);
      await this.other.remove(known);
    }
  }

  private async removeObjectsAbove(names: readonly string[], name: string): Promise<void> {
    for (const known of names.filter((above) => name.startsWith(`${above}/`))) {
      const bytes = await this.other.get(known);
      if (bytes === null || bytes.length === 0) continue;
      await this.forgetUpstream(known);
      await this.other.remove(known);
    }
  }

  private async forgetUpstream(name: string): Promise<void> {
    const bytes = await this.other.get(name);
    if (bytes !== null) this.contents.delete(new TextDecoder().decode(bytes));
  }
}

async function kindAt(path: string): Promise<'file' | 'directory' | 'other' | null> {
  try {
    const stat = await lstat(path);
    return stat.isFile() ? 'file' : stat.isDirectory() ? 'directory' : 'other';
  } catch (thrown) {
    if (['ENOENT', 'ENOTDIR'].includes((thrown as NodeJS.ErrnoException).code ?? '')) return null;
    throw thrown;
  }
}

const exists = async (path: string): Promise<boolean> => (await kindAt(path)) !== null;
const isFile = async (path: string): Promise<boolean> => (await kindAt(path)) === 'file';
const isDirectory = async (path: string): Promise<boolean> => (await kindAt(path)) === 'directory';
