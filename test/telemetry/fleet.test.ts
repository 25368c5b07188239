/** A fleet of real processes, asked as Prometheus and orchestrators ask, with its traces sent to a collector of this test. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { startPithosServer } from '#libs/pithos-server/server.ts';
import { freePort } from '#libs/services/processes.ts';
import { type App, secretFile, startFleet, type TestFleet } from '#test/support/fleet.ts';
import { LastFirst } from '#test/support/last-first.ts';
import { testDatabase, testRedisUrl } from '#test/support/services.ts';

const PROCESSES: readonly App[] = ['watcher', 'poller', 'decider', 'transfer'];
/** No metric and no trace may tell any of these (invariant 12). */
const PRIVATE = /salaries|secret-folder|secret-container|secret-pair|sesame-token/;

interface Span {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly service: string;
}

const undoing = new LastFirst();
const ports = new Map<App, number>();
const spans: Span[] = [];
let sent = '';
let fleet: TestFleet;
let folder = '';

interface OtlpBody {
  readonly resourceSpans: readonly {
    readonly resource: {
      readonly attributes: readonly {
        readonly key: string;
        readonly value: { readonly stringValue?: string };
      }[];
    };
    readonly scopeSpans: readonly { readonly spans: readonly Omit<Span, 'service'>[] }[];
  }[];
}

/** Takes what exporters send as JSON. @returns its URL. */
async function startCollector(): Promise<string> {
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const text = Buffer.concat(chunks).toString();
    sent += text;
    for (const { resource, scopeSpans } of (JSON.parse(text) as OtlpBody).resourceSpans) {
      const service = resource.attributes.find(({ key }) => key === 'service.name')?.value.stringValue ?? '';
      for (const scope of scopeSpans) spans.push(...scope.spans.map((span) => ({ ...span, service })));
    }
    response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  undoing.after(() => void server.close());
  const address = server.address();
  return `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`;
}

async function ask(app: App, path: string): Promise<{ readonly status: number; readonly text: string }> {
  const answer = await fetch(`http://127.0.0.1:${ports.get(app)}${path}`);
  return { status: answer.status, text: await answer.text() };
}

/** The sum of a metric's samples whose labels hold all of these. */
function total(text: string, name: string, ...labels: readonly string[]): number {
  return text
    .split('\n')
    .filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `))
    .filter((line) => labels.every((label) => line.includes(label)))
    .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0);
}

before(async () => {
  const dir = await mkdtemp(join(tmpdir(), 'holdfast-telemetry-'));
  undoing.after(() => rm(dir, { recursive: true, force: true }));
  for (const app of PROCESSES) ports.set(app, await freePort());
  const pithos = await startPithosServer({
    dir: join(dir, 'pithos'),
    users: [{ token: 'sesame-token', userId: 'u', name: 'U' }],
  });
  undoing.after(() => pithos.close());
  fleet = await startFleet(undoing, {
    databaseUrl: await testDatabase(undoing),
    redisUrl: await testRedisUrl(),
    env: { OTEL_EXPORTER_OTLP_ENDPOINT: await startCollector() },
    envOf: (app) => ({ HOLDFAST_HTTP_PORT: String(ports.get(app)) }),
  });
  folder = join(dir, 'secret-folder');
  await mkdir(folder);
  const secret = await secretFile(fleet, { token: 'sesame-token' });
  await fleet.json('store', 'add', 's', '--kind', 'pithos', '--url', pithos.authUrl, '--secret-file', secret);
  await fleet.json(
    ...['pair', 'add', 'secret-pair', '--folder', folder],
    ...['--store', 's', '--container', 'secret-container'],
  );
  await fleet.sync('secret-pair');
});

after(() => undoing.undo());

it('every process says that it lives, that it is ready, and which process it is', async () => {
  for (const app of PROCESSES) {
    assert.equal((await ask(app, '/livez')).status, 200, app);
    assert.equal((await ask(app, '/readyz')).status, 200, app);
    const { text } = await ask(app, '/metrics');
    assert.equal(total(text, 'holdfast_process_info', `process="${app}"`), 1, app);
    assert.match(text, /^holdfast_nodejs_eventloop_lag_seconds /m, app);
    assert.doesNotMatch(text, PRIVATE, app);
  }
});

it('a saved file is counted where it passes, and its lag is measured', async () => {
  const transferred = async () => (await ask('transfer', '/metrics')).text;
  const before = await transferred();
  const was = total(before, 'holdfast_sync_lag_seconds_count');
  await writeFile(join(folder, 'salaries.txt'), 'x'.repeat(1_000));
  await fleet.sync('secret-pair');
  let now = await transferred();
  // The worker tells right after the database knows.
  for (let tries = 0; total(now, 'holdfast_sync_lag_seconds_count') === was && tries < 100; tries += 1) {
    await delay(50);
    now = await transferred();
  }
  assert.ok(total(now, 'holdfast_sync_lag_seconds_count') > was);
  assert.ok(total(now, 'holdfast_sync_lag_seconds_sum') > total(before, 'holdfast_sync_lag_seconds_sum'));
  const uploads = ['direction="upload"', 'outcome="applied"'];
  assert.ok(total(now, 'holdfast_transfer_bytes_total', ...uploads) >= 1_000);
  assert.ok(total(now, 'holdfast_transfer_duration_seconds_count', ...uploads) >= 1);
  assert.ok(total(now, 'holdfast_job_wait_seconds_count', 'queue="transfer.default"') >= 1);
  assert.equal(total(now, 'holdfast_worker_concurrency', 'queue="transfer.default"'), 16);
  const watcher = (await ask('watcher', '/metrics')).text;
  assert.ok(total(watcher, 'holdfast_rescan_duration_seconds_count') >= 1);
  const poller = (await ask('poller', '/metrics')).text;
  assert.ok(total(poller, 'holdfast_poll_duration_seconds_count') >= 1);
  assert.ok(total(poller, 'holdfast_poller_lag_seconds_count') >= 1);
});

it('one trace leads from the event through the queues to the acknowledgement', async () => {
  const named = (name: string, service: string): readonly Span[] =>
    spans.filter((span) => span.name === name && span.service === service);
  const whole = (): Span | undefined =>
    named('acknowledge', 'holdfast-transfer').find(({ traceId }) => {
      const same = spans.filter((span) => span.traceId === traceId);
      return (
        same.some(({ name, service }) => name === 'judge events' && service === 'holdfast-watcher') &&
        same.some(({ service }) => service === 'holdfast-decider')
      );
    });
  // A hint may fall into a job that another trace asked for: then the next file shows it.
  for (let tries = 0; whole() === undefined && tries < 30; tries += 1) {
    await writeFile(join(folder, `salaries-${tries}.txt`), `content ${tries}`);
    for (let looks = 0; whole() === undefined && looks < 10; looks += 1) await delay(500);
  }
  const acknowledged = whole();
  assert.ok(acknowledged !== undefined, `no whole trace among ${spans.length} spans`);
  const byId = new Map(spans.map((span) => [span.spanId, span]));
  let span: Span | undefined = acknowledged;
  const path: string[] = [];
  while (span !== undefined) {
    path.unshift(span.service);
    span = byId.get(span.parentSpanId ?? '');
  }
  assert.deepEqual([...new Set(path)], ['holdfast-watcher', 'holdfast-decider', 'holdfast-transfer']);
  assert.doesNotMatch(sent, PRIVATE);
});
