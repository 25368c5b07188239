/**
 * Fleet metrics: what the whole fleet has to do, read from database and queue when somebody
 * asks, and served by the console. The backlog counts what is being worked on too, or workers
 * would be taken away in the middle of it, and leaves paused pairs out, for which none is needed.
 */
import { Gauge, Registry } from 'prom-client';
import type { FleetFigures } from '#ports/figures.ts';
import type { JobQueue } from '#ports/job-queue.ts';

export interface FleetMetricsDeps {
  readonly queue: Pick<JobQueue, 'depths' | 'waits'>;
  figures(): Promise<FleetFigures>;
  /** Milliseconds since the epoch. */
  now(): number;
}

/** Several scrapers and autoscalers ask at about the same time: they get the same answer. */
const KEPT_MS = 3_000;
const COUNTED = new Set(['waiting', 'prioritized', 'active']);
const QUANTILES = [0.5, 0.95, 0.99, 1] as const;

/** @returns asks anew at most every three seconds. */
export function fleetMetrics(deps: FleetMetricsDeps): () => Promise<Registry> {
  let kept: { readonly at: number; readonly registry: Promise<Registry> } | null = null;
  return () => {
    const now = deps.now();
    if (kept !== null && now - kept.at < KEPT_MS) return kept.registry;
    const registry = readFleet(deps);
    kept = { at: now, registry };
    registry.catch(() => {
      kept = null;
    });
    return registry;
  };
}

async function readFleet({ queue, figures, now }: FleetMetricsDeps): Promise<Registry> {
  const [found, depths, waits] = await Promise.all([figures(), queue.depths(), queue.waits()]);
  const registry = new Registry();
  const gauge = (name: string, help: string, ...labelNames: string[]) =>
    new Gauge({ name, help, labelNames, registers: [registry] });

  const pairs = gauge('holdfast_pairs', 'Pairs by condition.', 'condition');
  for (const [condition, count] of Object.entries(found.pairs)) pairs.set({ condition }, count);
  gauge('holdfast_pairs_watched', 'Active pairs that a watcher holds.').set(found.watched);
  gauge('holdfast_pairs_behind', 'Active pairs with a change that is not on both sides.').set(
    found.lagsMs.length,
  );
  gauge('holdfast_pairs_deletes_held', 'Pairs whose deletes wait for an operator.').set(found.deletesHeld);

  const lag = gauge(
    'holdfast_pair_lag_seconds',
    'Age of the oldest undone change over active pairs; 0 for those in sync.',
    'quantile',
  );
  const success = gauge(
    'holdfast_folder_last_success_timestamp_seconds',
    'When active pairs were last known to be in sync: now, unless a change is undone since then.',
    'quantile',
  );
  for (const quantile of QUANTILES) {
    const seconds = quantileOf(found.lagsMs, found.pairs.active, quantile) / 1_000;
    lag.set({ quantile: String(quantile) }, seconds);
    success.set({ quantile: String(Math.round((1 - quantile) * 100) / 100) }, now() / 1_000 - seconds);
  }

  const candidates = gauge(
    'holdfast_backlog_candidates',
    'Names of active pairs to be looked at now, by volume.',
    'volume',
  );
  const decisions = gauge(
    'holdfast_backlog_decisions',
    'Decisions of active pairs to be carried out or being carried out now, by volume.',
    'volume',
  );
  for (const volume of found.backlog) {
    candidates.set({ volume: volume.volume }, volume.candidates);
    decisions.set({ volume: volume.volume }, volume.decisions);
  }
  const problems = gauge('holdfast_problems', 'Open problems by code.', 'code');
  for (const { code, names } of found.problems) problems.set({ code }, names);

  const jobs = gauge('holdfast_queue_jobs', 'Jobs in a queue, by state.', 'queue', 'state');
  const backlog = gauge(
    'holdfast_queue_backlog_jobs',
    'Jobs of a queue that wait or are worked on; what waits for its time is left out.',
    'queue',
  );
  const totals = new Map<string, number>();
  for (const { queue: name, state, jobs: count } of depths) {
    jobs.set({ queue: name, state }, count);
    totals.set(name, (totals.get(name) ?? 0) + (COUNTED.has(state) ? count : 0));
  }
  for (const [name, count] of totals) backlog.set({ queue: name }, count);
  const oldest = gauge(
    'holdfast_queue_oldest_job_age_seconds',
    'How long the job that waits longest could have been taken.',
    'queue',
  );
  for (const { queue: name, oldestMs } of waits) oldest.set({ queue: name }, oldestMs / 1_000);
  return registry;
}

/** Over all active pairs, of which those without an entry have no lag. */
function quantileOf(lagsMs: readonly number[], pairs: number, quantile: number): number {
  const rank = Math.ceil(quantile * Math.max(pairs, lagsMs.length)) - 1;
  return lagsMs[rank - (Math.max(pairs, lagsMs.length) - lagsMs.length)] ?? 0;
}
