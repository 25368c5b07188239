/**
 * Modified at: sets a file's times to the nanosecond. Node takes them as a floating-point
 * number of seconds, which loses everything below a microsecond, and two sides with
 * different times would look different to every other tool; so the system call is made.
 */
import { getSystemErrorName } from 'node:util';
import koffi from 'koffi';

const NS_PER_SECOND = 1_000_000_000n;

const system = koffi.load(null);
const futimens: (fd: number, times: readonly bigint[]) => number = system.func(
  'int futimens(int fd, const int64_t *times)',
);

/** @param mtimeNs nanoseconds since the epoch, also before it. @throws Error with the system's `code` */
export function setModifiedAt(fd: number, mtimeNs: bigint): void {
  const nanoseconds = ((mtimeNs % NS_PER_SECOND) + NS_PER_SECOND) % NS_PER_SECOND;
  const seconds = (mtimeNs - nanoseconds) / NS_PER_SECOND;
  if (futimens(fd, [seconds, nanoseconds, seconds, nanoseconds]) !== 0) {
    const code = getSystemErrorName(-koffi.errno());
    throw Object.assign(new Error(`${code}: the time of a file cannot be set`), { code });
  }
}
