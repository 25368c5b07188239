/** The dashboard and the alert rules ask only for what some process tells. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { collectDefaultMetrics, Registry } from 'prom-client';
import { parse } from 'yaml';
import { fleetMetrics } from '#libs/telemetry/fleet-metrics.ts';
import { processMetrics } from '#libs/telemetry/process-metrics.ts';

const MONITORING = join(import.meta.dirname, '../../deploy/monitoring');

interface Rules {
  readonly groups: readonly {
    readonly rules: readonly {
      readonly alert: string;
      readonly expr: string;
      readonly annotations: { readonly summary: string; readonly description: string };
    }[];
  }[];
}

interface Dashboard {
  readonly panels: readonly {
    readonly title: string;
    readonly targets?: readonly { readonly expr: string }[];
  }[];
}

const rules = (parse(readFileSync(join(MONITORING, 'alerts.yaml'), 'utf8')) as Rules).groups.flatMap(
  (group) => group.rules,
);
const { panels } = JSON.parse(readFileSync(join(MONITORING, 'dashboard.json'), 'utf8')) as Dashboard;

/** Metric names with the labels each can have, as Prometheus will see them. */
async function told(): Promise<ReadonlyMap<string, ReadonlySet<string>>> {
  const node = new Registry();
  collectDefaultMetrics({ register: node, prefix: 'holdfast_' });
  const fleet = await fleetMetrics({
    now: () => 0,
    figures: async () => ({
      pairs: { active: 1, paused: 0, disabled: 0 },
      watched: 1,
      deletesHeld: 0,
      lagsMs: [],
      backlog: [{ volume: 'default', candidates: 0, decisions: 0 }],
      problems: [{ code: 'local-denied', names: 1 }],
    }),
    queue: {
      depths: async () => [{ queue: 'poll', state: 'waiting', jobs: 0 }],
      waits: async () => [{ queue: 'poll', oldestMs: 0 }],
    },
  })();
  const names = new Map<string, Set<string>>();
  for (const registry of [node, processMetrics('test', '0').registry, fleet]) {
    for (const { name } of await registry.getMetricsAsJSON()) {
      const metric = registry.getSingleMetric(name) as unknown as {
        labelNames: string[];
        constructor: { name: string };
      };
      const labels = new Set(metric.labelNames);
      if (metric.constructor.name === 'Histogram') {
        names.set(`${name}_bucket`, new Set([...labels, 'le']));
        names.set(`${name}_sum`, labels);
        names.set(`${name}_count`, labels);
      } else names.set(name, labels);
    }
  }
  return names;
}

/** What a scraper adds. */
const ADDED = ['job', 'instance'];

async function assertTold(expression: string, where: string): Promise<void> {
  const known = await told();
  const used = expression.match(/\bholdfast_\w+/g) ?? [];
  assert.ok(used.length > 0, `${where} asks for nothing of ours`);
  const labels = new Set(used.flatMap((name) => [...(known.get(name) ?? [])]).concat(ADDED));
  for (const name of used) assert.ok(known.has(name), `${where} uses ${name}, which nothing tells`);
  const grouped = [...expression.matchAll(/by \(([^)]*)\)/g)].flatMap(([, list = '']) => list.split(/,\s*/));
  const selected = [...expression.matchAll(/(\w+)\s*=~?"/g)].map(([, label = '']) => label);
  for (const label of [...grouped, ...selected])
    assert.ok(labels.has(label), `${where} uses the label ${label}, which ${used.join(', ')} does not have`);
}

test('every panel of the dashboard shows metrics that exist', async () => {
  const drawn = panels.filter(({ targets }) => targets !== undefined);
  assert.ok(drawn.length > 20);
  for (const { title, targets = [] } of drawn) for (const { expr } of targets) await assertTold(expr, title);
});

test('every alert rests on metrics that exist and says what to do', async () => {
  assert.ok(rules.length > 8);
  for (const { alert, expr, annotations } of rules) {
    await assertTold(expr, alert);
    assert.ok(annotations.summary.length > 10 && annotations.description.length > 20, alert);
  }
});

test('the least that operators expect is told', async () => {
  const known = await told();
  const expected = [
    'queue_jobs',
    'queue_oldest_job_age_seconds',
    'transfer_bytes_total',
    'transfer_duration_seconds_bucket',
    'transfer_retries_total',
    'watcher_events_total',
    'watcher_overflow_suspected_total',
    'rescan_duration_seconds_bucket',
    'rescan_drift_files_total',
    'poller_lag_seconds_bucket',
    'folder_last_success_timestamp_seconds',
    'worker_concurrency',
    'nodejs_eventloop_lag_seconds',
    'sync_lag_seconds_bucket',
    'job_wait_seconds_bucket',
  ];
  for (const name of expected) assert.ok(known.has(`holdfast_${name}`), name);
});

test('no metric has a label that would tell a pair, a folder or a file', async () => {
  const allowed = new Set([
    'app',
    'code',
    'condition',
    'direction',
    'kind',
    'le',
    'outcome',
    'process',
    'quantile',
    'queue',
    'reason',
    'space',
    'state',
    'type',
    'version',
    'volume',
    'major',
    'minor',
    'patch',
  ]);
  for (const [name, labels] of await told())
    for (const label of labels) assert.ok(allowed.has(label), `${name} has the label ${label}`);
});
