/** Sabotage worker: the thread in which one file of the engine is another than on the disk. */
import { registerHooks } from 'node:module';
import { parentPort, workerData } from 'node:worker_threads';
// Nothing of the engine may be imported before the hook is there.
import { type Found, type Order, sabotaged } from './sabotages.ts';

const { sabotage, from, seeds } = workerData as Order;

registerHooks({
  load(url, context, nextLoad) {
    const loaded = nextLoad(url, context);
    if (!url.endsWith(`/${sabotage.file}`)) return loaded;
    return { ...loaded, source: sabotaged(String(loaded.source), sabotage) };
  },
});

let found: Found | null = null;
const { play } = await import('./play.ts');
await play(
  { from, seeds, store: sabotage.store ?? null },
  ({ seed, violation }) => {
    if (violation !== null) found ??= { seed, message: violation.message };
  },
  () => found !== null,
);
parentPort?.postMessage(found);
