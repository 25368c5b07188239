/** Database: opens the state database as the ports it implements. */
import type { Archive } from '#ports/archive.ts';
import type { FleetFigures } from '#ports/figures.ts';
import type { LimitBook } from '#ports/limits.ts';
import type { Overview } from '#ports/overview.ts';
import type { Registry } from '#ports/registry.ts';
import { createArchive } from './archive.ts';
import { type ConnectionOptions, connect } from './connection.ts';
import { createOverview } from './overview.ts';
import { createRegistry } from './registry.ts';
import { figures } from './sql/figures.ts';
import { createLimitBook } from './sql/limits.ts';

export interface Database {
  readonly registry: Registry;
  readonly archive: Archive;
  /** What the fleet has to do, over all pairs. */
  figures(): Promise<FleetFigures>;
  readonly overview: Overview;
  readonly limits: LimitBook;
  /** Answers when the database does. @throws HoldfastError database-unreachable */
  ping(): Promise<void>;
  /** The server's clock. */
  now(): Promise<Date>;
  /** Ends all sessions; the ports are unusable afterwards. */
  close(): Promise<void>;
}

/** Opens no connection yet: the first statement does. The schema must be current (migrate.ts). */
export function openDatabase(options: ConnectionOptions): Database {
  const connection = connect(options);
  return {
    registry: createRegistry(connection),
    archive: createArchive(connection, options.telemetry ?? null),
    figures: () => connection.guard(() => figures(connection.pool)),
    overview: createOverview(connection),
    limits: createLimitBook(connection),
    ping: () =>
      connection.guard(async () => {
        await connection.pool.query('SELECT 1');
      }),
    now: () =>
      connection.guard(async () => {
        const rows = await connection.pool.query<{ now: Date }>('SELECT now() AS now');
        return (rows[0] as { now: Date }).now;
      }),
    close: () => connection.close(),
  };
}
