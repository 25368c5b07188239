/** Verb: what every verb of the command line is given. */
import type { Operator } from '#ports/operator.ts';
import type { Terminal } from '../terminal.ts';

export interface CommandContext {
  readonly terminal: Terminal;
  readonly env: NodeJS.ProcessEnv;
  /** Connects, works and disconnects. @throws what `work` throws; HoldfastError when nothing can be reached. */
  withOperator<Result>(work: (operator: Operator) => Promise<Result>): Promise<Result>;
  /** The exit code of a verb that ends without a failure of its own, such as a doctor who found something. */
  leaveWith(exitCode: number): void;
}

/** For options that may be given several times. */
export function collect(value: string, earlier: readonly string[]): readonly string[] {
  return [...earlier, value];
}

/** Examples below the help of a verb. */
export function examples(...lines: readonly string[]): string {
  return `\nExample${lines.length > 1 ? 's' : ''}:\n${lines.map((line) => `  $ holdfast ${line}`).join('\n')}`;
}
