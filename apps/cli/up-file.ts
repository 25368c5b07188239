/**
 * Up file: how a command line finds the `holdfast up` of its own user, and may speak to it.
 * It holds the API's token, so only that user may read it. One is kept by port in the
 * user's state folder, one in the data folder; a stale one merely names nobody.
 */
import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';

export interface UpFile {
  readonly url: string;
  readonly token: string;
  readonly pid: number;
  /** Absolute path of the data folder. */
  readonly data: string;
}

/** `${XDG_STATE_HOME:-~/.local/state}/holdfast`: small files of this user that survive a reboot. */
export function stateFolder(env: NodeJS.ProcessEnv): string {
  const base = env['XDG_STATE_HOME'];
  // The XDG specification has relative paths ignored.
  return join(base?.startsWith('/') ? base : join(env['HOME'] || homedir(), '.local', 'state'), 'holdfast');
}

export function upFilePlaces(
  env: NodeJS.ProcessEnv,
  port: number | string,
  data: string | null,
): readonly string[] {
  const byPort = join(stateFolder(env), `up-${port}.json`);
  return data === null ? [byPort] : [byPort, join(data, 'up.json')];
}

/** @returns null when there is none that can be read. */
export function readUpFile(file: string): UpFile | null {
  try {
    const { url, token, pid, data } = JSON.parse(readFileSync(file, 'utf8')) as Partial<UpFile>;
    if (typeof url !== 'string' || typeof token !== 'string') return null;
    return { url, token, pid: Number(pid), data: String(data) };
  } catch {
    return null;
  }
}

/** Written aside and moved, so that no reader sees half a token and nobody else sees any of it. */
export function writeUpFile(file: string, content: UpFile): void {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  const draft = `${file}.${randomBytes(6).toString('hex')}`;
  writeFileSync(draft, `${JSON.stringify(content)}\n`, { mode: 0o600 });
  renameSync(draft, file);
}

/** Removes the file while it is still this process's own. */
export function removeUpFile(file: string, pid: number): void {
  if (readUpFile(file)?.pid === pid) rmSync(file, { force: true });
}
