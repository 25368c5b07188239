/**
 * Start: the life of one process, the same for every app.
 *
 *   starting -> ready -> draining -> exit 0
 *       \          \         \
 *        failed     failed    out of time, or asked twice: exit 1
 *
 * SIGTERM, SIGINT and the death of a parent with an IPC channel all ask it to drain.
 */
import type { Registry } from 'prom-client';
import { asHoldfastError, HoldfastError } from '#ports/errors.ts';
import type { Log } from '#ports/log.ts';
import { EXIT_CODES, exitCodeOf } from './exit-codes.ts';
import { type ProcessHttp, readyInTime, startProcessHttp } from './http.ts';
import { redactText } from './redact.ts';
import { keepYoungHeapSmall } from './young-heap.ts';

/** What is left for closing connections after the drain budget. */
const CLOSE_MS = 3_000;

export interface RunningProcess {
  /** Whether the process does its work just now: asked by `/readyz` and by the parent. */
  ready(): Promise<boolean>;
  /** Stops taking work, ends what runs within the budget in milliseconds, closes everything. */
  drain(budgetMs: number): Promise<void>;
  /** Asked by `/metrics`. */
  metrics(): Promise<readonly Registry[]>;
}

export interface ProcessOptions {
  readonly name: string;
  readonly config: { readonly drainMs: number; readonly httpPort: number };
  readonly log: Log;
  /** @throws HoldfastError: said in one sentence on standard error; the process exits non-zero */
  start(): Promise<RunningProcess>;
}

/** Runs until asked to stop; ends the process itself. Resolves once it has started. */
export async function runProcess(options: ProcessOptions): Promise<void> {
  const { name, config, log } = options;
  keepYoungHeapSmall();
  let running: RunningProcess | null = null;
  let http: ProcessHttp | null = null;
  let isDraining = false;
  const isReady = async () => running !== null && !isDraining && (await running.ready());

  const stop = async (reason: string) => {
    if (isDraining) {
      log.warn({ reason }, `${name} was asked to stop again and stops at once`);
      process.exit(EXIT_CODES.failed);
    }
    isDraining = true;
    log.info({ reason, budgetMs: config.drainMs }, `${name} drains`);
    setTimeout(() => {
      log.error({}, `${name} did not drain in time and stops at once`);
      process.exit(EXIT_CODES.failed);
    }, config.drainMs + CLOSE_MS);
    await running?.drain(config.drainMs);
    await http?.close();
    log.info({}, `${name} has stopped`);
    process.exit(EXIT_CODES.done);
  };
  const ask = (reason: string) => {
    stop(reason).catch((thrown: unknown) => {
      log.error({ error: thrown }, `${name} could not drain`);
      process.exit(EXIT_CODES.failed);
    });
  };
  process.on('SIGTERM', () => ask('SIGTERM'));
  process.on('SIGINT', () => ask('SIGINT'));
  dieOnUnhandled(name, log);
  talkToParent(isReady, () => {
    if (!isDraining) ask('the parent process is gone');
  });

  try {
    if (config.httpPort !== 0) {
      // All addresses: an orchestrator asks the address of the container, not its loopback.
      http = await startProcessHttp({
        port: config.httpPort,
        host: '0.0.0.0',
        isReady,
        metrics: async () => (await running?.metrics()) ?? [],
      }).catch((thrown: unknown) => {
        throw new HoldfastError(
          'configuration-invalid',
          `Port ${config.httpPort} cannot be used (${asHoldfastError(thrown).message}): free it or change HOLDFAST_HTTP_PORT.`,
          { cause: thrown },
        );
      });
    }
    running = await options.start();
    log.info({}, `${name} has started`);
  } catch (thrown) {
    // One of ours says all there is in its sentence; of any other the stack is wanted.
    if (!(thrown instanceof HoldfastError)) log.error({ error: thrown }, `${name} could not start`);
    exitWithError(thrown);
  }
}

/** Says the error in one sentence on standard error and ends the process with its exit code. */
export function exitWithError(thrown: unknown): never {
  const error = asHoldfastError(thrown);
  process.stderr.write(`${redactText(error.message).replaceAll(/\s+/g, ' ')}\n`);
  process.exit(exitCodeOf(error));
}

/** After an error that nobody handles, no state of the process can be trusted; a new one starts clean. */
function dieOnUnhandled(name: string, log: Log): void {
  const die = (thrown: unknown) => {
    log.error({ error: thrown }, `${name} met an error that nobody handles and stops at once`);
    process.exit(EXIT_CODES.failed);
  };
  process.on('unhandledRejection', die);
  process.on('uncaughtException', die);
}

/** A parent that started this process with an IPC channel asks `{ask: 'ready'}`; a closed channel means that it died. */
function talkToParent(isReady: () => Promise<boolean>, onGone: () => void): void {
  if (process.send === undefined) return;
  process.on('message', async (message: unknown) => {
    if (typeof message !== 'object' || message === null || !('ask' in message) || message.ask !== 'ready')
      return;
    const ready = await readyInTime(isReady);
    if (process.connected) process.send?.({ ready });
  });
  process.on('disconnect', onGone);
}
