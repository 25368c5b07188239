/**
 * Log file: appended to, and moved to `<file>.1` when it has grown to its limit, so that a
 * process keeps at most twice the limit on disk.
 */
import { closeSync, fstatSync, openSync, renameSync, writeSync } from 'node:fs';

const LIMIT_BYTES = 8 << 20;

export interface LogFile {
  write(chunk: Uint8Array | string): void;
  close(): void;
}

export function openLogFile(file: string, limitBytes: number = LIMIT_BYTES): LogFile {
  const open = (): number => openSync(file, 'a', 0o640);
  let descriptor = open();
  let size = fstatSync(descriptor).size;
  return {
    write(chunk) {
      const bytes = typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
      if (size > 0 && size + bytes.length > limitBytes) {
        closeSync(descriptor);
        renameSync(file, `${file}.1`);
        descriptor = open();
        size = 0;
      }
      size += writeSync(descriptor, bytes);
    },
    close: () => closeSync(descriptor),
  };
}
