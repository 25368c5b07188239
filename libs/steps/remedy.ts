/** Remedy: what an operator does about a pair that was disabled, in one sentence that ends with the command. */
import type { ErrorCode } from '#ports/errors.ts';

/** A side that is not the pair's any more: only an operator can say that it shall be. */
const REPLACED: Readonly<Partial<Record<ErrorCode, string>>> = {
  'folder-unmarked': 'to make what is there now its folder',
  'container-replaced': 'to make what is there now its container',
  'container-missing': 'to have it made anew',
};

export function remedyOf(code: ErrorCode, pairName: string): string {
  const replaced = REPLACED[code];
  const itself = 'the pair goes on by itself within a minute once that is mended';
  const command = `holdfast pair resume ${pairName}`;
  return replaced === undefined
    ? `${itself}, or at once with: ${command}`
    : `${itself}; ${replaced} (nothing is deleted then), run: ${command}`;
}
