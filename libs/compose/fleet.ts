/**
 * Fleet: everything a process needs, built once from its configuration: database, queue,
 * sides, clock. Apps take what they use; nothing else knows how the parts are made.
 */
import { userInfo } from 'node:os';
import { type DeleteHoldPolicy, quietTimes } from '#core/delete-hold.ts';
import { type Database, openDatabase } from '#libs/archive-prisma/database.ts';
import { checkSchema } from '#libs/archive-prisma/migrate.ts';
import type { Config } from '#libs/config/load.ts';
import { environment } from '#libs/config/schema.ts';
import { openRedisMeter } from '#libs/limit-redis/meter.ts';
import type { Tracing } from '#libs/queue-bullmq/backend.ts';
import { openJobQueue } from '#libs/queue-bullmq/open.ts';
import { systemClock } from '#libs/runtime/clock.ts';
import type { Clock } from '#ports/clock.ts';
import type { Desk } from '#ports/desk.ts';
import { HoldfastError } from '#ports/errors.ts';
import type { JobQueue } from '#ports/job-queue.ts';
import type { Log } from '#ports/log.ts';
import type { Operator } from '#ports/operator.ts';
import type { Sides } from '#ports/sides.ts';
import type { Telemetry } from '#ports/telemetry.ts';
import { FleetLimits } from '#steps/fleet-limits.ts';
import { createDesk } from '#steps/operator/desk.ts';
import { FleetFollower } from '#steps/operator/follow-fleet.ts';
import { createOperator } from '#steps/operator/operator.ts';
import { recordedDesk, recordedOperator } from '#steps/operator/recorded.ts';
import type { PollPace } from '#steps/poll-pace.ts';
import { environmentExaminations } from './environment.ts';
import { createSides } from './sides.ts';

const DAY_MS = 24 * 60 * 60 * 1_000;

export interface Fleet {
  readonly database: Database;
  readonly queue: JobQueue;
  readonly sides: Sides;
  readonly clock: Clock;
  readonly pace: PollPace;
  readonly deleteHold: DeleteHoldPolicy;
  /** For the user of this process. */
  readonly operator: Operator;
  /** Follows nothing until it is run. */
  readonly follower: FleetFollower;
  /** For somebody else, in whose name changes are recorded. */
  as(actor: string): { readonly operator: Operator; readonly desk: Desk };
  /** Answers when database and queue do. */
  ping(): Promise<void>;
  close(): Promise<void>;
}

export interface FleetOptions {
  readonly config: Config;
  readonly log: Log;
  /** Told of what the parts do; nobody when left out. */
  readonly telemetry?: Telemetry;
  /** Carries traces through the queues; null while they are off. */
  readonly tracing?: Tracing | null;
}

/** @throws HoldfastError configuration-invalid, database-unreachable, queue-unreachable, schema-behind, schema-newer */
export async function openFleet({ config, log, telemetry, tracing }: FleetOptions): Promise<Fleet> {
  const { databaseUrl } = config;
  if (databaseUrl === null) {
    throw new HoldfastError(
      'configuration-invalid',
      'DATABASE_URL is not set; set it to a PostgreSQL URL such as postgresql://holdfast:PASSWORD@db.example.org/holdfast',
    );
  }
  await assertSchema(databaseUrl);
  const clock = systemClock;
  const told = telemetry === undefined ? {} : { telemetry };
  const database = openDatabase({ url: databaseUrl, poolSize: config.databasePool, log, ...told });
  const server = config.redisUrl === null ? { databaseUrl } : { redisUrl: config.redisUrl };
  const queue = await openJobQueue(server, {
    prefix: config.queuePrefix,
    clock,
    log,
    ...told,
    ...(tracing == null ? {} : { tracing }),
  });
  const meter =
    config.redisUrl === null ? null : openRedisMeter({ url: config.redisUrl, prefix: config.queuePrefix });
  const limits = new FleetLimits({ book: database.limits, meter, clock, log, ...told });
  const sides = createSides({
    clock,
    log,
    limits,
    readVariable: (name) => environment()[name],
    connections: config.concurrency + 16,
  });
  const pace = { baseMs: config.pollIntervalMs, maxMs: config.pollMaxIntervalMs };
  const deleteHold = deleteHoldOf(config);
  const { registry, archive, overview } = database;
  const trashMs = config.trashDays * DAY_MS;
  const deps = {
    registry,
    archive,
    overview,
    limits: database.limits,
    queue,
    sides,
    clock,
    pace,
    deleteHold,
    trashMs,
  };
  const follower = new FleetFollower({ overview, clock, log });
  const examinations = environmentExaminations({ database, queue, config });
  const as = (actor: string) => ({
    operator: recordedOperator(createOperator({ ...deps, actor }, examinations), actor, overview),
    desk: recordedDesk(createDesk({ ...deps, actor, follower }), actor, overview),
  });
  return {
    database,
    queue,
    sides,
    clock,
    pace,
    deleteHold,
    operator: as(processUser()).operator,
    follower,
    as,
    ping: async () => {
      await database.ping();
      await queue.ping();
    },
    close: async () => {
      await queue.close();
      await sides.close();
      await limits.close();
      await database.close();
    },
  };
}

/** A container may run as a user that has no name. */
function processUser(): string {
  try {
    return userInfo().username;
  } catch {
    return `user ${process.getuid?.() ?? 'unknown'}`;
  }
}

function deleteHoldOf(config: Config): DeleteHoldPolicy {
  return {
    percent: config.deleteHoldPercent,
    names: config.deleteHoldNames,
    windowMs: config.deleteHoldWindowMs,
    quiet: quietTimes(config.settleMs, config.pollIntervalMs),
    fleetPairs: config.fleetStopPairs,
    fleetWindowMs: config.fleetStopWindowMs,
  };
}

async function assertSchema(databaseUrl: string): Promise<void> {
  const state = await checkSchema(databaseUrl);
  if (state === 'current') return;
  if (state === 'newer') {
    throw new HoldfastError(
      'schema-newer',
      'the database was migrated by a newer Holdfast; upgrade this installation to that version',
    );
  }
  throw new HoldfastError(
    'schema-behind',
    `the database is ${state === 'empty' ? 'empty' : 'of an older version'}; run: npm run db:migrate`,
  );
}
