// What all service starters share: free loopback ports, children that write
// to a log file and survive Ctrl-C (their owner stops them in its own order),
// and waiting for processes that may not be our children.

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { accessSync, closeSync, constants, openSync, readFileSync, statSync, truncateSync } from 'node:fs';
import { createConnection, createServer } from 'node:net';
import { delimiter, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const LOG_LIMIT_BYTES = 8 << 20;

export type Log = (text: string) => void;

export interface ServiceSpawn {
  readonly command: string;
  readonly args: readonly string[];
  readonly logFile: string;
  readonly cwd?: string;
  readonly uid?: number;
  readonly gid?: number;
  readonly env?: NodeJS.ProcessEnv;
  /** Ask the kernel to end the service when this process dies, however it dies (Linux; ignored elsewhere). */
  readonly dieWithParent?: boolean;
}

/** Starts a service in its own session; it does not keep this process alive. */
export function spawnService(options: ServiceSpawn): ChildProcess {
  const [command, args] = withParentDeathSignal(options);
  const out = openLog(options.logFile);
  try {
    const child = spawn(command, args, {
      cwd: options.cwd ?? '/',
      detached: true,
      stdio: ['ignore', out, out],
      env: options.env ?? process.env,
      ...(options.uid === undefined ? {} : { uid: options.uid }),
      ...(options.gid === undefined ? {} : { gid: options.gid }),
    });
    // A missing binary or a refused setuid arrives here; without a listener it would end the process.
    child.on('error', () => {});
    child.unref();
    return child;
  } finally {
    closeSync(out);
  }
}

// unshare changes credentials, which clears the death signal: setpriv has to come after it.
function withParentDeathSignal(options: ServiceSpawn): [string, string[]] {
  const setpriv = options.dieWithParent ? findOnPath('setpriv') : null;
  if (setpriv === null || process.platform !== 'linux') return [options.command, [...options.args]];
  const guard = ['--pdeathsig', 'INT', '--'];
  if (!options.command.endsWith('unshare')) return [setpriv, [...guard, options.command, ...options.args]];
  const end = options.args.indexOf('--') + 1;
  return [options.command, [...options.args.slice(0, end), setpriv, ...guard, ...options.args.slice(end)]];
}

function openLog(file: string): number {
  try {
    if (statSync(file).size > LOG_LIMIT_BYTES) truncateSync(file);
  } catch {
    // No log yet.
  }
  return openSync(file, 'a', 0o640);
}

/** The size of a log now, so that a later failure quotes only what this start wrote. */
export function logMark(file: string): number {
  try {
    const { size } = statSync(file);
    return size > LOG_LIMIT_BYTES ? 0 : size;
  } catch {
    return 0;
  }
}

export function logSince(file: string, mark: number): string {
  try {
    return readFileSync(file).subarray(mark).toString('utf8').trim();
  } catch {
    return '';
  }
}

/** The last lines of a log on one line, for an error message. */
export function tail(text: string, lines = 4): string {
  return text.split('\n').slice(-lines).join(' | ');
}

export function findOnPath(name: string): string | null {
  const extra = ['/usr/local/bin', '/usr/bin', '/usr/sbin', '/bin', '/sbin'];
  for (const folder of [...(process.env['PATH'] ?? '').split(delimiter), ...extra]) {
    if (folder === '') continue;
    const file = join(folder, name);
    try {
      accessSync(file, constants.X_OK);
      if (statSync(file).isFile()) return file;
    } catch {
      // Not in this folder.
    }
  }
  return null;
}

/** True while the process exists and is not a zombie waiting for its parent. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return !/^[ZX]/.test(stat.slice(stat.lastIndexOf(')') + 2));
  } catch {
    return process.platform !== 'linux';
  }
}

export function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // Already gone.
  }
}

/** Resolves to false when the process still lives after the time. */
export async function waitForExit(pid: number, timeoutMs: number): Promise<boolean> {
  const deadline = Date.now() + timeoutMs;
  while (isAlive(pid)) {
    if (Date.now() > deadline) return false;
    await sleep(20);
  }
  return true;
}

export async function isPortFree(port: number): Promise<boolean> {
  return (await bindLoopback(port)) !== null;
}

export async function freePort(): Promise<number> {
  const port = await bindLoopback(0);
  if (port === null) throw new Error('no free port on 127.0.0.1');
  return port;
}

/** The first of `count` neighbouring ports of which none is in use now. */
export async function freePortRange(count: number): Promise<number> {
  for (let attempt = 0; attempt < 200; attempt++) {
    // Below the ephemeral range, so that an outgoing connection does not take one of them meanwhile.
    const first = 12_000 + Math.floor(Math.random() * 18_000);
    const ports = Array.from({ length: count }, (_, index) => first + index);
    const free = await Promise.all(ports.map(isPortFree));
    if (free.every(Boolean)) return first;
  }
  throw new Error(`no ${count} neighbouring free ports on 127.0.0.1`);
}

function bindLoopback(port: number): Promise<number | null> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(null));
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address ? address.port : null));
    });
  });
}

/** Sends a line and resolves to the first bytes of the answer, or null. */
export function askTcp(port: number, question: string, timeoutMs = 1000): Promise<string | null> {
  return new Promise((resolve) => {
    const socket = createConnection({ host: '127.0.0.1', port });
    const done = (answer: string | null) => {
      socket.destroy();
      resolve(answer);
    };
    socket.setTimeout(timeoutMs, () => done(null));
    socket.once('error', () => done(null));
    socket.once('connect', () => socket.write(question));
    socket.once('data', (data) => done(data.toString('utf8')));
  });
}

/** Runs a short command to its end; never throws. */
export function runQuietly(
  command: string,
  args: readonly string[],
  options: { uid?: number; gid?: number; cwd?: string; env?: NodeJS.ProcessEnv; timeoutMs?: number } = {},
): { code: number | null; output: string } {
  const { timeoutMs, ...rest } = options;
  const result = spawnSync(command, [...args], {
    ...rest,
    stdio: ['ignore', 'pipe', 'pipe'],
    encoding: 'utf8',
    ...(timeoutMs === undefined ? {} : { timeout: timeoutMs }),
  });
  const output = `${result.stdout ?? ''}${result.stderr ?? ''}${result.error ? result.error.message : ''}`;
  return { code: result.status, output: output.trim() };
}
