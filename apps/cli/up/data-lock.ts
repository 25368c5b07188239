/**
 * Data lock: one `holdfast up` per data folder. The lock is SQLite's on an empty database,
 * since the kernel drops it however its holder dies, and nothing stale can be left behind.
 */
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { HoldfastError } from '#ports/errors.ts';
import { readUpFile } from '../up-file.ts';

export interface DataLock {
  release(): void;
}

/** @throws HoldfastError already-exists while another process holds it */
export function lockData(data: string): DataLock {
  const database = new DatabaseSync(join(data, 'up.lock'));
  try {
    database.exec('PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = DELETE; BEGIN EXCLUSIVE');
  } catch (thrown) {
    database.close();
    // 5 is SQLITE_BUSY; anything else, such as a full disk, is said as it is.
    if ((thrown as { errcode?: number }).errcode !== 5) throw thrown;
    const holder = readUpFile(join(data, 'up.json'));
    const where = holder === null ? '' : ` at ${holder.url} (process ${holder.pid})`;
    throw new HoldfastError(
      'already-exists',
      `another holdfast up already works on ${data}${where}; stop that one first, or give another folder: holdfast up --data DIR`,
      { cause: thrown },
    );
  }
  return { release: () => database.close() };
}
