/** Report: findings as one Markdown page with tables and charts, and as JSON beside it. */
import { cpus, loadavg, release, totalmem } from 'node:os';
import { type Cost, type Finding, isMet, median, type Series, type Target, totalOf, wallOf } from './cost.ts';

export interface Run {
  readonly at: string;
  readonly seconds: number;
  readonly rounds: number;
  /** Of the whole machine, before the run began. */
  readonly load: number;
  readonly machine: string;
  readonly findings: readonly Finding[];
  /** Workloads that were asked for and not measured: they failed, or the run was stopped before. */
  readonly left: readonly string[];
}

export function describeMachine(): { readonly machine: string; readonly load: number } {
  const [first] = cpus();
  const gib = Math.round(totalmem() / 2 ** 30);
  const machine = `${cpus().length} cores (${first?.model.trim()}), ${gib} GiB, Linux ${release()}, Node ${process.version}`;
  return { machine, load: Math.round((loadavg()[0] ?? 0) * 100) / 100 };
}

/** @param reasons what a missed target is told with, by workload; Markdown. */
export function markdown(run: Run, reasons: Readonly<Record<string, string>>): string {
  const parts = [
    '# Benchmarks',
    'Written by `npm run bench`; what the figures mean and what they rest on is in [performance.md](performance.md).',
    `Run ${run.at} in ${Math.round(run.seconds / 60)} minutes, ${run.rounds} rounds of everything, the tools in turn in each of them. ` +
      `${run.machine}. Load of the machine before: ${run.load}. Client, server and database share it, so only ratios within the run mean anything.`,
    ...(run.left.length === 0
      ? []
      : [`Not measured, as they failed or the run was stopped: ${run.left.join(', ')}.`]),
    '## Targets',
    targetTable(run.findings, reasons),
    ...run.findings.flatMap(section),
  ];
  return `${parts.join('\n\n')}\n`;
}

function targetTable(findings: readonly Finding[], reasons: Readonly<Record<string, string>>): string {
  const targets = findings.flatMap((finding) => finding.targets);
  const rows = targets.map((target) => {
    const verdict = isMet(target) ? 'met' : `**missed**`;
    return [target.workload, target.text, figure(target.measured, target.unit), wanted(target), verdict];
  });
  const missed = [...new Set(targets.filter((target) => !isMet(target)).map(({ workload }) => workload))];
  const why = missed.map((id) => `- ${id}: ${reasons[id] ?? 'no reason was found yet.'}`);
  return [
    table(['', 'what', 'measured', 'target', ''], rows),
    ...(why.length > 0 ? ['', 'Why targets were missed:', '', ...why] : []),
  ].join('\n');
}

function wanted({ limit, wants, unit }: Target): string {
  return `${wants === 'least' ? '>=' : '<='} ${figure(limit, unit)}`;
}

function figure(value: number, unit: string): string {
  const digits = Math.abs(value) >= 100 || Number.isInteger(value) ? 0 : Math.abs(value) >= 10 ? 1 : 3;
  return unit === 'x' ? `${value.toFixed(digits)}x` : `${value.toFixed(digits)} ${unit}`;
}

function section({ id, title, conditions, series }: Finding): string[] {
  return [
    `## ${id}: ${title}`,
    conditions.join(' '),
    table(
      [
        'tool',
        'wall s (min to max)',
        'CPU s',
        'files/s',
        'peak MiB',
        'requests/file',
        'sent MB',
        'database CPU s',
        'queue CPU s',
        'statements/file',
      ],
      series.map(seriesRow),
    ),
    chart(`${id}: wall seconds, median`, series),
  ];
}

function seriesRow(series: Series): string[] {
  const { tool, files, costs } = series;
  const walls = costs.map((cost) => cost.wallSeconds);
  const middle = (pick: (cost: Cost) => number | undefined): number =>
    median(costs.map((cost) => pick(cost) ?? Number.NaN));
  const shown = (value: number, digits: number): string => (Number.isNaN(value) ? '' : value.toFixed(digits));
  const wall = wallOf(series);
  const digits = wall < 1 ? 4 : 2;
  return [
    tool,
    `${wall.toFixed(digits)} (${Math.min(...walls).toFixed(digits)} to ${Math.max(...walls).toFixed(digits)})`,
    shown(
      middle((cost) => cost.cpuSeconds),
      2,
    ),
    shown(files / wall, 0),
    shown(
      middle((cost) => cost.peakMiB),
      0,
    ),
    shown(
      middle((cost) => totalOf(cost.requests) / files),
      2,
    ),
    shown(
      middle((cost) => cost.sentBytes / 1e6),
      1,
    ),
    shown(
      middle((cost) => cost.fleet?.databaseCpuSeconds),
      2,
    ),
    shown(
      middle((cost) => cost.fleet?.queueCpuSeconds),
      2,
    ),
    shown(
      middle((cost) => cost.fleet && cost.fleet.statements / files),
      3,
    ),
  ];
}

function table(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [line(heads), line(heads.map(() => '---')), ...rows.map(line)].join('\n');
}

/** Bars by tool; GitHub and most editors draw it. */
function chart(title: string, series: readonly Series[]): string {
  const quoted = series.map(({ tool }) => `"${tool.replace(/ --.*$/, ' by listings')}"`);
  const walls = series.map((one) => wallOf(one).toPrecision(3));
  return [
    '```mermaid',
    'xychart-beta horizontal',
    `  title "${title}"`,
    `  x-axis [${quoted.join(', ')}]`,
    `  bar [${walls.map(Number).join(', ')}]`,
    '```',
  ].join('\n');
}
