/** Draw fleet: one frame of `holdfast top`. Pure: what was seen, the time and the size of the screen in, lines out. */
import type { FleetStatus, PairStatus, ProblemView } from '#ports/operator.ts';
import { printable } from './terminal.ts';
import { counted, sizeText, tableText, timeText } from './wording.ts';

export interface Seen {
  readonly status: FleetStatus;
  readonly problems: readonly ProblemView[];
}

interface Size {
  readonly columns: number;
  readonly rows: number;
}

/** Lines that are there whatever is shown: title, conditions, queues, problems, two empty ones, headings. */
const FRAME_LINES = 8;

/** Pairs that need somebody come first, then those with most to do. */
export function drawFleet({ status, problems }: Seen, now: Date, { columns, rows }: Size): readonly string[] {
  const { pairs, queues, fleetStop } = status;
  const conditions = countBy(pairs, ({ condition }) => condition);
  const codes = countBy(problems, ({ code }) => code);
  const depths = queues
    .filter(({ jobs }) => jobs > 0)
    .map(({ queue, state, jobs }) => `${queue} ${jobs} ${state}`);
  const pending = pairs.reduce((sum, pair) => sum + pair.candidates + pair.decisions, 0);
  const shown = [...pairs]
    .sort(byUrgency)
    .slice(0, Math.max(1, rows - FRAME_LINES - (fleetStop === null ? 0 : 1)));
  const table = tableText(
    ['PAIR', 'CONDITION', '>PENDING', '>TO MOVE', '>FILES', '>SIZE', '>PROBLEMS'],
    shown.map((pair) => [
      pair.name,
      pair.condition,
      String(pair.candidates + pair.decisions),
      sizeText(pair.decisionBytes),
      String(pair.files),
      sizeText(pair.bytes),
      String(pair.problems),
    ]),
  );
  const hidden = pairs.length - shown.length;
  const lines = [
    `holdfast  ${timeText(now.toISOString())}  ${counted(pairs.length, 'pair')}, ${pending} changes pending`,
    `pairs:    ${listed(conditions)}`,
    `queues:   ${depths.length === 0 ? 'empty' : depths.join(', ')}`,
    `problems: ${listed(codes)}`,
    ...(fleetStop === null
      ? []
      : [`THE DELETES OF ALL PAIRS ARE STOPPED since ${timeText(fleetStop.since)}`]),
    '',
    ...table.split('\n'),
    ...(hidden > 0 ? [`and ${counted(hidden, 'pair')} more with less to do`] : []),
  ];
  return lines.map((line) => printable(line).slice(0, columns));
}

function countBy<Item>(items: readonly Item[], key: (item: Item) => string): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const item of items) counts.set(key(item), (counts.get(key(item)) ?? 0) + 1);
  return counts;
}

function listed(counts: ReadonlyMap<string, number>): string {
  const parts = [...counts].sort(([, a], [, b]) => b - a).map(([what, count]) => `${count} ${what}`);
  return parts.length === 0 ? 'none' : parts.join(', ');
}

const URGENCY: Readonly<Record<PairStatus['condition'], number>> = {
  disabled: 0,
  'deletes-held': 1,
  syncing: 2,
  starting: 3,
  paused: 4,
  'in-sync': 5,
};

function byUrgency(a: PairStatus, b: PairStatus): number {
  const work = (pair: PairStatus): number => pair.candidates + pair.decisions;
  return (
    URGENCY[a.condition] - URGENCY[b.condition] ||
    work(b) - work(a) ||
    b.problems - a.problems ||
    (a.name < b.name ? -1 : 1)
  );
}
