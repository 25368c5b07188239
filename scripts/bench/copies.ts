/**
 * Copies: W1, first upload, and W2, first download of the same files, by every tool in turn. Two
 * ceilings of the server go with them: what a client reaches that only PUTs, or only GETs.
 */
import {
  type Cost,
  cpuOf,
  type Finding,
  Rounds,
  requestsOf,
  type Series,
  type Target,
  wallOf,
} from './cost.ts';
import { CONNECTIONS, openRclone, openSwiftClient, remoteOf } from './peers.ts';
import type { Sizes } from './sizes.ts';
import type { Stage } from './stage.ts';
import { rawSwift } from './stores.ts';
import { makeContents, writeTree } from './trees.ts';

const SHAPE = { perDirectory: 100, bytes: 4_096 };
const RAW = { put: 'raw PUT', putVersioned: 'raw PUT, versioned', get: 'raw GET' };
const OURS = { plain: 'Holdfast', versioned: 'Holdfast, versioned' };

export async function copies(stage: Stage, sizes: Sizes, withPeers: boolean): Promise<readonly Finding[]> {
  const { swift } = stage;
  if (swift === null) return [];
  const files = sizes.copied;
  const contents = makeContents({ files, ...SHAPE }, 'copied');
  const source = await stage.folder('copied');
  await writeTree(source, contents);
  const rclone = withPeers ? await openRclone(stage) : null;
  const client = withPeers ? openSwiftClient(stage) : null;
  const [up, down] = [new Rounds(), new Rounds()];
  for (let round = 1; round <= sizes.rounds; round += 1) {
    process.stdout.write(`W1, round ${round}: ${files} files up\n`);
    for (const versioned of [false, true]) {
      // Without peers only what is downloaded below is sent raw.
      if (withPeers || !versioned) {
        const raw = await rawSwift(swift, `raw-${versioned}-${round}`, versioned);
        const put = await stage.measureHere(() => raw.putAll(contents, CONNECTIONS));
        up.add(versioned ? RAW.putVersioned : RAW.put, files, put);
        await raw.close();
      }
      const name = `up-${versioned}-${round}`;
      const folder = await stage.folder(name);
      await writeTree(folder, contents);
      const ours = await firstSync(stage, { name, folder, container: `ours-${name}`, versioned });
      up.add(versioned ? OURS.versioned : OURS.plain, files, ours);
    }
    if (rclone !== null) up.add('rclone copy', files, await rclone.copy(source, remoteOf(`rclone-${round}`)));
    if (client !== null) {
      const raw = await rawSwift(swift, `swift-${round}`, false);
      up.add('swift upload', files, await client.upload(source, `swift-${round}`));
      await raw.close();
    }
    process.stdout.write(`W2, round ${round}: ${files} files down\n`);
    const container = `raw-false-${round}`;
    const raw = await rawSwift(swift, container, false);
    const get = await stage.measureHere(() => raw.getAll([...contents.keys()], CONNECTIONS));
    down.add(RAW.get, files, get);
    await raw.close();
    const name = `down-${round}`;
    const into = async (tool: string): Promise<string> => stage.folder(`${tool}-${name}`);
    const ours = { name, folder: await into('ours'), container, versioned: false };
    down.add(OURS.plain, files, await firstSync(stage, ours));
    if (rclone !== null)
      down.add('rclone copy', files, await rclone.copy(remoteOf(container), await into('rclone')));
    if (client !== null)
      down.add('swift download', files, await client.download(await into('swift'), container));
  }
  const versions = [rclone, client]
    .flatMap((peer) => peer ?? [])
    .map(({ tool, version }) => `${tool} ${version}`);
  const conditions = [
    `${files} files of ${SHAPE.bytes} bytes in ${files / SHAPE.perDirectory} directories, one transfer process.`,
    `Raw client, rclone and swift with ${CONNECTIONS} connections${versions.length > 0 ? ` (${versions.join(', ')})` : ''}.`,
    'Holdfast counts from the moment its pair is added until everything is acknowledged, its first scan and poll included.',
  ];
  return [
    { id: 'W1', title: 'First upload', conditions, series: up.series, targets: uploadTargets(up) },
    { id: 'W2', title: 'First download', conditions, series: down.series, targets: downloadTargets(down) },
  ];
}

/** The pair leaves again: it must not be polled while others are measured. */
async function firstSync(
  stage: Stage,
  pair: {
    readonly name: string;
    readonly folder: string;
    readonly container: string;
    readonly versioned: boolean;
  },
): Promise<Cost> {
  const cost = await stage.measureFleet(async () => {
    await stage.addPair(pair);
    await stage.untilQuiet(pair.name);
  });
  await stage.operator.pairRemove(pair.name);
  return cost;
}

function uploadTargets(rounds: Rounds): readonly Target[] {
  const plain = rounds.of(OURS.plain);
  const versioned = rounds.of(OURS.versioned);
  const peers = ['rclone copy', 'swift upload'].flatMap((tool) => rounds.of(tool) ?? []);
  return [
    ...share('W1', 'speed as a share of the raw PUT ceiling', rounds.of(RAW.put), plain),
    ...share('W1', 'the same on a versioned container', rounds.of(RAW.putVersioned), versioned),
    ...aheadOf('W1', peers, plain),
    ...lessProcessorTime('W1', rounds.of('rclone copy'), plain),
    ...onePerFile('W1', plain),
  ];
}

function downloadTargets(rounds: Rounds): readonly Target[] {
  const ours = rounds.of(OURS.plain);
  const peers = ['rclone copy', 'swift download'].flatMap((tool) => rounds.of(tool) ?? []);
  return [
    ...share('W2', 'speed as a share of the raw GET ceiling', rounds.of(RAW.get), ours),
    ...aheadOf('W2', peers, ours),
    ...onePerFile('W2', ours),
  ];
}

function share(workload: string, text: string, ceiling: Series | null, ours: Series | null): Target[] {
  if (ceiling === null || ours === null) return [];
  const measured = wallOf(ceiling) / wallOf(ours);
  return [{ workload, text, measured, limit: 0.85, wants: 'least', unit: 'x' }];
}

function aheadOf(workload: string, peers: readonly Series[], ours: Series | null): Target[] {
  if (ours === null || peers.length === 0) return [];
  const best = Math.min(...peers.map(wallOf));
  const text = 'time as a share of the fastest peer';
  return [{ workload, text, measured: wallOf(ours) / best, limit: 1, wants: 'most', unit: 'x' }];
}

function lessProcessorTime(workload: string, rclone: Series | null, ours: Series | null): Target[] {
  if (rclone === null || ours === null) return [];
  const text = 'processor time per file of all processes as a share of rclone';
  return [{ workload, text, measured: cpuOf(ours) / cpuOf(rclone), limit: 1, wants: 'most', unit: 'x' }];
}

/** What opens a pair and lists its container is spread over few files here: one in a hundred is left for it. */
function onePerFile(workload: string, ours: Series | null): Target[] {
  if (ours === null) return [];
  const text = 'store requests per file, amortised';
  return [{ workload, text, measured: requestsOf(ours), limit: 1.1, wants: 'most', unit: 'requests' }];
}
