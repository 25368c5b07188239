/**
 * Rename without replacing: what `mv -n` does, in one step of the kernel, so that a user's rename
 * never takes away a file which the engine put there at that very moment.
 */
import { getSystemErrorName } from 'node:util';
import koffi from 'koffi';

const AT_CWD = -100;
const NO_REPLACE = 1;

const renameAt = koffi
  .load(null)
  .func('int renameat2(int olddirfd, const char *oldpath, int newdirfd, const char *newpath, uint flags)');

/** @throws Error with the code of the system, EEXIST when there is something at the new name. */
export function renameNoReplace(from: string, to: string): void {
  if (renameAt(AT_CWD, from, AT_CWD, to, NO_REPLACE) === 0) return;
  const code = getSystemErrorName(-koffi.errno());
  throw Object.assign(new Error(`${code}: rename ${from} to ${to}`), { code });
}
