/** Sabotage worker: the thread in which a file of the engine, or two, are others than on the disk. */
import { registerHooks } from 'node:module';
import { parentPort, workerData } from 'node:worker_threads';
// Nothing of the engine may be imported before the hook is there.
import { edited, editsOf, type Found, type Order } from './sabotages.ts';

const { sabotage, from, seeds } = workerData as Order;
const edits = editsOf(sabotage);

registerHooks({
  load(url, context, nextLoad) {
    const loaded = nextLoad(url, context);
    const edit = edits.find(({ file }) => url.endsWith(`/${file}`));
    return edit === undefined ? loaded : { ...loaded, source: edited(String(loaded.source), edit) };
  },
});

let found: Found | null = null;
const { play } = await import('./play.ts');
await play(
  { from, seeds, store: sabotage.store ?? null, until: null },
  ({ seed, violation }) => {
    if (violation !== null) found ??= { seed, message: violation.message };
  },
  () => found !== null,
);
parentPort?.postMessage(found);
