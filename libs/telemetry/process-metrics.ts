/**
 * Process metrics: what one process tells of its work, for Prometheus. Every process has all
 * of them, so that a dashboard asks for one name whatever does the work; what a process does
 * not do stays at nothing.
 */
import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { Telemetry, Told } from '#ports/telemetry.ts';

export interface ProcessMetrics {
  readonly registry: Registry;
  tell: Telemetry['tell'];
}

/** From a probe of a small file to a large one on a slow store. */
const WORK_SECONDS = [0.005, 0.025, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1_800];
/** A lag may be that of a delete which waited for an operator. */
const LAG_SECONDS = [0.1, 0.25, 0.5, 1, 2, 3, 5, 10, 30, 60, 300, 1_800, 7_200, 86_400];

/** @param version of this installation, told as a label of `holdfast_process_info`. */
export function processMetrics(processName: string, version: string): ProcessMetrics {
  const registry = new Registry();
  const registers = [registry];
  new Gauge({
    name: 'holdfast_process_info',
    help: 'Always 1; which process this is, of which version.',
    labelNames: ['process', 'version'],
    registers,
  }).set({ process: processName, version }, 1);
  const gauge = (name: string, help: string, labelNames: readonly string[] = []) =>
    new Gauge({ name, help, labelNames, registers });
  const counter = (name: string, help: string, labelNames: readonly string[] = []) =>
    new Counter({ name, help, labelNames, registers });
  const seconds = (
    name: string,
    help: string,
    labelNames: readonly string[] = [],
    buckets: number[] = WORK_SECONDS,
  ) => new Histogram({ name, help, labelNames, buckets, registers });

  const concurrency = gauge(
    'holdfast_worker_concurrency',
    'Jobs of a queue that this process works on at once, at most.',
    ['queue'],
  );
  const active = gauge('holdfast_worker_active_jobs', 'Jobs of a queue that this process works on now.', [
    'queue',
  ]);
  const jobWait = seconds(
    'holdfast_job_wait_seconds',
    'How long jobs waited in their queue before they were taken.',
    ['queue'],
  );
  const jobDuration = seconds('holdfast_job_duration_seconds', 'How long jobs were worked on.', [
    'queue',
    'outcome',
  ]);
  const pollerLag = seconds('holdfast_poller_lag_seconds', 'How long after its time a poll began.');
  const bytes = counter('holdfast_transfer_bytes_total', 'Bytes of content moved.', ['direction', 'outcome']);
  const transfer = seconds(
    'holdfast_transfer_duration_seconds',
    'How long the commit of one decision took, content included.',
    ['direction', 'outcome'],
  );
  const retries = counter('holdfast_transfer_retries_total', 'Attempts that failed, by error code.', [
    'reason',
  ]);
  const limited = counter(
    'holdfast_limit_wait_seconds_total',
    'Time that requests and pieces of content waited for a limit, or for a store that asked to slow down.',
    ['reason'],
  );
  const lag = seconds(
    'holdfast_sync_lag_seconds',
    'Time from when a change was first seen until both sides held it.',
    [],
    LAG_SECONDS,
  );
  const events = counter('holdfast_watcher_events_total', 'Names that change events told of.');
  const lost = counter(
    'holdfast_watcher_overflow_suspected_total',
    'Times that change events may have been lost, so that a full scan followed.',
  );
  const scan = seconds('holdfast_rescan_duration_seconds', 'How long full scans of a folder took.');
  const scanDrift = counter('holdfast_rescan_drift_files_total', 'Names that full scans found changed.');
  const poll = seconds('holdfast_poll_duration_seconds', 'How long listings of a container took.');
  const pollDrift = counter('holdfast_poll_drift_objects_total', 'Names that listings found changed.');

  const tell = (told: Told): void => {
    switch (told.kind) {
      case 'worker-started':
        concurrency.set({ queue: told.queue }, told.concurrency);
        active.set({ queue: told.queue }, 0);
        return;
      case 'job-taken':
        active.inc({ queue: told.queue });
        jobWait.observe({ queue: told.queue }, told.waitedMs / 1_000);
        if (told.queue === 'poll') pollerLag.observe(told.waitedMs / 1_000);
        return;
      case 'job-ended':
        active.dec({ queue: told.queue });
        jobDuration.observe({ queue: told.queue, outcome: told.outcome }, told.tookMs / 1_000);
        return;
      case 'transferred': {
        const { direction, outcome } = told;
        bytes.inc({ direction, outcome }, told.bytes);
        transfer.observe({ direction, outcome }, told.tookMs / 1_000);
        return;
      }
      case 'attempt-failed':
        retries.inc({ reason: told.code });
        return;
      case 'acknowledged':
        lag.observe(Math.max(0, told.lagMs) / 1_000);
        return;
      case 'limited':
        limited.inc({ reason: told.because }, told.waitedMs / 1_000);
        return;
      case 'events':
        events.inc(told.names);
        return;
      case 'events-lost':
        lost.inc();
        return;
      case 'scanned':
        scan.observe(told.tookMs / 1_000);
        scanDrift.inc(told.drift);
        return;
      case 'polled':
        poll.observe(told.tookMs / 1_000);
        pollDrift.inc(told.drift);
        return;
      default:
        told satisfies never;
    }
  };
  return { registry, tell };
}
