/** Removals: W11. Many files removed here, and a directory renamed, on every kind of store, in both directions. */
import { rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { LastFirst } from '#test/support/last-first.ts';
import { type Finding, Rounds } from './cost.ts';
import { CONNECTIONS } from './peers.ts';
import { benchPithos } from './services.ts';
import type { Sizes } from './sizes.ts';
import { type Stage, SWIFT } from './stage.ts';
import { type Counted, countedS3, rawSwift } from './stores.ts';
import { makeContents, writeTree } from './trees.ts';

const SHAPE = { perDirectory: 100, bytes: 1_024 };
const PITHOS = { token: 'bench-token', userId: 'bench' };

/** A whole tree may go without an operator here. */
export const removalsEnv = (): Readonly<Record<string, string>> => ({
  HOLDFAST_DELETE_HOLD_PERCENT: '100',
  HOLDFAST_DELETE_HOLD_NAMES: '1000000000',
});

export async function removals(stage: Stage, undoing: LastFirst, sizes: Sizes): Promise<readonly Finding[]> {
  const rounds = new Rounds();
  process.stdout.write(`W11: ${sizes.removed} files removed, ${sizes.removed} renamed\n`);
  await renamed(stage, rounds, await addPithos(stage, undoing), sizes.removed);
  const s3 = await countedS3(undoing, stage.dir);
  if (s3 !== null) {
    const { url, accessKeyId, secretAccessKey } = s3.server;
    await stage.addStore('s3', 's3', url, { accessKeyId, secretAccessKey });
    await renamed(stage, rounds, { store: 's3', requests: s3.requests }, sizes.removed);
  }
  const { swift } = stage;
  if (swift !== null) {
    await removed(stage, rounds, sizes.removed);
    await renamed(stage, rounds, { store: SWIFT, requests: swift.requests }, sizes.removed);
  }
  const conditions = [
    `${sizes.removed} files of ${SHAPE.bytes} bytes in a tree that is renamed here, and what that then is on the way ` +
      'back to another folder of the same container, which keeps versions; removed from a container without versions.',
  ];
  return [{ id: 'W11', title: 'Many removed, many renamed', conditions, series: rounds.series, targets: [] }];
}

interface Place {
  readonly store: string;
  readonly requests?: Counted;
}

async function addPithos(stage: Stage, undoing: LastFirst): Promise<Place> {
  const url = await benchPithos(undoing, join(stage.dir, 'pithos-renamed'), PITHOS);
  await stage.addStore('pithos', 'pithos', url, { token: PITHOS.token });
  return { store: 'pithos' };
}

/** Up from one folder, and down to another one of the same container. */
async function renamed(
  stage: Stage,
  rounds: Rounds,
  { store, requests }: Place,
  files: number,
): Promise<void> {
  const names = [`${store}-here`, `${store}-there`] as const;
  const [here, there] = [await stage.folder(names[0]), await stage.folder(names[1])];
  await writeTree(join(here, 'before'), makeContents({ files, ...SHAPE }, store));
  // One stays: that everything goes is always asked about, whatever the limits are.
  await writeTree(here, new Map([['stays', Buffer.from(store)]]));
  for (const [name, folder] of [[names[0], here] as const, [names[1], there] as const]) {
    await stage.addPair({ name, folder, container: 'renamed', store, versioned: true });
    await stage.sync(name);
  }
  const up = await stage.measureFleet(async () => {
    await rename(join(here, 'before'), join(here, 'after'));
    await stage.sync(names[0]);
  }, requests);
  rounds.add(`Holdfast, renamed here, ${store}`, files, up);
  const down = await stage.measureFleet(() => stage.sync(names[1]), requests);
  rounds.add(`Holdfast, renamed upstream, ${store}`, files, down);
  for (const name of names) await stage.operator.pairRemove(name);
}

async function removed(stage: Stage, rounds: Rounds, files: number): Promise<void> {
  const { swift } = stage;
  if (swift === null) return;
  const name = 'removed';
  const contents = makeContents({ files: files + SHAPE.perDirectory, ...SHAPE }, name);
  const folder = await stage.folder(name);
  await writeTree(folder, contents);
  const raw = await rawSwift(swift, name, false);
  await raw.putAll(contents, CONNECTIONS);
  await raw.close();
  await stage.addPair({ name, folder, container: name, versioned: false });
  await stage.untilQuiet(name);
  const cost = await stage.measureFleet(async () => {
    const [, ...going] = new Set([...contents.keys()].map((each) => each.split('/')[0] ?? ''));
    for (const directory of going) await rm(join(folder, directory), { recursive: true });
    await stage.sync(name);
  });
  rounds.add('Holdfast, removed', files, cost);
  await stage.operator.pairRemove(name);
}
