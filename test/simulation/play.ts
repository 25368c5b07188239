/** Play: many seeds one after the other, on this thread or on several. */
import { Worker } from 'node:worker_threads';
import { generate } from './generate.ts';
import { run } from './run.ts';
import type { StoreWorld } from './scenario.ts';

export interface Range {
  readonly from: number;
  readonly seeds: number;
  /** Null: by the seed. */
  readonly store: StoreWorld | null;
  /** Milliseconds since the epoch after which no further one is begun; null: all are played. */
  readonly until: number | null;
}

export interface Played {
  readonly seed: number;
  readonly steps: number;
  /** Simulated milliseconds. */
  readonly tookMs: number;
  readonly acts: number;
  /** Null when all invariants held. */
  readonly violation: { readonly kind: string; readonly message: string } | null;
}

/** @param isOver asked after each seed. */
export async function play(
  { from, seeds, store, until }: Range,
  onPlayed: (played: Played) => void,
  isOver: () => boolean = () => false,
): Promise<void> {
  for (let seed = from; seed < from + seeds && !isOver(); seed += 1) {
    if (until !== null && Date.now() > until) return;
    const scenario = generate(seed, { store });
    const { violation, steps, tookMs } = await run(scenario);
    const found = violation === null ? null : { kind: violation.kind, message: violation.message };
    onPlayed({ seed, steps, tookMs, acts: scenario.acts.length, violation: found });
  }
}

/** As `play`, on several threads, each with a part of the seeds; results come in no particular order. */
export async function playOnThreads(
  { from, seeds, store, until }: Range,
  threads: number,
  onPlayed: (played: Played) => void,
): Promise<void> {
  const part = Math.ceil(seeds / threads);
  const ranges = Array.from({ length: threads }, (_, index): Range => {
    const first = from + index * part;
    return { from: first, seeds: Math.max(0, Math.min(part, from + seeds - first)), store, until };
  });
  await Promise.all(ranges.map((range) => playOnThread(range, onPlayed)));
}

function playOnThread(range: Range, onPlayed: (played: Played) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL('./play-worker.ts', import.meta.url), { workerData: range });
    worker.on('message', (played: readonly Played[]) => played.forEach(onPlayed));
    worker.on('error', reject);
    worker.on('exit', () => resolve());
  });
}
