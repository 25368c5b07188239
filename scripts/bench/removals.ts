/** Removals: W11. Many files removed here, and many moved below another directory. */
import { rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type Finding, Rounds } from './cost.ts';
import { CONNECTIONS } from './peers.ts';
import type { Sizes } from './sizes.ts';
import type { Stage } from './stage.ts';
import { rawSwift } from './stores.ts';
import { makeContents, writeTree } from './trees.ts';

const SHAPE = { perDirectory: 100, bytes: 1_024 };

/** A whole tree may go without an operator here. */
export const removalsEnv = (): Readonly<Record<string, string>> => ({
  HOLDFAST_DELETE_HOLD_PERCENT: '100',
  HOLDFAST_DELETE_HOLD_NAMES: '1000000000',
});

export async function removals(stage: Stage, sizes: Sizes): Promise<readonly Finding[]> {
  const { swift } = stage;
  if (swift === null) return [];
  const files = sizes.removed;
  process.stdout.write(`W11: ${files} files removed, ${files} renamed\n`);
  const rounds = new Rounds();
  for (const what of ['removed', 'renamed']) {
    const contents = makeContents({ files: files + SHAPE.perDirectory, ...SHAPE }, what);
    const folder = await stage.folder(what);
    await writeTree(folder, contents);
    const raw = await rawSwift(swift, what, false);
    await raw.putAll(contents, CONNECTIONS);
    await raw.close();
    await stage.addPair({ name: what, folder, container: what, versioned: what === 'renamed' });
    await stage.untilQuiet(what);
    const cost = await stage.measureFleet(async () => {
      // One stays: that everything goes is always asked about, whatever the limits are.
      const [, ...going] = new Set([...contents.keys()].map((name) => name.split('/')[0] ?? ''));
      for (const directory of going) {
        if (what === 'removed') await rm(join(folder, directory), { recursive: true });
        else await rename(join(folder, directory), join(folder, `moved-${directory}`));
      }
      await stage.sync(what);
    });
    rounds.add(`Holdfast, ${what}`, files, cost);
    await stage.operator.pairRemove(what);
  }
  const conditions = [
    `${files} files of ${SHAPE.bytes} bytes on Swift: removed from a container without versions, renamed in one with, where the store copies.`,
  ];
  return [{ id: 'W11', title: 'Many removed, many renamed', conditions, series: rounds.series, targets: [] }];
}
