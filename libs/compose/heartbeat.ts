/** Heartbeat: a process tells of itself every few seconds, and drains when an operator wants it to. */
import { hostname } from 'node:os';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { packageVersion } from '#libs/runtime/version.ts';
import type { Clock } from '#ports/clock.ts';
import type { Log } from '#ports/log.ts';
import type { Overview } from '#ports/overview.ts';
import type { Activity } from '#steps/busy.ts';
import { repeat } from '#steps/repeat.ts';

const BEAT_MS = 3_000;
const PAIRS_TOLD = 100;
const LOOP_RESOLUTION_MS = 20;

export interface HeartbeatDeps {
  readonly app: string;
  readonly volumes: readonly string[];
  readonly overview: Pick<Overview, 'report' | 'forgetProcess'>;
  readonly clock: Clock;
  readonly log: Log;
  activity(): Activity;
  /** Asks this process to drain. */
  drain(): void;
}

/** @returns what ends it and takes the process off the list. */
export function startHeartbeat(deps: HeartbeatDeps): () => Promise<void> {
  const { app, volumes, overview, clock, log } = deps;
  const ended = new AbortController();
  const loop = monitorEventLoopDelay({ resolution: LOOP_RESOLUTION_MS });
  loop.enable();
  const self = {
    id: clock.uniqueId(),
    app,
    host: hostname(),
    pid: process.pid,
    version: packageVersion(),
    volumes,
    startedAt: new Date(clock.now()),
  };
  const beat = async (): Promise<void> => {
    const { concurrency, busy, pairs } = deps.activity();
    const loopLagMs = Math.max(0, Math.round(loop.max / 1e6) - LOOP_RESOLUTION_MS);
    loop.reset();
    const wantsDrain = await overview.report({
      ...self,
      concurrency,
      busy,
      holds: pairs.length,
      pairs: pairs.slice(0, PAIRS_TOLD),
      rss: process.memoryUsage.rss(),
      loopLagMs,
    });
    if (!wantsDrain || ended.signal.aborted) return;
    log.info({}, 'an operator wants this process to drain');
    deps.drain();
  };
  const beating = repeat(
    beat,
    { clock, log, pauseMs: BEAT_MS, what: 'telling of this process' },
    ended.signal,
  );
  return async () => {
    ended.abort();
    loop.disable();
    await beating;
    // With the database away it goes from the list by itself.
    await overview.forgetProcess(self.id).catch(() => undefined);
  };
}
