/** Large file: W6. One file up and down, on Swift beside rclone, and on the Pithos server. */
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import type { LastFirst } from '#test/support/last-first.ts';
import { type Finding, median, Rounds, type Series, type Target, wallOf } from './cost.ts';
import { openRclone, remoteOf } from './peers.ts';
import { benchPithos } from './services.ts';
import type { Sizes } from './sizes.ts';
import { type Stage, SWIFT } from './stage.ts';
import { contentOf } from './trees.ts';

const MIB = 2 ** 20;
const USER = { token: 'bench-token', userId: 'bench' };
const NAME = 'large';

export async function largeFile(
  stage: Stage,
  undoing: LastFirst,
  sizes: Sizes,
  withPeers: boolean,
): Promise<readonly Finding[]> {
  const source = await stage.folder('large-source');
  await writeLarge(join(source, NAME), sizes.largeMiB);
  const rclone = withPeers ? await openRclone(stage) : null;
  const url = await benchPithos(undoing, join(stage.dir, 'pithos'), USER);
  await stage.addStore('pithos', 'pithos', url, { token: USER.token });
  const stores = stage.swift === null ? ['pithos'] : [SWIFT, 'pithos'];
  const rounds = new Rounds();
  for (let round = 1; round <= sizes.rounds; round += 1) {
    process.stdout.write(`W6, round ${round}: ${sizes.largeMiB} MiB\n`);
    for (const store of stores) {
      const container = `large-${round}`;
      for (const way of ['up', 'down']) {
        const name = `${store}-${way}-${round}`;
        const folder = await stage.folder(name);
        if (way === 'up') await writeLarge(join(folder, NAME), sizes.largeMiB);
        const cost = await stage.measureFleet(async () => {
          await stage.addPair({ name, folder, container, store, versioned: false });
          await stage.untilQuiet(name);
        });
        rounds.add(`Holdfast ${way}, ${store}`, 1, cost);
        await stage.operator.pairRemove(name);
      }
    }
    if (rclone === null) continue;
    const remote = remoteOf(`rclone-${round}`);
    rounds.add('rclone up, swift', 1, await rclone.copy(source, remote));
    rounds.add('rclone down, swift', 1, await rclone.copy(remote, await stage.folder(`rclone-${round}`)));
  }
  const conditions = [
    `One file of ${sizes.largeMiB} MiB. A PUT of Swift carries its digest, so the file is read twice.`,
  ];
  return [
    { id: 'W6', title: 'One large file', conditions, series: rounds.series, targets: targetsOf(rounds) },
  ];
}

function targetsOf(rounds: Rounds): readonly Target[] {
  const ours = rounds.series.filter(({ tool }) => tool.startsWith('Holdfast'));
  const speed = ours.flatMap((series): Target[] => {
    const peer = rounds.of(series.tool.replace('Holdfast', 'rclone'));
    if (peer === null) return [];
    const text = `${series.tool}: speed as a share of rclone`;
    return [
      { workload: 'W6', text, measured: wallOf(peer) / wallOf(series), limit: 1, wants: 'least', unit: 'x' },
    ];
  });
  const largest = Math.max(...ours.map(transferPeak));
  const text = 'memory of the transfer process';
  return [...speed, { workload: 'W6', text, measured: largest, limit: 200, wants: 'most', unit: 'MiB' }];
}

function transferPeak({ costs }: Series): number {
  return median(costs.map((cost) => cost.fleet?.peakMiB['transfer'] ?? Number.NaN));
}

async function writeLarge(path: string, mib: number): Promise<void> {
  const file = await open(path, 'w');
  try {
    for (let index = 0; index < mib; index += 1) await file.write(contentOf(`large ${index}`, MIB));
    const longAgo = new Date(Date.now() - 3_600_000);
    await file.utimes(longAgo, longAgo);
  } finally {
    await file.close();
  }
}
