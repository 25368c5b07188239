/**
 * Stage: everything a workload runs on, started once for all of them: PostgreSQL that counts
 * statements, Redis, a counted Swift, the Pithos server, and a fleet with one process of each kind.
 */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type App, secretFile, startFleet, type TestFleet } from '#test/support/fleet.ts';
import type { LastFirst } from '#test/support/last-first.ts';
import { cpuSeconds, peakMiB, resetPeak } from './processes.ts';
import { benchDirectory, benchPostgres, benchRedis, countStatements, resetStatements } from './services.ts';
import { type CountedSwift, countedSwift, timed } from './stores.ts';

export const APPS: readonly App[] = ['watcher', 'poller', 'decider', 'transfer'];

/** What a piece of work cost the fleet and what it stands on. */
export interface FleetCost {
  readonly wallSeconds: number;
  /** All Holdfast processes together, without the command line that started the work. */
  readonly cpuSeconds: number;
  readonly databaseCpuSeconds: number;
  readonly queueCpuSeconds: number;
  readonly peakMiB: Readonly<Record<string, number>>;
  readonly statements: number;
  readonly requests: Readonly<Record<string, number>>;
}

export interface Stage {
  readonly dir: string;
  readonly swift: CountedSwift | null;
  readonly fleet: TestFleet;
  readonly databaseUrl: string;
  /** A new empty folder. */
  folder(name: string): Promise<string>;
  measure(work: () => Promise<unknown>): Promise<FleetCost>;
}

export async function openStage(
  undoing: LastFirst,
  env: Readonly<Record<string, string>> = {},
): Promise<Stage> {
  const dir = await benchDirectory(undoing, 'holdfast-bench-');
  const postgres = await benchPostgres(undoing, dir);
  const redis = await benchRedis(undoing, dir);
  const swift = await countedSwift(undoing, dir);
  const fleet = await startFleet(undoing, { databaseUrl: postgres.url, redisUrl: redis.url, env });
  if (swift !== null) {
    const secret = await secretFile(fleet, { user: swift.user, key: swift.key });
    await fleet.json(
      'store',
      'add',
      'swift',
      '--kind',
      'swift',
      '--url',
      swift.authUrl,
      '--secret-file',
      secret,
    );
  }
  const pids = (): number[] => APPS.flatMap((app) => fleet.pids(app));
  return {
    dir,
    swift,
    fleet,
    databaseUrl: postgres.url,
    folder: async (name) => {
      const path = join(dir, 'folders', name);
      await mkdir(path, { recursive: true });
      return path;
    },
    measure: async (work) => {
      for (const pid of pids()) await resetPeak(pid);
      await resetStatements(postgres.url);
      swift?.requests.reset();
      const before = [
        await cpuSeconds(pids()),
        await cpuSeconds([postgres.pid]),
        await cpuSeconds([redis.pid]),
      ];
      const wallSeconds = await timed(work);
      const after = [
        await cpuSeconds(pids()),
        await cpuSeconds([postgres.pid]),
        await cpuSeconds([redis.pid]),
      ];
      const [own, database, queue] = after.map((seconds, index) => seconds - (before[index] ?? 0));
      const peaks: Record<string, number> = {};
      for (const app of APPS)
        peaks[app] = Math.round(Math.max(...(await Promise.all(fleet.pids(app).map(peakMiB)))));
      return {
        wallSeconds,
        cpuSeconds: own ?? 0,
        databaseCpuSeconds: database ?? 0,
        queueCpuSeconds: queue ?? 0,
        peakMiB: peaks,
        statements: (await countStatements(postgres.url)).statements,
        requests: swift?.requests.byMethod ?? {},
      };
    },
  };
}
