// npm run fuzz:names: generated names in both directions, synced through the real steps.
//
// usage: npm run fuzz:names [-- --names 5000] [-- --store memory|pithos|swift] [-- --seed N]
//   --names N    how many to draw here, and as many upstream (5000)
//   --store S    on which store (pithos)
//   --seed N     what is drawn (drawn anew and printed)
//
// Names that file systems, stores, databases or headers may stumble over are put in a folder
// and into its container, synced, changed on both sides and synced again. Exits 1 unless each
// is exact on both sides or a visible problem left as it was, and no other name appeared.

import { parseArgs } from 'node:util';
import type { OpenedStore } from '#test/conformance/object-store.ts';
import { fuzzNames, LONGEST_ON_SWIFT, pairOfEngine } from '#test/hostile/fuzz-names.ts';
import { openMemory } from '#test/memory/open-memory.ts';
import { openPithos } from '#test/store-pithos/open-pithos.ts';
import { openSwift } from '#test/store-swift/fixtures.ts';
import { startEngine } from '#test/support/engine.ts';
import { LastFirst } from '#test/support/last-first.ts';
import { type Cleanup, swift } from '#test/support/services.ts';

const USAGE = 'usage: npm run fuzz:names [-- --names 5000] [-- --store memory|pithos|swift] [-- --seed N]';

const STORES: Readonly<Record<string, (t: Cleanup) => Promise<OpenedStore>>> = {
  memory: () => openMemory(),
  pithos: (t) => openPithos(t),
  async swift(t) {
    const login = await swift();
    if (login === null) throw new Error('there is no Swift on this machine');
    return openSwift(t, login, true);
  },
};

const { values } = parseArgs({
  options: {
    names: { type: 'string', default: '5000' },
    store: { type: 'string', default: 'pithos' },
    seed: { type: 'string', default: String(Math.floor(Math.random() * 0x7fffffff)) },
    help: { type: 'boolean', default: false },
  },
});
const names = Number(values.names);
const seed = Number(values.seed);
const open = STORES[values.store];
if (values.help || !(names > 0) || !Number.isSafeInteger(seed) || open === undefined) {
  console.log(USAGE);
  process.exit(values.help ? 0 : 2);
}

console.log(`seed ${seed}`);
const undoing = new LastFirst();
try {
  const engine = await startEngine(undoing, await open(undoing));
  const longest = values.store === 'swift' ? LONGEST_ON_SWIFT : undefined;
  const report = await fuzzNames(pairOfEngine(engine), names, seed, longest);
  for (const [code, count] of Object.entries(report.problems).toSorted())
    console.log(`${String(count).padStart(7)}  ${code}`);
  for (const fault of report.faults.slice(0, 50)) console.log(`FAULT ${fault}`);
  console.log(
    `${names} names drawn here, ${names} upstream; at the end ${report.synced} of ${report.names} are synced, ${report.faults.length} faults`,
  );
  process.exitCode = report.faults.length > 0 ? 1 : 0;
} finally {
  await undoing.undo();
}
