/**
 * Backlog: how much work the queues hold, for autoscaling. What is being worked on counts too,
 * or workers would be taken away in the middle of it.
 */
import { Gauge, Registry } from 'prom-client';
import type { JobQueue } from '#ports/job-queue.ts';

const COUNTED = new Set(['waiting', 'prioritized', 'active']);

export async function backlogMetrics(queue: Pick<JobQueue, 'depths'>): Promise<Registry> {
  const registry = new Registry();
  const jobs = new Gauge({
    name: 'holdfast_queue_jobs',
    help: 'Jobs in a queue, by state.',
    labelNames: ['queue', 'state'],
    registers: [registry],
  });
  const backlog = new Gauge({
    name: 'holdfast_queue_backlog_jobs',
    help: 'Jobs of a queue that wait or are worked on; what waits for its time is left out.',
    labelNames: ['queue'],
    registers: [registry],
  });
  const totals = new Map<string, number>();
  for (const { queue: name, state, jobs: count } of await queue.depths()) {
    jobs.set({ queue: name, state }, count);
    totals.set(name, (totals.get(name) ?? 0) + (COUNTED.has(state) ? count : 0));
  }
  for (const [name, count] of totals) backlog.set({ queue: name }, count);
  return registry;
}
