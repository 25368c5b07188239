/** Exit codes: what other programs may rely on (design section 9). */
import type { HoldfastError } from '#ports/errors.ts';

export const EXIT_CODES = { done: 0, failed: 1, usage: 2, timedOut: 3 } as const;

/** The exit code of a command that ended with this error. */
export function exitCodeOf(error: HoldfastError): number {
  if (error.code === 'timed-out') return EXIT_CODES.timedOut;
  return error.code === 'usage' ? EXIT_CODES.usage : EXIT_CODES.failed;
}
