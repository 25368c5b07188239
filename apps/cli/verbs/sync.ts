/** `holdfast sync`: full scan and full poll now, and with --wait until the pair is quiet. */
import { setTimeout as sleep } from 'node:timers/promises';
import { SingleBar } from 'cli-progress';
import type { Command } from 'commander';
import { ERROR_GRADES, type ErrorCode, HoldfastError } from '#ports/errors.ts';
import type { Operator, SyncProgress, SyncTicket } from '#ports/operator.ts';
import type { Terminal } from '../terminal.ts';
import { counted, durationText, parseDuration, sizeText } from '../wording.ts';
import { type CommandContext, examples } from './verb.ts';

const DEFAULT_TIMEOUT_MS = 600_000;
const FIRST_LOOK_MS = 200;
const LAST_LOOK_MS = 1_000;

interface SyncOptions {
  readonly wait?: boolean;
  readonly timeout?: number;
}

export function addSyncVerb(program: Command, { terminal, withOperator }: CommandContext): void {
  program
    .command('sync')
    .description('look at both sides of a pair in full, now')
    .argument('<name>')
    .option(
      '--wait',
      'return when the pair is quiet; problems and held deletes do not keep it from being quiet',
    )
    .option(
      '--timeout <duration>',
      'wait at most this long, such as 60s or 5m (default 10m); implies --wait',
      parseDuration,
    )
    .addHelpText('after', examples('sync docs', 'sync docs --wait --timeout 60s'))
    .action(async (name: string, options: SyncOptions) => {
      await withOperator(async (operator) => {
        const ticket = await operator.sync(name);
        if (options.wait === true || options.timeout !== undefined) {
          await waitUntilQuiet(operator, ticket, options.timeout ?? DEFAULT_TIMEOUT_MS, terminal);
        } else {
          terminal.result(ticket, () => [
            `asked for a full scan and poll of ${name}; to wait for it: holdfast sync ${name} --wait`,
          ]);
        }
      });
    });
}

async function waitUntilQuiet(
  operator: Operator,
  ticket: SyncTicket,
  timeoutMs: number,
  terminal: Terminal,
): Promise<void> {
  const startedAt = performance.now();
  const elapsedMs = (): number => performance.now() - startedAt;
  const bar = terminal.isWatched ? openBar() : null;
  let progress: SyncProgress | null = null;
  try {
    for (let pauseMs = FIRST_LOOK_MS; ; pauseMs = Math.min(pauseMs * 1.2, LAST_LOOK_MS)) {
      progress = (await look(operator, ticket)) ?? progress;
      if (progress !== null) {
        bar?.show(progress, elapsedMs());
        // A disabled pair may have nothing left to do, but it does not sync.
        assertGoesOn(ticket.pair, progress);
        if (progress.quiet) break;
      }
      const leftMs = timeoutMs - elapsedMs();
      if (leftMs <= 0) throw timedOut(ticket.pair, progress, timeoutMs);
      await sleep(Math.min(pauseMs, leftMs));
    }
  } finally {
    bar?.close();
  }
  const { filesDone: files, bytesDone: bytes, problems, heldDeletes } = progress;
  const seconds = Math.round(elapsedMs()) / 1000;
  terminal.result({ pair: ticket.pair, quiet: true, files, bytes, problems, heldDeletes, seconds }, () => [
    `${ticket.pair} is quiet: ${counted(files, 'file')} (${sizeText(bytes)}) in ${durationText(elapsedMs())}` +
      (problems > 0 ? `; ${counted(problems, 'problem')}: holdfast problems ${ticket.pair}` : '') +
      (heldDeletes > 0
        ? `; ${counted(heldDeletes, 'held delete')}: holdfast deletes ${ticket.pair} list`
        : ''),
  ]);
}

/** A database that is away for a moment is waited for like any other delay. @returns null when it is away. */
async function look(operator: Operator, ticket: SyncTicket): Promise<SyncProgress | null> {
  try {
    return await operator.progress(ticket);
  } catch (thrown) {
    if (thrown instanceof HoldfastError && thrown.grade === 'transient') return null;
    throw thrown;
  }
}

function assertGoesOn(pair: string, { disabled, paused }: SyncProgress): void {
  if (disabled !== null) {
    const code = disabled.code in ERROR_GRADES ? (disabled.code as ErrorCode) : 'store-refused';
    throw new HoldfastError(code, `pair "${pair}" is disabled: ${disabled.reason}`);
  }
  if (paused) {
    throw new HoldfastError(
      'local-busy',
      `pair "${pair}" was paused meanwhile; run: holdfast pair resume ${pair}`,
    );
  }
}

function timedOut(pair: string, progress: SyncProgress | null, timeoutMs: number): HoldfastError {
  const left: string[] = [];
  if (progress === null) left.push('the database did not answer');
  else {
    if (!progress.scanDone) left.push('the scan of the folder has not ended');
    if (!progress.pollDone) left.push('the poll of the container has not ended');
    if (progress.filesToDo > 0) {
      left.push(`${counted(progress.filesToDo, 'name')} to do (${sizeText(progress.bytesToDo)})`);
    }
  }
  return new HoldfastError(
    'timed-out',
    `pair "${pair}" was not quiet after ${durationText(timeoutMs)}: ${left.join(', ')}; it goes on by itself, look with: holdfast status ${pair}`,
  );
}

interface Bar {
  show(progress: SyncProgress, elapsedMs: number): void;
  close(): void;
}

function openBar(): Bar {
  const bar = new SingleBar({
    format: '{bar} {text}',
    barsize: 24,
    barCompleteChar: '#',
    barIncompleteChar: '-',
    hideCursor: true,
    clearOnComplete: true,
    autopadding: false,
  });
  bar.start(1, 0, { text: 'looking at both sides' });
  return {
    show: (progress, elapsedMs) => {
      const total = progress.filesDone + progress.filesToDo;
      bar.setTotal(Math.max(1, total));
      bar.update(progress.filesDone, { text: barText(progress, elapsedMs) });
    },
    close: () => bar.stop(),
  };
}

function barText(progress: SyncProgress, elapsedMs: number): string {
  const { filesDone, filesToDo, bytesDone, bytesToDo } = progress;
  const perMs = bytesDone / Math.max(1, elapsedMs);
  const rate = bytesDone > 0 ? `, ${sizeText(Math.round(perMs * 1000))}/s` : '';
  const left = perMs > 0 && bytesToDo > 0 ? `, ${durationText(bytesToDo / perMs)} left` : '';
  const sizes = `${sizeText(bytesDone)} of ${sizeText(bytesDone + bytesToDo)}`;
  const looking = progress.scanDone && progress.pollDone ? '' : ', still looking';
  return `${filesDone} of ${filesDone + filesToDo} names, ${sizes}${rate}${left}${looking}`;
}
