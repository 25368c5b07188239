// npm run race:symlinks: a hostile user at full speed beside a folder at work.
//
// usage: npm run race:symlinks [-- --seconds 60] [-- --seed N] [-- --help]
//   --seconds N   how long it goes on (60)
//   --seed N      what is planted, in which order (drawn anew and printed)
//
// One process swaps directories, files and Holdfast's own private things for links that lead
// outside, for pipes and for each other; another pulls, removes, reads, walks, repairs and
// watches meanwhile. Exits 1 when anything outside was created, changed, read, listed or
// watched, a pipe was opened, or an operation crashed or never ended.

import { rmSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { makeRaceDirectory, raceFolder } from '#test/hostile/folder-race.ts';

const USAGE = 'usage: npm run race:symlinks [-- --seconds 60] [-- --seed N]';

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '60' },
    seed: { type: 'string', default: String(Math.floor(Math.random() * 0x7fffffff)) },
    help: { type: 'boolean', default: false },
  },
});
const seconds = Number(values.seconds);
const seed = Number(values.seed);
if (values.help || !(seconds > 0) || !Number.isSafeInteger(seed)) {
  console.log(USAGE);
  process.exit(values.help ? 0 : 2);
}

console.log(`seed ${seed}`);
const base = makeRaceDirectory();
try {
  const report = await raceFolder(base, seconds, seed);
  print('played', report.plays);
  print('done', report.operations);
  for (const fault of report.faults.slice(0, 50)) console.log(`FAULT ${fault}`);
  const sum = (counts: Readonly<Record<string, number>>): number =>
    Object.values(counts).reduce((all, count) => all + count, 0);
  console.log(
    `${seconds} s: ${sum(report.plays)} plays, ${sum(report.operations)} operations, ${report.faults.length} faults`,
  );
  process.exitCode = report.faults.length > 0 ? 1 : 0;
} finally {
  rmSync(base, { recursive: true, force: true, maxRetries: 5 });
}

function print(title: string, counts: Readonly<Record<string, number>>): void {
  const lines = Object.entries(counts).toSorted(([one], [other]) => (one < other ? -1 : 1));
  console.log(
    `${title}\n${lines.map(([what, count]) => `  ${String(count).padStart(7)}  ${what}`).join('\n')}`,
  );
}
