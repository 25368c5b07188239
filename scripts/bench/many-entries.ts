/**
 * Many entries on the Pithos server, which is seeded in seconds: W10 and W3 at their full size, and
 * W9, which asks whether three times as many entries cost three times as much.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { startPithosServer } from '#libs/pithos-server/server.ts';
import type { LastFirst } from '#test/support/last-first.ts';
import { type Finding, median, Rounds, type Series, type Target, wallOf } from './cost.ts';
import { benchPithos, bytesPerRow, reclaimRows } from './services.ts';
import type { Sizes } from './sizes.ts';
import type { Stage } from './stage.ts';

const FILES_PER_DIRECTORY = 100;
const USER = { token: 'bench-token', userId: 'bench', name: 'Bench' };
const OURS = 'Holdfast';
const SEEDED_AT_ONCE = 10_000;

interface Measured {
  readonly contact: Rounds;
  readonly idle: Rounds;
  readonly rowBytes: number;
}

export async function manyEntries(
  stage: Stage,
  undoing: LastFirst,
  sizes: Sizes,
  ids: ReadonlySet<string>,
): Promise<readonly Finding[]> {
  const found: Finding[] = [];
  const few = await measure(stage, undoing, sizes.entries, sizes.rounds);
  const conditions = [`${sizes.entries} files on the Pithos server.`];
  if (ids.has('W10')) {
    const title = 'First contact of two equal sides, on Pithos';
    const text = 'content moved at first contact';
    const measured = median(few.contact.series[0]?.costs.map((cost) => cost.sentBytes) ?? []);
    const targets: Target[] = [{ workload: 'W10', text, measured, limit: 0, wants: 'most', unit: 'bytes' }];
    found.push({ id: 'W10', title, conditions, series: few.contact.series, targets });
  }
  if (ids.has('W3')) {
    const targets = [memoryTarget(few.idle, 'watcher', 'scans'), memoryTarget(few.idle, 'poller', 'polls')];
    found.push({
      id: 'W3',
      title: 'Nothing changed, on Pithos',
      conditions,
      series: few.idle.series,
      targets,
    });
  }
  if (ids.has('W9')) {
    const many = await measure(stage, undoing, sizes.manyEntries, 1);
    found.push(manyFinding(few, many, sizes));
  }
  return found;
}

async function measure(stage: Stage, undoing: LastFirst, entries: number, rounds: number): Promise<Measured> {
  process.stdout.write(`${entries} entries on Pithos\n`);
  const name = `many-${entries}`;
  const folder = await stage.folder(name);
  await seedFolder(folder, entries);
  const data = join(stage.dir, `pithos-${entries}`);
  await seedPithos(data, name, entries);
  const url = await benchPithos(undoing, data, USER);
  await stage.addStore(name, 'pithos', url, { token: USER.token });
  const [contact, idle] = [new Rounds(), new Rounds()];
  const first = await stage.measureFleet(async () => {
    await stage.addPair({ name, folder, container: name, store: name });
    await stage.untilQuiet(name);
  });
  contact.add(OURS, entries, first);
  const { files, problems } = await stage.operator.pairShow(name);
  if (files !== entries || problems > 0)
    throw new Error(`${files} files, ${problems} problems: not all is equal`);
  for (let round = 1; round <= rounds; round += 1)
    idle.add(OURS, entries, await stage.measureFleet(() => stage.sync(name)));
  const rowBytes = await bytesPerRow(stage.databaseUrl);
  await stage.operator.pairRemove(name);
  await reclaimRows(stage.databaseUrl);
  return { contact, idle, rowBytes };
}

function manyFinding(few: Measured, many: Measured, sizes: Sizes): Finding {
  const [less, more] = [seriesOf(few.idle), seriesOf(many.idle)];
  const times = sizes.manyEntries / sizes.entries;
  const grown = (app: string): number => peakOf(more, app) / peakOf(less, app);
  const text = `time of a sync without changes, as a multiple of that of ${sizes.entries}`;
  const targets: Target[] = [
    {
      workload: 'W9',
      text,
      measured: wallOf(more) / wallOf(less),
      limit: 1.2 * times,
      wants: 'most',
      unit: 'x',
    },
    ...['watcher', 'poller'].map((app): Target => {
      const grows = `memory of the ${app}, as a multiple of that at ${sizes.entries}`;
      return { workload: 'W9', text: grows, measured: grown(app), limit: 1.2, wants: 'most', unit: 'x' };
    }),
    {
      workload: 'W9',
      text: 'database bytes a row, indexes included',
      measured: many.rowBytes,
      limit: 600,
      wants: 'most',
      unit: 'bytes',
    },
  ];
  const conditions = [
    `${sizes.manyEntries} entries in one pair on the Pithos server, after ${sizes.entries}.`,
  ];
  return { id: 'W9', title: 'Very many entries', conditions, series: [less, more], targets };
}

function seriesOf(rounds: Rounds): Series {
  const series = rounds.of(OURS);
  if (series === null) throw new Error('nothing was measured');
  return series;
}

function peakOf({ costs }: Series, app: string): number {
  return median(costs.map((cost) => cost.fleet?.peakMiB[app] ?? Number.NaN));
}

function memoryTarget(rounds: Rounds, app: string, does: string): Target {
  const text = `memory of the process that ${does}`;
  return {
    workload: 'W3',
    text,
    measured: peakOf(seriesOf(rounds), app),
    limit: 150,
    wants: 'most',
    unit: 'MiB',
  };
}

const nameOf = (index: number): string => {
  const directory = Math.floor(index / FILES_PER_DIRECTORY);
  return `directory ${String(directory).padStart(5, '0')}/file ${String(index).padStart(7, '0')}.txt`;
};
const contentOf = (index: number): string => `entry ${index}`;

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, index) => from + index);
}

async function seedFolder(folder: string, entries: number): Promise<void> {
  for (let start = 0; start < entries; start += FILES_PER_DIRECTORY) {
    await mkdir(join(folder, nameOf(start), '..'), { recursive: true });
    const indexes = range(start, Math.min(entries, start + FILES_PER_DIRECTORY));
    await Promise.all(indexes.map((index) => writeFile(join(folder, nameOf(index)), contentOf(index))));
  }
}

async function seedPithos(data: string, container: string, entries: number): Promise<void> {
  const seeder = await startPithosServer({ dir: data, users: [USER] });
  const { control } = seeder;
  control.ensureContainer(USER.userId, container);
  for (let start = 0; start < entries; start += SEEDED_AT_ONCE) {
    control.transaction(() => {
      for (const index of range(start, Math.min(entries, start + SEEDED_AT_ONCE)))
        control.putObject(USER.userId, container, nameOf(index), contentOf(index));
    });
  }
  await seeder.close();
}
