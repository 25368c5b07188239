/** Run app: what all processes have in common: configuration, log, signals, health, metrics, traces; fatal errors in one sentence. */
import type { Registry } from 'prom-client';
import { type Config, loadConfig } from '#libs/config/load.ts';
import { createLog } from '#libs/runtime/log.ts';
import { exitWithError, type RunningProcess, runProcess } from '#libs/runtime/start.ts';
import { packageVersion } from '#libs/runtime/version.ts';
import { type ProcessMetrics, processMetrics } from '#libs/telemetry/process-metrics.ts';
import { openTracing, type Tracing } from '#libs/telemetry/tracing.ts';
import type { Log } from '#ports/log.ts';
import type { Telemetry } from '#ports/telemetry.ts';
import type { Activity } from '#steps/busy.ts';
import type { Fleet } from './fleet.ts';
import { startHeartbeat } from './heartbeat.ts';

/** What an app gives back; `ready` resolves while its dependencies answer. */
export interface StartedApp {
  readonly fleet: Pick<Fleet, 'database' | 'clock'>;
  /** What operators see that it does. */
  activity(): Activity;
  ready(): Promise<void>;
  drain(budgetMs: number): Promise<void>;
  /** More than what every process tells, read when asked for. */
  metrics?(): Promise<Registry>;
}

export interface AppContext {
  readonly config: Config;
  readonly log: Log;
  readonly telemetry: Telemetry;
  /** Carries traces through the queues; null while they are off. */
  readonly tracing: Tracing['queue'] | null;
}

export async function runApp(
  name: string,
  start: (context: AppContext) => Promise<StartedApp>,
): Promise<void> {
  try {
    const config = loadConfig();
    const log = createLog({ name, level: config.logLevel });
    const metrics = processMetrics(name, packageVersion());
    const begin = async (): Promise<RunningProcess> => {
      const { otlpEndpoint: endpoint } = config;
      const options = { processName: name, version: packageVersion() };
      const traces = endpoint === null ? null : await openTracing({ ...options, endpoint });
      const span: Telemetry['span'] = traces?.span ?? ((_name, work) => work());
      const telemetry: Telemetry = { tell: metrics.tell, span };
      const app = await start({ config, log, telemetry, tracing: traces?.queue ?? null });
      return asProcess(app, { name, config, log, metrics, traces });
    };
    await runProcess({ name, config, log, start: begin });
  } catch (thrown) {
    exitWithError(thrown);
  }
}

interface Around {
  readonly name: string;
  readonly config: Config;
  readonly log: Log;
  readonly metrics: ProcessMetrics;
  readonly traces: Tracing | null;
}

function asProcess(app: StartedApp, { name, config, log, metrics, traces }: Around): RunningProcess {
  const endHeartbeat = startHeartbeat({
    app: name,
    volumes: config.volumes,
    overview: app.fleet.database.overview,
    clock: app.fleet.clock,
    log,
    activity: () => app.activity(),
    // As an orchestrator would ask.
    drain: () => process.kill(process.pid, 'SIGTERM'),
  });
  const ready = async (): Promise<boolean> => {
    await app.ready();
    return true;
  };
  return {
    ready: () => ready().catch(() => false),
    drain: async (budgetMs) => {
      await endHeartbeat();
      await app.drain(budgetMs);
      await traces?.close();
    },
    // What it can say without database and queue, it says also while they are away.
    metrics: async () => {
      const more = (await app.metrics?.().catch(() => null)) ?? null;
      return more === null ? [metrics.registry] : [metrics.registry, more];
    },
  };
}
