// The real bin/holdfast as a child process, in an environment of its own: nothing of the
// shell that runs the tests reaches it, and its state folder is the test's.

import { type ChildProcess, spawn } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { waitForExit } from '#libs/services/processes.ts';
import type { Cleanup } from '#test/support/services.ts';

export const HOLDFAST = resolve(import.meta.dirname, '../../bin/holdfast');

export interface Result {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export function tempDir(t: Cleanup): string {
  const dir = mkdtempSync(join(tmpdir(), `holdfast-test-${process.pid}-`));
  chmodSync(dir, 0o755); // PostgreSQL runs as a user of its own when the tests run as root.
  t.after(() => rmSync(dir, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 }));
  return dir;
}

export type Env = Readonly<Record<string, string>>;

export function commandEnv(dir: string, env: Env = {}): NodeJS.ProcessEnv {
  const { PATH, HOME, NODE_COMPILE_CACHE } = process.env;
  return { PATH, HOME, NODE_COMPILE_CACHE, LANG: 'C.UTF-8', XDG_STATE_HOME: join(dir, 'state'), ...env };
}

/** Runs one verb to its end. */
export async function holdfast(dir: string, words: readonly string[], env: Env = {}): Promise<Result> {
  const child = spawn(HOLDFAST, [...words], {
    cwd: dir,
    env: commandEnv(dir, env),
    stdio: ['ignore', 'pipe', 'pipe'],
    // A verb that should have failed must not run on for ever instead.
    timeout: 60_000,
  });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    stdout += chunk;
  });
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    stderr += chunk;
  });
  const code = await new Promise<number | null>((done) => child.once('close', done));
  return { code, stdout, stderr };
}

/** The error document of a verb that failed with --json. */
export function errorOf(result: Result): { readonly code: string; readonly message: string } {
  const last = result.stderr.trim().split('\n').at(-1) ?? '';
  return (JSON.parse(last) as { error: { code: string; message: string } }).error;
}

export interface Up {
  readonly child: ChildProcess;
  readonly pid: number;
  readonly url: string;
  /** Ends it in order. @returns its exit code. */
  stop(): Promise<number | null>;
  /** SIGKILL; resolves once everything that it started is gone too. */
  kill9(): Promise<void>;
}

/** `holdfast up` on a data folder and any free port, ready; killed with the test when it still runs. */
export async function startUp(t: Cleanup, dir: string, data: string, env: Env = {}): Promise<Up> {
  const child = spawn(HOLDFAST, ['up', '--data', data, '--port', '0', '--json'], {
    cwd: dir,
    env: commandEnv(dir, env),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const pid = child.pid ?? 0;
  const exited = new Promise<number | null>((done) => child.once('exit', done));
  let errors = '';
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    errors += chunk;
  });
  t.after(async () => {
    child.kill('SIGTERM');
    if (!(await waitForExit(pid, 30_000))) child.kill('SIGKILL');
  });
  const url = await new Promise<string>((done, fail) => {
    let text = '';
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
      if (text.trimEnd().endsWith('}')) done((JSON.parse(text) as { url: string }).url);
    });
    void exited.then((code) => fail(new Error(`holdfast up ended with ${code}: ${errors}`)));
  });
  return {
    child,
    pid,
    url,
    stop: () => {
      child.kill('SIGTERM');
      return exited;
    },
    kill9: async () => {
      const family = descendantsOf(pid);
      child.kill('SIGKILL');
      await exited;
      for (const member of family) await waitForExit(member, 30_000);
    },
  };
}

/** Everything below a process, itself not included. Linux. */
export function descendantsOf(pid: number): readonly number[] {
  let children: number[];
  try {
    children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')
      .split(' ')
      .filter(Boolean)
      .map(Number);
  } catch {
    return [];
  }
  return children.flatMap((child) => [child, ...descendantsOf(child)]);
}

/** Looks again and again until it holds; the test's own time limit ends it otherwise. */
export async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await holds())) await sleep(50);
}
