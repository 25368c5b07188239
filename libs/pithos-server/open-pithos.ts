// A Pithos with its data in a folder. A write first lets a test interfere, then
// takes the container locks, then runs a single transaction.

import { randomUUID } from 'node:crypto';
import { Locks } from './locks.ts';
import { type Hooks, joinPithos, type Pithos } from './pithos.ts';
import { openSqliteTables } from './sqlite-tables.ts';
import type { Clock } from './timestamps.ts';

export interface PithosOptions {
  readonly dir: string;
  readonly blockSize: number;
  readonly clock: Clock;
  readonly hooks: Hooks;
}

export function openPithos(options: PithosOptions): Pithos {
  const { dir, blockSize, clock, hooks } = options;
  const tables = openSqliteTables(dir);
  const locks = new Locks();
  const pithos = joinPithos(
    {
      tables,
      blockSize,
      clock,
      newUuid: randomUUID,
      turns: async (info, containers, work) => {
        await pithos.hooks.beforeLock?.(info);
        return locks.hold(containers, async () => {
          await pithos.hooks.underLock?.(info);
          return tables.transaction(work);
        });
      },
    },
    hooks,
  );
  return pithos;
}
