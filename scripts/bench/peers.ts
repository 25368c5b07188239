/**
 * Peers: other tools that copy between a folder and a Swift container, as a user would run them.
 * What is not installed is said, and its rows are missing.
 */
import { execFileSync } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Cost } from './cost.ts';
import type { Stage } from './stage.ts';

/** As many requests at once as the other clients have. */
export const CONNECTIONS = 16;

export interface Peer {
  readonly tool: string;
  readonly version: string;
}

export interface Rclone extends Peer {
  copy(from: string, to: string): Promise<Cost>;
  /** One way, by listings alone: the cheapest that a user can run. */
  syncByListing(from: string, to: string): Promise<Cost>;
  bisync(folder: string, remote: string, resync: boolean): Promise<Cost>;
}

export interface SwiftClient extends Peer {
  upload(folder: string, container: string): Promise<Cost>;
  download(folder: string, container: string): Promise<Cost>;
}

/** How rclone names a container of the stage's Swift. */
export const remoteOf = (container: string): string => `bench:${container}`;

/** @returns null, with a line that says so, where it is not installed. */
export async function openRclone(stage: Stage): Promise<Rclone | null> {
  const version = versionOf('rclone', ['version'], /rclone (v\S+)/);
  if (version === null || stage.swift === null) return null;
  const dir = join(stage.dir, 'rclone');
  await mkdir(dir, { recursive: true });
  const config = join(dir, 'rclone.conf');
  const { user, key, authUrl } = stage.swift;
  await writeFile(config, `[bench]\ntype = swift\nuser = ${user}\nkey = ${key}\nauth = ${authUrl}\n`);
  const run = (...args: readonly string[]): Promise<Cost> =>
    stage.measureCommand('rclone', ['--config', config, ...args]);
  const many = ['--transfers', String(CONNECTIONS), '--checkers', String(CONNECTIONS)];
  return {
    tool: 'rclone',
    version,
    copy: (from, to) => run('copy', ...many, from, to),
    syncByListing: (from, to) =>
      run('sync', ...many, '--fast-list', '--use-server-modtime', '--update', from, to),
    bisync: (folder, remote, resync) =>
      run('bisync', ...many, '--workdir', dir, ...(resync ? ['--resync'] : []), folder, remote),
  };
}

/** @returns null, with a line that says so, where it is not installed. */
export function openSwiftClient(stage: Stage): SwiftClient | null {
  const version = versionOf('swift', ['--version'], /swiftclient (\S+)/);
  if (version === null || stage.swift === null) return null;
  const { user, key, authUrl } = stage.swift;
  const run = (...args: readonly string[]): Promise<Cost> =>
    stage.measureCommand('swift', ['-A', authUrl, '-U', user, '-K', key, ...args]);
  const threads = ['--object-threads', String(CONNECTIONS)];
  return {
    tool: 'swift',
    version,
    upload: (folder, container) => run('upload', ...threads, '--skip-container-put', container, folder),
    download: (folder, container) => run('download', ...threads, '--output-dir', folder, container),
  };
}

function versionOf(command: string, args: readonly string[], pattern: RegExp): string | null {
  try {
    const said = execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
    return pattern.exec(said)?.[1] ?? 'of an unknown version';
  } catch {
    process.stdout.write(`${command} is not installed (Debian has it): its rows are missing.\n`);
    return null;
  }
}
