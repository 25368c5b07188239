/**
 * Child: one app as a child process, started again whenever it ends. It leads a session of
 * its own, so that Ctrl-C reaches only the supervisor, which then ends all in order; a child
 * whose supervisor is gone notices that its channel closed and ends by itself.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { type BackoffPolicy, backoffMs } from '#core/backoff.ts';
import type { Log } from '#ports/log.ts';

/** The first restart comes within a second. */
const RESTART: BackoffPolicy = { firstMs: 500, maxMs: 15_000 };
/** A child that lived this long starts its delays from the beginning. */
const STEADY_MS = 30_000;
const ASK_WAITING_MS = 100;
const ASK_READY_MS = 1_000;
/** A child that does not even say that it is not ready for this long is stuck. */
const ANSWER_MS = 10_000;

export interface ChildOptions {
  /** Folder below `apps`. */
  readonly app: string;
  /** Asked at every start, since the database may have moved. */
  readonly env: () => Promise<NodeJS.ProcessEnv>;
  /** Takes what the child writes to both its outputs. */
  readonly onOutput: (chunk: Uint8Array) => void;
  readonly log: Log;
}

/** What is known of a child, for readiness, metrics and the person who waits. */
export interface ChildCondition {
  readonly app: string;
  readonly isReady: boolean;
  readonly pid: number | null;
  readonly restarts: number;
  /** Why it is not ready; empty while it is. */
  readonly reason: string;
}

export class Child {
  readonly #options: ChildOptions;
  #process: ChildProcess | null = null;
  /** When the child last said that it is ready, on the monotonic clock; null when it last said otherwise. */
  #readyAt: number | null = null;
  #reason = 'starting';
  #restarts = 0;
  readonly #ended = new AbortController();
  readonly #running: Promise<void>;

  constructor(options: ChildOptions) {
    this.#options = options;
    this.#running = this.#keepRunning();
  }

  get condition(): ChildCondition {
    const isReady = this.#readyAt !== null && performance.now() - this.#readyAt < ANSWER_MS;
    return {
      app: this.#options.app,
      isReady,
      pid: this.#process?.pid ?? null,
      restarts: this.#restarts,
      reason: isReady ? '' : this.#reason,
    };
  }

  /** Ends the current process; another one follows. For when its environment changed. */
  renew(): void {
    this.#process?.kill('SIGTERM');
  }

  /** Asks the child to finish; kills it when it takes longer than the budget or `hurry` is aborted. */
  async stop(budgetMs: number, hurry: AbortSignal): Promise<void> {
    this.#ended.abort();
    const kill = (): void => void this.#process?.kill('SIGKILL');
    this.#process?.kill('SIGTERM');
    const timer = setTimeout(kill, budgetMs);
    hurry.addEventListener('abort', kill);
    if (hurry.aborted) kill();
    await this.#running;
    clearTimeout(timer);
    hurry.removeEventListener('abort', kill);
  }

  async #keepRunning(): Promise<void> {
    for (let failures = 0; !this.#ended.signal.aborted; ) {
      const startedAt = performance.now();
      const env = await this.#options.env();
      if (this.#ended.signal.aborted) return;
      const how = await this.#runOnce(env);
      if (this.#ended.signal.aborted) return;
      failures = performance.now() - startedAt > STEADY_MS ? 1 : failures + 1;
      const delayMs = backoffMs(RESTART, failures, Math.random());
      this.#restarts += 1;
      this.#reason = `${how}; started again`;
      this.#options.log.warn(
        { app: this.#options.app, how, delayMs },
        'a process ended; it is started again',
      );
      await sleep(delayMs, undefined, { signal: this.#ended.signal }).catch(() => {});
    }
  }

  /** @returns how it ended, in words. */
  #runOnce(env: NodeJS.ProcessEnv): Promise<string> {
    const { app, onOutput } = this.#options;
    const main = fileURLToPath(new URL(`../../${app}/main.ts`, import.meta.url));
    const child = fork(main, [], {
      detached: true,
      env,
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    this.#process = child;
    child.stdout?.on('data', onOutput);
    child.stderr?.on('data', onOutput);
    child.on('message', (message) => this.#hear(message));
    const asking = new AbortController();
    void this.#askWhether(child, asking.signal);
    return new Promise((resolve) => {
      const end = (how: string): void => {
        asking.abort();
        this.#process = null;
        this.#readyAt = null;
        resolve(how);
      };
      child.on('error', (error) => {
        // One that runs also gets here, when a message to it comes too late; its exit follows.
        if (child.pid === undefined) end(`could not start (${error.message})`);
      });
      child.once('exit', (code, signal) =>
        end(signal === null ? `ended with ${code}` : `ended by ${signal}`),
      );
    });
  }

  async #askWhether(child: ChildProcess, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      // A child that is just dying is told apart by its exit, not by the message it did not get.
      if (child.connected) child.send({ ask: 'ready' }, () => {});
      const pauseMs = this.#readyAt === null ? ASK_WAITING_MS : ASK_READY_MS;
      await sleep(pauseMs, undefined, { signal }).catch(() => {});
    }
  }

  #hear(message: unknown): void {
    if (typeof message !== 'object' || message === null || !('ready' in message)) return;
    const wasReady = this.#readyAt !== null;
    this.#readyAt = message.ready === true ? performance.now() : null;
    if (wasReady && this.#readyAt === null) this.#reason = 'says that it does not work';
  }
}
