/** Swaps a directory for a link to another in an endless loop. Arguments: the directory, the link's target. */
import fs from 'node:fs';

const [directory = '', target = ''] = process.argv.slice(2);
const aside = `${directory}.aside`;

/** The other process makes and fills directories of these names meanwhile: any step may fail. */
function attempt(step: () => void): void {
  try {
    step();
  } catch (thrown) {
    if (!(thrown instanceof Error && 'syscall' in thrown)) throw thrown;
  }
}

const pause = new Int32Array(new SharedArrayBuffer(4));
let rounds = 0;
process.stdout.write('swapping\n');
for (;;) {
  attempt(() => fs.rmSync(aside, { recursive: true, force: true }));
  attempt(() => fs.renameSync(directory, aside));
  attempt(() => fs.symlinkSync(target, directory));
  attempt(() => fs.unlinkSync(directory));
  attempt(() => fs.renameSync(aside, directory));
  // The real directory stays for a moment, so that some commits get through and others are caught half-way.
  Atomics.wait(pause, 0, 0, rounds % 12);
  rounds += 1;
}
