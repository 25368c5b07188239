// npm run chaos: the whole of Holdfast on real services, while everything around it fails.
//
// Four apps as processes, real PostgreSQL, Redis, Swift and Pithos; users on both sides of three
// pairs; network faults, kills, stops and outages by a seed. A checker that shares no code with
// the engine says what was lost, duplicated, diverged, stuck, or seen half-written.

import { randomBytes } from 'node:crypto';
import { parseArgs } from 'node:util';
import Table from 'cli-table3';
import { FINDING_KINDS } from './chaos/findings.ts';
import { type Report, runChaos } from './chaos/run.ts';

const HELP = `Usage: npm run chaos -- [options]

  --minutes M   how long users and faults go on (default 2)
  --seed S      plan of users and faults; without it a fresh one, which is printed
  --queue Q     redis (default) or postgres: where the fleet keeps its queue
  --json        print the report as one JSON document
  --keep        keep the folder of the run even when nothing was found
  --help        show this text

A seed repeats what users and faults intend, not how processes interleave: a finding is looked
into with what the run kept, not by running it again. Exit 0: nothing found; 1: findings; 2: usage.
`;

const OPTIONS = {
  minutes: { type: 'string', default: '2' },
  seed: { type: 'string' },
  queue: { type: 'string', default: 'redis' },
  json: { type: 'boolean', default: false },
  keep: { type: 'boolean', default: false },
  help: { type: 'boolean', default: false },
} as const;

const LINE_EVERY_MS = 15_000;

function readOptions() {
  try {
    return parseArgs({ options: OPTIONS }).values;
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n${HELP}`);
    process.exit(2);
  }
}

const values = readOptions();
const minutes = Number(values.minutes);
if (values.help) {
  process.stdout.write(HELP);
  process.exit(0);
}
const { queue } = values;
if (!(minutes > 0) || (queue !== 'redis' && queue !== 'postgres')) {
  process.stderr.write(`--minutes takes a number above 0, --queue redis or postgres\n${HELP}`);
  process.exit(2);
}
const seed = values.seed ?? randomBytes(4).toString('hex');
const isWatched = process.stderr.isTTY === true;
let lineAt = 0;

function clearLine(): void {
  if (isWatched) process.stderr.write('\r\u001b[K');
}

function tell(text: string): void {
  clearLine();
  process.stderr.write(`${text}\n`);
}

function progress(text: string): void {
  if (isWatched) {
    process.stderr.write(`\r\u001b[K${text}`);
  } else if (Date.now() - lineAt > LINE_EVERY_MS) {
    lineAt = Date.now();
    process.stderr.write(`${text}\n`);
  }
}

function summary(report: Report): string {
  const pairs = new Table({
    head: [
      'pair',
      'contents',
      'at a name',
      'conflict copies',
      'removed',
      'unseen',
      'returned',
      'spare',
      'reads',
    ],
    style: { head: [], border: [] },
  });
  for (const [name, counts] of Object.entries(report.pairs)) {
    const { contents, live, conflictCopies, removed, unseen, returned, spare, reads } = counts;
    pairs.push([name, contents, live, conflictCopies, removed, unseen, returned, spare, reads]);
  }
  const found = new Table({ style: { head: [], border: [] } });
  for (const kind of FINDING_KINDS) {
    found.push({ [kind]: report.findings.filter((finding) => finding.kind === kind).length });
  }
  const counts = Object.entries(report.counts).map(([what, count]) => `${what} ${count}`);
  const lines = report.findings.map(
    ({ kind, pair, text }) => `${kind}${pair === null ? '' : ` (${pair})`}: ${text}`,
  );
  return [
    `seed ${report.seed}, ${report.minutes} minutes, queue in ${report.queue}${report.swift ? '' : ', WITHOUT SWIFT'}`,
    counts.join(', '),
    pairs.toString(),
    found.toString(),
    ...lines,
    ...(report.dir === null ? [] : [`Everything of this run is in ${report.dir}`]),
  ].join('\n');
}

const interrupted = new AbortController();
for (const name of ['SIGINT', 'SIGTERM'] as const) {
  process.once(name, () => {
    tell('Stopping; everything is cleared up first.');
    interrupted.abort(new Error('it was interrupted'));
  });
}
tell(
  `Chaos for ${minutes} minutes with seed ${seed}; again: npm run chaos -- --minutes ${minutes} --seed ${seed}`,
);
try {
  const report = await runChaos({
    minutes,
    seed,
    queue,
    signal: interrupted.signal,
    keep: values.keep,
    tell,
    progress,
  });
  clearLine();
  process.stdout.write(values.json ? `${JSON.stringify(report, null, 2)}\n` : `${summary(report)}\n`);
  process.exit(report.findings.length > 0 ? 1 : 0);
} catch (error) {
  tell(error instanceof Error ? error.message : String(error));
  process.exit(1);
}
