/**
 * Equal sides on Swift: W10, first contact of two sides that are alike; W3, nothing changed; W4, some
 * files changed on each side. One tree and one container a tool, through all three.
 */
import { utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { cpuOf, type Finding, Rounds, type Target, wallOf } from './cost.ts';
import { CONNECTIONS, openRclone, remoteOf } from './peers.ts';
import type { Sizes } from './sizes.ts';
import type { Stage } from './stage.ts';
import { type RawContainer, rawSwift } from './stores.ts';
import { contentOf, makeContents, writeTree } from './trees.ts';

const SHAPE = { perDirectory: 100, bytes: 4_096 };
const OURS = 'Holdfast';
const BISYNC = 'rclone bisync';
const LISTING = 'rclone sync --fast-list --use-server-modtime --update';

interface Tree {
  readonly folder: string;
  readonly container: string;
  readonly raw: RawContainer;
}

export async function equalSides(
  stage: Stage,
  sizes: Sizes,
  withPeers: boolean,
): Promise<readonly Finding[]> {
  if (stage.swift === null) return [];
  const files = sizes.compared;
  const contents = makeContents({ files, ...SHAPE }, 'equal');
  const rclone = withPeers ? await openRclone(stage) : null;
  const [ours, theirs] = [await treeOf(stage, 'equal', contents), await treeOf(stage, 'peer', contents)];
  const [contact, idle, changed] = [new Rounds(), new Rounds(), new Rounds()];

  process.stdout.write(`W10: first contact of ${files} files\n`);
  for (let round = 1; round <= sizes.rounds; round += 1) {
    const first = await stage.measureFleet(async () => {
      await stage.addPair({
        name: 'equal',
        folder: ours.folder,
        container: ours.container,
        versioned: false,
      });
      await stage.untilQuiet('equal');
    });
    contact.add(OURS, files, first);
    if (round < sizes.rounds) await stage.operator.pairRemove('equal');
    const { folder, container } = theirs;
    if (rclone !== null) contact.add(BISYNC, files, await rclone.bisync(folder, remoteOf(container), true));
  }

  process.stdout.write('W3: nothing changed\n');
  for (let round = 1; round <= sizes.rounds; round += 1) {
    idle.add(OURS, files, await stage.measureFleet(() => stage.sync('equal')));
    if (rclone === null) continue;
    const { folder, container } = theirs;
    idle.add(BISYNC, files, await rclone.bisync(folder, remoteOf(container), false));
    idle.add(LISTING, files, await rclone.syncByListing(folder, remoteOf(container)));
  }

  process.stdout.write(`W4: ${sizes.changed} files changed on each side\n`);
  for (let round = 1; round <= sizes.rounds; round += 1) {
    await changeBoth(ours, contents, sizes.changed, round);
    changed.add(OURS, files, await stage.measureFleet(() => stage.sync('equal')));
    if (rclone === null) continue;
    await changeBoth(theirs, contents, sizes.changed, round);
    changed.add(BISYNC, files, await rclone.bisync(theirs.folder, remoteOf(theirs.container), false));
  }
  await Promise.all([ours.raw.close(), theirs.raw.close()]);
  await stage.operator.pairRemove('equal');

  const conditions = [
    `${files} files of ${SHAPE.bytes} bytes on Swift; each peer asks for every object, so that its time grows with their number.`,
  ];
  return [
    {
      id: 'W10',
      title: 'First contact of two equal sides, on Swift',
      conditions: [...conditions, 'No content moves.'],
      series: contact.series,
      targets: ratio('W10', 'time as a share of rclone bisync --resync', contact, BISYNC, 0.1, wallOf),
    },
    {
      id: 'W3',
      title: 'Nothing changed, on Swift',
      conditions,
      series: idle.series,
      targets: [
        ...ratio('W3', 'time as a share of rclone bisync', idle, BISYNC, 0.03, wallOf),
        ...ratio('W3', 'processor time as a share of rclone bisync', idle, BISYNC, 0.03, cpuOf),
        ...ratio('W3', 'time as a share of rclone sync by listings, one way', idle, LISTING, 1, wallOf),
        ...ratio('W3', 'processor time as a share of rclone sync by listings', idle, LISTING, 1, cpuOf),
      ],
    },
    {
      id: 'W4',
      title: 'Some files changed on each side',
      conditions: [
        ...conditions,
        `${sizes.changed} of them changed in the folder and ${sizes.changed} others in the container, then one sync.`,
      ],
      series: changed.series,
      targets: ratio('W4', 'change to equal as a share of rclone bisync', changed, BISYNC, 0.05, wallOf),
    },
  ];
}

async function treeOf(stage: Stage, name: string, contents: ReadonlyMap<string, Uint8Array>): Promise<Tree> {
  if (stage.swift === null) throw new Error('there is no Swift');
  const folder = await stage.folder(name);
  await writeTree(folder, contents);
  const raw = await rawSwift(stage.swift, name, false);
  await raw.putAll(contents, CONNECTIONS);
  return { folder, container: name, raw };
}

/** The first names change here, the last ones upstream; other bytes of another size every round. */
async function changeBoth(
  { folder, raw }: Tree,
  contents: ReadonlyMap<string, Uint8Array>,
  changed: number,
  round: number,
): Promise<void> {
  const names = [...contents.keys()];
  const settled = new Date(Date.now() - 60_000);
  for (const name of names.slice(0, changed)) {
    await writeFile(join(folder, name), contentOf(`here ${round} ${name}`, SHAPE.bytes + round));
    await utimes(join(folder, name), settled, settled);
  }
  const upstream = names.slice(-changed).map((name): [string, Uint8Array] => {
    return [name, contentOf(`upstream ${round} ${name}`, SHAPE.bytes + round)];
  });
  const mtime = `${Math.floor(settled.getTime() / 1_000)}.000000000`;
  await raw.putAll(new Map(upstream), CONNECTIONS, mtime);
}

function ratio(
  workload: string,
  text: string,
  rounds: Rounds,
  peer: string,
  limit: number,
  figure: typeof wallOf,
): Target[] {
  const [ours, theirs] = [rounds.of(OURS), rounds.of(peer)];
  if (ours === null || theirs === null) return [];
  return [{ workload, text, measured: figure(ours) / figure(theirs), limit, wants: 'most', unit: 'x' }];
}
