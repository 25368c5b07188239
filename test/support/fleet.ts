/**
 * Fleet: the four processes as operators run them, on real services, and the command line
 * beside them. A test kills and restarts whatever it likes; nothing here reaches into a process.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream, type WriteStream } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { migrate } from '#libs/archive-prisma/migrate.ts';
import { openFleet } from '#libs/compose/fleet.ts';
import { loadConfig } from '#libs/config/load.ts';
import type { PairStatus } from '#ports/operator.ts';
import { SILENT } from './engine.ts';
import type { Cleanup } from './services.ts';

const CHECKOUT = resolve(import.meta.dirname, '../..');
const APPS = ['watcher', 'poller', 'decider', 'transfer'] as const;
export type App = (typeof APPS)[number];

export interface FleetOptions {
  readonly databaseUrl: string;
  readonly redisUrl: string | null;
  /** More settings, such as shorter intervals. */
  readonly env?: Readonly<Record<string, string>>;
  /** How many processes of each kind; default one. */
  readonly counts?: Partial<Record<App, number>>;
  /** Settings that differ by kind, such as ports. */
  readonly envOf?: (app: App) => Readonly<Record<string, string>>;
}

export interface CliResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

interface Member {
  readonly app: App;
  child: ChildProcess;
  /** Largest resident set seen, in bytes. */
  peakRss: number;
}

export class TestFleet {
  readonly dir: string;
  private readonly members: Member[] = [];
  private readonly env: NodeJS.ProcessEnv;
  private readonly envOf: (app: App) => Readonly<Record<string, string>>;
  private readonly log: WriteStream;

  constructor(dir: string, options: FleetOptions) {
    this.dir = dir;
    this.envOf = options.envOf ?? (() => ({}));
    this.log = createWriteStream(join(dir, 'fleet.log'));
    // Every process pipes two streams into it.
    this.log.setMaxListeners(0);
    const { PATH, HOME, TMPDIR, NODE_COMPILE_CACHE } = process.env;
    this.env = {
      ...(PATH === undefined ? {} : { PATH }),
      ...(HOME === undefined ? {} : { HOME }),
      ...(TMPDIR === undefined ? {} : { TMPDIR }),
      ...(NODE_COMPILE_CACHE === undefined ? {} : { NODE_COMPILE_CACHE }),
      DATABASE_URL: options.databaseUrl,
      ...(options.redisUrl === null ? {} : { REDIS_URL: options.redisUrl }),
      HOLDFAST_LOG_LEVEL: 'info',
      HOLDFAST_SETTLE_MS: '200',
      HOLDFAST_ORIGIN: 'fleet',
      HOLDFAST_QUEUE_PREFIX: `t${process.pid}-${Math.random().toString(36).slice(2, 10)}`,
      ...options.env,
    };
  }

  async start(app: App): Promise<void> {
    const member: Member = { app, child: this.spawn(app), peakRss: 0 };
    this.members.push(member);
    await this.untilReady(member);
  }

  private spawn(app: App): ChildProcess {
    const child = spawn(process.execPath, [join(CHECKOUT, 'apps', app, 'main.ts')], {
      env: { ...this.env, ...this.envOf(app) },
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    child.stdout?.pipe(this.log, { end: false });
    child.stderr?.pipe(this.log, { end: false });
    return child;
  }

  private async untilReady(member: Member): Promise<void> {
    for (let tries = 0; tries < 600; tries += 1) {
      if (member.child.exitCode !== null)
        throw new Error(`${member.app} ended with ${member.child.exitCode}:\n${await this.logTail()}`);
      if (await askReady(member.child)) return;
      await delay(50);
    }
    throw new Error(`${member.app} does not get ready:\n${await this.logTail()}`);
  }

  /** Sends a signal to all processes of a kind, or the `most` oldest, and waits until they are gone. @returns their exit codes. */
  async signal(
    app: App,
    signal: NodeJS.Signals,
    most = Number.POSITIVE_INFINITY,
  ): Promise<(number | null)[]> {
    const gone = this.members.filter((member) => member.app === app).slice(0, most);
    const codes = await Promise.all(
      gone.map(async ({ child }) => {
        if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
        const exit = once(child, 'exit');
        child.kill(signal);
        return ((await exit) as [number | null])[0];
      }),
    );
    for (const member of gone) this.members.splice(this.members.indexOf(member), 1);
    return codes;
  }

  pids(app: App): number[] {
    return this.members.filter((member) => member.app === app).map((member) => member.child.pid ?? 0);
  }

  /** Peak resident set of each process so far, in MiB by kind; read from the kernel. */
  async peakMiB(): Promise<Record<string, number>> {
    const peaks: Record<string, number> = {};
    for (const member of this.members) {
      const status = await readFile(`/proc/${member.child.pid}/status`, 'utf8');
      const mib = Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1] ?? 0) / 1024;
      peaks[member.app] = Math.max(peaks[member.app] ?? 0, Math.round(mib));
    }
    return peaks;
  }

  async stop(): Promise<void> {
    for (const app of APPS) await this.signal(app, 'SIGKILL');
    this.log.end();
  }

  async logTail(): Promise<string> {
    const text = await readFile(join(this.dir, 'fleet.log'), 'utf8').catch(() => '');
    return text.split('\n').slice(-40).join('\n');
  }

  cli(...args: string[]): Promise<CliResult> {
    return this.cliWith({}, ...args);
  }

  /** With other settings than the fleet's own. */
  cliWith(env: NodeJS.ProcessEnv, ...args: string[]): Promise<CliResult> {
    return new Promise((resolveResult) => {
      execFile(
        join(CHECKOUT, 'bin/holdfast'),
        args,
        { env: { ...this.env, ...env }, maxBuffer: 64 * 1024 * 1024 },
        (error, stdout, stderr) => {
          const code = error === null ? 0 : typeof error.code === 'number' ? error.code : 1;
          resolveResult({ code, stdout, stderr });
        },
      );
    });
  }

  /** Runs a verb that must succeed; gives its JSON. */
  async json<Result>(...args: string[]): Promise<Result> {
    const result = await this.cli(...args, '--json');
    if (result.code !== 0)
      throw new Error(
        `holdfast ${args.join(' ')} exited ${result.code}: ${result.stderr}${result.stdout}\n${await this.logTail()}`,
      );
    return (result.stdout.trim() === '' ? null : JSON.parse(result.stdout)) as Result;
  }

  /**
   * Looks at a pair, as `holdfast status` does, until it is as wanted. Connected for so long only, and not a command
   * line for each look: that would cost the machine more than the sync it looks at.
   * @throws AssertionError with the last status after `deadlineMs`
   */
  async untilStatus(
    pair: string,
    isReached: (status: PairStatus) => boolean | Promise<boolean>,
    { deadlineMs, everyMs }: { readonly deadlineMs: number; readonly everyMs: number },
  ): Promise<PairStatus> {
    const deadline = Date.now() + deadlineMs;
    const watched = await openFleet({ config: loadConfig(this.env), log: SILENT });
    try {
      for (;;) {
        const { pairs } = await watched.operator.status(pair);
        const status = pairs[0] ?? assert.fail(`${pair} is gone`);
        if (await isReached(status)) return status;
        if (Date.now() > deadline) assert.fail(`${JSON.stringify(status)}\n${await this.logTail()}`);
        await delay(everyMs);
      }
    } finally {
      await watched.close();
    }
  }

  /** Full scan and poll of these pairs, one after the other, until each is quiet. */
  async sync(...pairs: string[]): Promise<void> {
    for (const pair of pairs) {
      const result = await this.cli('sync', pair, '--wait', '--timeout', '900s');
      if (result.code !== 0) {
        const status = await this.cli('status', pair, '--json');
        const problems = await this.cli('problems', pair, '--json');
        throw new Error(
          `sync ${pair} exited ${result.code}: ${result.stderr}${result.stdout}\n${status.stdout}\n${problems.stdout}\n${await this.logTail()}`,
        );
      }
    }
  }
}

/** Migrates the database and starts one process of each kind, or as many as asked. */
export async function startFleet(t: Cleanup, options: FleetOptions): Promise<TestFleet> {
  await migrate(options.databaseUrl);
  const dir = await mkdtemp(join(tmpdir(), 'holdfast-fleet-'));
  const fleet = new TestFleet(dir, options);
  t.after(async () => {
    await fleet.stop();
    if (process.env['HOLDFAST_KEEP'] === undefined) await rm(dir, { recursive: true, force: true });
  });
  await Promise.all(
    APPS.flatMap((app) => Array.from({ length: options.counts?.[app] ?? 1 }, () => fleet.start(app))),
  );
  return fleet;
}

/** Writes a secret file as `store add` wants it. */
export async function secretFile(
  fleet: TestFleet,
  secret: Readonly<Record<string, string>>,
): Promise<string> {
  const path = join(fleet.dir, `secret-${Math.random().toString(36).slice(2)}`);
  await writeFile(path, JSON.stringify(secret), { mode: 0o600 });
  return path;
}

async function askReady(child: ChildProcess): Promise<boolean> {
  if (!child.connected) return false;
  const answer = new Promise<boolean>((resolveAnswer) => {
    const answered = (message: { ready?: boolean }): void => {
      clearTimeout(timer);
      resolveAnswer(message.ready === true);
    };
    const timer = setTimeout(() => {
      child.off('message', answered);
      resolveAnswer(false);
    }, 2_000);
    child.once('message', answered);
  });
  child.send({ ask: 'ready' });
  return answer;
}
