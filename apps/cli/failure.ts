/**
 * Failure: any thrown value as one sentence and an exit code. Nobody at a terminal is
 * helped by a stack trace, so none is ever printed.
 */
import { CommanderError } from 'commander';
import { EXIT_CODES, exitCodeOf } from '#libs/runtime/exit-codes.ts';
import { ServiceError } from '#libs/services/service-error.ts';
import { asHoldfastError, HoldfastError } from '#ports/errors.ts';
import { printable } from './terminal.ts';

export interface Failure {
  readonly code: string;
  /** One line. */
  readonly message: string;
  readonly exitCode: number;
}

export function describeFailure(thrown: unknown): Failure {
  if (thrown instanceof CommanderError) {
    // Help was printed because the verb has verbs of its own and none was given.
    const message = thrown.code === 'commander.help' ? 'a verb is missing' : thrown.message;
    return { code: 'usage', message: oneLine(message.replace(/^error: /, '')), exitCode: EXIT_CODES.usage };
  }
  if (thrown instanceof ServiceError) {
    return { code: thrown.code, message: oneLine(thrown.message), exitCode: EXIT_CODES.failed };
  }
  const error = asHoldfastError(thrown);
  return { code: error.code, message: oneLine(error.message), exitCode: exitCodeOf(error) };
}

function oneLine(message: string): string {
  return printable(message.replaceAll(/\s*\n\s*/g, ' ').trim());
}

/** Writes the failure to standard error; `isVerbose` adds what it was caused by. */
export function printFailure(thrown: unknown, isJson: boolean, isVerbose: boolean): number {
  const { code, message, exitCode } = describeFailure(thrown);
  if (isJson) {
    process.stderr.write(`${JSON.stringify({ error: { code, message } })}\n`);
    return exitCode;
  }
  process.stderr.write(`holdfast: ${message}\n`);
  if (isVerbose) for (const cause of causesOf(thrown)) process.stderr.write(`  caused by: ${cause}\n`);
  return exitCode;
}

function causesOf(thrown: unknown): string[] {
  const causes: string[] = [];
  let cause = thrown instanceof HoldfastError ? thrown.cause : thrown;
  while (cause instanceof Error && causes.length < 5) {
    causes.push(oneLine(`${cause.name}: ${cause.message}`));
    cause = cause.cause;
  }
  return causes;
}
