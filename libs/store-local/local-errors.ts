/** Local errors: system codes as the closed family of `ports/errors.ts`; nothing here retries. */
import { type ErrorCode, HoldfastError } from '#ports/errors.ts';
import { systemCode } from './file-system.ts';

const MEANING: Readonly<Record<string, readonly [ErrorCode, string]>> = {
  ENOSPC: ['disk-full', 'the volume has no space left; free some, the work then continues by itself'],
  EDQUOT: ['disk-full', 'the quota on the volume is used up; raise it or free space'],
  EROFS: ['folder-denied', 'the volume is mounted read-only; mount it writable'],
  EACCES: ['local-denied', 'permission is missing; give the service account access'],
  EPERM: ['local-denied', 'the operation is not permitted; look for immutable flags or foreign owners'],
  EXDEV: ['local-denied', 'another file system is mounted inside the folder; sync it as a pair of its own'],
  ENAMETOOLONG: ['name-unsyncable', 'the name is too long for this file system; rename it upstream'],
  EILSEQ: ['name-unsyncable', 'this file system cannot store the name; rename it upstream'],
  EFBIG: ['content-too-large', 'the file is larger than this file system allows'],
  EBUSY: ['local-busy', 'it is in use'],
  EAGAIN: ['local-busy', 'it is in use'],
  ETXTBSY: ['local-busy', 'it is in use'],
  EMFILE: ['local-busy', 'too many files are open; raise the limit of open files'],
  ENFILE: ['local-busy', 'too many files are open on this machine'],
};

/** Without the call and its path, which leads through a descriptor and tells a reader nothing. */
function textOf(error: Error): string {
  return systemCode(error) === undefined ? error.message : error.message.replace(/, \w+ '.*$/s, '');
}

/** Any failure of a primitive as one of ours. @param what the operation and its object, such as `pull "a/b"`. */
export function asLocalError(thrown: unknown, what: string): HoldfastError {
  if (thrown instanceof HoldfastError) return thrown;
  const code = systemCode(thrown);
  const known = code === undefined ? undefined : MEANING[code];
  if (known !== undefined) return new HoldfastError(known[0], `${what}: ${known[1]}`, { cause: thrown });
  const text = thrown instanceof Error ? textOf(thrown) : String(thrown);
  return new HoldfastError('local-io', `${what}: ${text}`, { cause: thrown });
}
