/**
 * Sabotage: applies one sabotage while modules are loaded, in a thread of its own, and plays seeds until one of them
 * breaks an invariant. The files stay as they are.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { generate } from './generate.ts';
import { run } from './run.ts';
import { edited, editsOf, type Found, type Order, SABOTAGES } from './sabotages.ts';

const ROOT = join(import.meta.dirname, '..', '..');

/** @returns what caught it, or null when no seed did. A seed that fails without the sabotage too has caught nothing. */
export async function catchSabotage(order: Order): Promise<Found | null> {
  const { sabotage } = order;
  for (const edit of editsOf(sabotage)) edited(readFileSync(join(ROOT, edit.file), 'utf8'), edit);
  const end = order.from + order.seeds;
  let { from } = order;
  while (from < end) {
    const found = await playSabotaged({ sabotage, from, seeds: end - from });
    if (found === null) return null;
    const { violation } = await run(generate(found.seed, { store: sabotage.store ?? null }));
    if (violation === null) return found;
    from = found.seed + 1;
  }
  return null;
}

function playSabotaged(order: Order): Promise<Found | null> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL('./sabotage-worker.ts', import.meta.url), { workerData: order });
    let found: Found | null = null;
    worker.on('message', (message: Found | null) => {
      found = message;
    });
    worker.on('error', reject);
    worker.on('exit', () => resolve(found));
  });
}

const HELP = `Takes one safeguard after the other away from the engine; the simulation must notice each.

  npm run sim:sabotage                       all of them, each within 5,000 seeds
  npm run sim:sabotage -- --seeds 500        within fewer
  npm run sim:sabotage -- --only trash       those with this word in their name
  npm run sim:sabotage -- --jobs 2           two at a time
`;

export async function main(words: readonly string[]): Promise<number> {
  const value = (option: string): string | undefined => words[words.indexOf(option) + 1];
  if (words.includes('--help')) {
    process.stdout.write(HELP);
    return 0;
  }
  const seeds = words.includes('--seeds') ? Number(value('--seeds')) : 5_000;
  const only = words.includes('--only') ? (value('--only') ?? '') : '';
  const jobs = words.includes('--jobs') ? Number(value('--jobs')) : 1;
  const chosen = SABOTAGES.filter(({ name }) => name.includes(only));
  let next = 0;
  let missed = 0;
  const work = async (): Promise<void> => {
    for (let sabotage = chosen[next]; sabotage !== undefined; sabotage = chosen[next]) {
      next += 1;
      const found = await catchSabotage({ sabotage, from: 1, seeds });
      if (found === null) missed += 1;
      const caught = found === null ? `NOT CAUGHT in ${seeds} seeds` : `seed ${found.seed}: ${found.message}`;
      process.stdout.write(`${sabotage.name.padEnd(62)}  ${caught}\n`);
    }
  };
  await Promise.all(Array.from({ length: jobs }, work));
  process.stdout.write(`${chosen.length} sabotages, ${chosen.length - missed} caught\n`);
  return missed === 0 ? 0 : 1;
}
