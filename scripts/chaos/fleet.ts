/**
 * Fleet: several of each of the four processes, each with a log, a metrics port and a keeper that
 * starts it again when it ends, as an orchestrator would; and the command line beside them.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { appendFileSync, closeSync, openSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { freePort } from '#libs/services/processes.ts';
import type { Journal } from './journal.ts';
import type { Random } from './random.ts';

const CHECKOUT = resolve(import.meta.dirname, '../..');
const COUNTS = { watcher: 2, poller: 2, decider: 2, transfer: 2 } as const;
const LONGEST_RESTART_MS = 2_000;
const READY_TIMEOUT_MS = 60_000;
const CLI_TIMEOUT_MS = 600_000;

export interface CliResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Member {
  readonly slot: string;
  /** Kills, stops or continues the process of the moment. @returns false when there is none. */
  signal(name: NodeJS.Signals): boolean;
  readonly isStopped: boolean;
  readonly isReady: boolean;
}

export interface Fleet {
  readonly members: readonly Member[];
  /** Processes that ended by themselves after they were ready, or never got ready although nothing was away. */
  readonly crashes: readonly string[];
  cli(...words: readonly string[]): Promise<CliResult>;
  /** @throws Error with what the command said. */
  json<Result>(...words: readonly string[]): Promise<Result>;
  /** Lets stopped processes go on and waits until each is ready. @throws Error when one is not in time. */
  untilReady(): Promise<void>;
  /** What each process tells at /metrics; null where it does not answer. */
  metrics(): Promise<Map<string, string | null>>;
  stop(): Promise<void>;
}

export interface FleetOptions {
  readonly env: Readonly<Record<string, string>>;
  readonly logs: string;
  readonly random: Random;
  readonly journal: Journal;
  /** Whether something that a process needs is away just now, so that it may well fail to start. */
  readonly isOutage: () => boolean;
}

export async function startFleet(options: FleetOptions): Promise<Fleet> {
  const slots = Object.entries(COUNTS).flatMap(([app, count]) =>
    Array.from({ length: count }, (_, index) => ({ app, index: index + 1 })),
  );
  const crashes: string[] = [];
  const members = await Promise.all(
    slots.map(async ({ app, index }) => new KeptProcess(app, index, await freePort(), options, crashes)),
  );
  const { PATH, HOME, TMPDIR, NODE_COMPILE_CACHE } = process.env;
  const env = {
    ...(PATH === undefined ? {} : { PATH }),
    ...(HOME === undefined ? {} : { HOME }),
    ...(TMPDIR === undefined ? {} : { TMPDIR }),
    ...(NODE_COMPILE_CACHE === undefined ? {} : { NODE_COMPILE_CACHE }),
    ...options.env,
  };
  for (const member of members) member.start(env);
  const cli: Fleet['cli'] = (...words) => runCli(env, join(options.logs, 'cli.log'), words);
  return {
    members,
    crashes,
    cli,
    json: async <Result>(...words: readonly string[]): Promise<Result> => {
      const { code, stdout, stderr } = await cli(...words, '--json');
      if (code !== 0) throw new Error(`holdfast ${words.join(' ')} ended with ${code}: ${stderr}${stdout}`);
      return (stdout.trim() === '' ? null : JSON.parse(stdout)) as Result;
    },
    untilReady: async () => void (await Promise.all(members.map((member) => member.untilReady()))),
    metrics: async () => {
      const told = await Promise.all(
        members.map(async (member) => [member.slot, await member.metrics()] as const),
      );
      return new Map(told);
    },
    stop: async () => void (await Promise.all(members.map((member) => member.stop()))),
  };
}

class KeptProcess implements Member {
  readonly slot: string;
  isStopped = false;
  isReady = false;
  readonly #app: string;
  readonly #port: number;
  readonly #options: FleetOptions;
  readonly #crashes: string[];
  readonly #isTalkative: boolean;
  #env: NodeJS.ProcessEnv = {};
  #child: ChildProcess | null = null;
  #isKilled = false;
  #isEnding = false;

  constructor(app: string, index: number, port: number, options: FleetOptions, crashes: string[]) {
    this.slot = `${app}-${index}`;
    this.#app = app;
    this.#port = port;
    this.#options = options;
    this.#crashes = crashes;
    // One of each kind says all it can, since secrets are looked for in what they say.
    this.#isTalkative = index === 1;
  }

  start(env: NodeJS.ProcessEnv): void {
    this.#env = {
      ...env,
      HOLDFAST_HTTP_PORT: String(this.#port),
      HOLDFAST_LOG_LEVEL: this.#isTalkative ? 'debug' : 'info',
    };
    this.#launch();
  }

  #launch(): void {
    const log = openSync(join(this.#options.logs, `${this.slot}.log`), 'a');
    const child = spawn(process.execPath, [join(CHECKOUT, 'apps', this.#app, 'main.ts')], {
      env: this.#env,
      stdio: ['ignore', log, log, 'ipc'],
    });
    closeSync(log);
    this.#child = child;
    this.isReady = false;
    this.#isKilled = false;
    let hadOutage = this.#options.isOutage();
    const watch = setInterval(() => {
      hadOutage ||= this.#options.isOutage();
      if (!this.isReady && child.connected) child.send({ ask: 'ready' }, () => {});
    }, 200);
    child.on('message', (message: { ready?: boolean }) => {
      if (message.ready === true) this.isReady = true;
    });
    child.once('exit', (code, signal) => {
      clearInterval(watch);
      this.#ended(code, signal, hadOutage).catch(() => undefined);
    });
  }

  async #ended(code: number | null, signal: string | null, hadOutage: boolean): Promise<void> {
    const { journal, random } = this.#options;
    this.isStopped = false;
    if (this.#isEnding) return;
    if (!this.#isKilled) {
      const how = `${this.slot} ended by itself with ${code ?? signal}`;
      // A process that starts while its database is away says so and ends; an orchestrator tries again.
      const isExcused = hadOutage && !this.isReady;
      journal.note(isExcused ? 'failed-start' : 'CRASH', { slot: this.slot, code, signal });
      if (!isExcused) this.#crashes.push(how);
    }
    this.isReady = false;
    await sleep(random.between(50, LONGEST_RESTART_MS));
    if (!this.#isEnding) this.#launch();
  }

  signal(name: NodeJS.Signals): boolean {
    const child = this.#child;
    if (child === null || child.exitCode !== null || child.signalCode !== null) return false;
    if (name === 'SIGKILL') this.#isKilled = true;
    if (name === 'SIGSTOP') this.isStopped = true;
    if (name === 'SIGCONT') this.isStopped = false;
    return child.kill(name);
  }

  async untilReady(): Promise<void> {
    if (this.isStopped) this.signal('SIGCONT');
    const deadline = Date.now() + READY_TIMEOUT_MS;
    while (!this.isReady) {
      if (Date.now() > deadline) throw new Error(`${this.slot} does not get ready; see its log`);
      await sleep(100);
    }
  }

  async metrics(): Promise<string | null> {
    try {
      const answer = await fetch(`http://127.0.0.1:${this.#port}/metrics`, {
        signal: AbortSignal.timeout(5_000),
      });
      return await answer.text();
    } catch {
      return null;
    }
  }

  async stop(): Promise<void> {
    this.#isEnding = true;
    this.signal('SIGKILL');
    const child = this.#child;
    while (child !== null && child.exitCode === null && child.signalCode === null) await sleep(20);
  }
}

/** @throws Error with what the migration said. */
export async function migrateDatabase(databaseUrl: string): Promise<void> {
  const script = join(CHECKOUT, 'scripts/db-migrate.ts');
  await promisify(execFile)(process.execPath, [script], {
    env: { ...process.env, DATABASE_URL: databaseUrl },
  });
}

/** Runs `bin/holdfast`; what it printed stays in a log. */
function runCli(env: NodeJS.ProcessEnv, log: string, words: readonly string[]): Promise<CliResult> {
  return new Promise((done) => {
    execFile(
      join(CHECKOUT, 'bin/holdfast'),
      [...words],
      { env, maxBuffer: 64 << 20, timeout: CLI_TIMEOUT_MS },
      (error, stdout, stderr) => {
        const code = error === null ? 0 : typeof error.code === 'number' ? error.code : 1;
        appendFileSync(log, `$ holdfast ${words.join(' ')}\n${stdout}${stderr}(${code})\n`);
        done({ code, stdout, stderr });
      },
    );
  });
}
