// A real OpenStack Swift on loopback, for tests: wraps scripts/swift-aio.sh.

import { execFile } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { installDebianPackages } from './debian.ts';
import type { Log } from './processes.ts';
import { findOnPath, freePortRange, runQuietly } from './processes.ts';
import { ServiceError } from './service-error.ts';
import type { S3Login } from './versitygw.ts';

const SCRIPT = resolve(import.meta.dirname, '../../scripts/swift-aio.sh');
const PORTS = 6;

export interface SwiftOptions {
  /** Absolute; every folder above it must be searchable by user "swift". Default: a new one below the temporary folder, removed by stop. */
  readonly dir?: string;
  /** The first of six neighbouring ports. */
  readonly port?: number;
  /** Of the one user; default `testing`. Printable ASCII without spaces. */
  readonly key?: string;
  readonly log?: Log;
}

export interface RunningSwift {
  readonly authUrl: string;
  readonly user: string;
  readonly key: string;
  readonly dir: string;
  readonly port: number;
  /** How the same account speaks S3. */
  readonly s3: S3Login;
  /** Runs the updaters once, so that listings which fell behind catch up. */
  settle(): Promise<void>;
  /** Stops the container server in its tracks: objects still work, listings fall behind. */
  freezeContainerServer(): void;
  thawContainerServer(): void;
  stop(): Promise<void>;
}

/** Null when Swift can be started here, else the reason why not. Installs nothing. */
export function whyNoSwift(): string | null {
  if (process.platform !== 'linux') return 'Swift runs on Linux only';
  const python = process.env['SWIFT_PYTHON'] ?? '/usr/bin/python3';
  if (!existsSync(python)) return `there is no ${python}`;
  const hasSwift = runQuietly(python, ['-W', 'ignore', '-c', 'import swift.proxy.server'], {
    timeoutMs: 30_000,
  });
  if (hasSwift.code !== 0) return 'the Debian package python3-swift is not installed';
  return findOnPath('memcached') === null ? 'the Debian package memcached is not installed' : null;
}

/** Makes Swift available, installing its packages as root on Debian; null or the reason why not. */
export async function ensureSwift(log?: Log): Promise<string | null> {
  if (whyNoSwift() === null) return null;
  if (process.platform !== 'linux') return whyNoSwift();
  return (await installDebianPackages(['python3-swift', 'memcached'], log)) ?? whyNoSwift();
}

export async function startSwift(options: SwiftOptions = {}): Promise<RunningSwift> {
  const missing = whyNoSwift();
  if (missing !== null) {
    throw new ServiceError('not-available', `Swift cannot be started: ${missing}.`);
  }
  const dir = options.dir === undefined ? mkdtempSync(join(tmpdir(), 'holdfast-swift-')) : options.dir;
  mkdirSync(dir, { recursive: true });
  // The servers run as user "swift", and mkdtemp makes folders that nobody else may enter.
  chmodSync(dir, 0o755);
  const port = options.port ?? (await freePortRange(PORTS));
  const started = await aio('start', dir, port, options.key);
  if (started.code !== 0) {
    await aio('stop', dir, port);
    throw new ServiceError('start-failed', `Swift did not start in ${dir}: ${started.output}`);
  }
  options.log?.(`Swift started on 127.0.0.1:${port}`);

  const running = attachSwift(dir, port);
  return {
    ...running,
    key: options.key ?? running.key,
    s3: { ...running.s3, secretAccessKey: options.key ?? running.key },
    async stop() {
      try {
        running.thawContainerServer();
      } catch {
        // It has ended already.
      }
      await stopSwift(dir, port);
      if (options.dir === undefined) rmSync(dir, { recursive: true, force: true });
    },
  };
}

/** A handle on a Swift that another process started and will stop: its `stop` does nothing. */
export function attachSwift(dir: string, port: number): RunningSwift {
  const signalContainerServer = (name: NodeJS.Signals) => {
    const file = join(dir, 'run', 'container.pid');
    // Each server leads its own process group, its workers included.
    if (existsSync(file)) process.kill(-Number(readFileSync(file, 'utf8')), name);
  };
  return {
    authUrl: `http://127.0.0.1:${port}/auth/v1.0`,
    user: 'test:tester',
    key: 'testing',
    dir,
    port,
    s3: {
      url: `http://127.0.0.1:${port}`,
      region: 'us-east-1',
      accessKeyId: 'test:tester',
      secretAccessKey: 'testing',
    },
    async settle() {
      const result = await aio('settle', dir, port);
      if (result.code !== 0) throw new Error(`swift-aio.sh settle failed: ${result.output}`);
    },
    freezeContainerServer: () => signalContainerServer('SIGSTOP'),
    thawContainerServer: () => signalContainerServer('SIGCONT'),
    async stop() {},
  };
}

/** Ends the servers of a folder, also those an earlier process left behind. */
export async function stopSwift(dir: string, port = 8085): Promise<void> {
  await aio('stop', dir, port);
}

function aio(
  verb: string,
  dir: string,
  port: number,
  key?: string,
): Promise<{ code: number; output: string }> {
  const env = { ...process.env, ...(key === undefined ? {} : { SWIFT_KEY: key }) };
  return new Promise((done) => {
    execFile('/bin/sh', [SCRIPT, verb, dir, String(port)], { cwd: '/', env }, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : -1;
      done({ code, output: `${stdout}${stderr}`.trim() });
    });
  });
}
