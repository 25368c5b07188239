/** Environment: what `holdfast doctor` looks at besides the pairs: database, queue, system limits, clock. */
import { readFile } from 'node:fs/promises';
import type { Database } from '#libs/archive-prisma/database.ts';
import type { Config } from '#libs/config/load.ts';
import { redisPolicy } from '#libs/queue-bullmq/redis-policy.ts';
import { HoldfastError } from '#ports/errors.ts';
import type { JobQueue } from '#ports/job-queue.ts';
import type { Examination } from '#steps/operator/doctor.ts';

export interface EnvironmentDeps {
  readonly database: Database;
  readonly queue: JobQueue;
  readonly config: Config;
}

const FEW_WATCHES = 100_000;
const CLOCK_SKEW_MS = 5_000;

export function environmentExaminations({
  database,
  queue,
  config,
}: EnvironmentDeps): readonly Examination[] {
  const { redisUrl } = config;
  return [
    {
      name: 'database',
      examine: async () => {
        await database.ping();
        return 'PostgreSQL answers and its schema is current';
      },
    },
    {
      name: 'clock',
      examine: async () => {
        const skewMs = Math.abs((await database.now()).getTime() - Date.now());
        if (skewMs <= CLOCK_SKEW_MS) return `this clock and the database's differ by ${skewMs} ms`;
        throw new HoldfastError(
          'configuration-invalid',
          `this clock and the database's differ by ${skewMs} ms; run a time service on both`,
        );
      },
    },
    {
      name: 'queue',
      examine: async () => {
        await queue.ping();
        if (redisUrl === null) return 'queues are kept in PostgreSQL; production uses Redis (set REDIS_URL)';
        const policy = await redisPolicy(redisUrl);
        if (policy === 'noeviction') return 'Redis answers, maxmemory-policy noeviction';
        throw new HoldfastError(
          'configuration-invalid',
          `Redis may drop jobs: its maxmemory-policy is ${policy}; run: redis-cli config set maxmemory-policy noeviction`,
        );
      },
    },
    { name: 'inotify limit', examine: inotifyLimit },
  ];
}

async function inotifyLimit(): Promise<string> {
  const watches = Number(await readFile('/proc/sys/fs/inotify/max_user_watches', 'utf8'));
  if (watches >= FEW_WATCHES) return `${watches} directories can be watched by this user`;
  throw new HoldfastError(
    'configuration-invalid',
    `only ${watches} directories can be watched; raise it: sysctl fs.inotify.max_user_watches=524288`,
  );
}
