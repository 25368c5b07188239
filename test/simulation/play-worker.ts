/** Play worker: one thread of `playOnThreads`; tells its results in batches, since each message has its price. */
import { parentPort, workerData } from 'node:worker_threads';
import { type Played, play, type Range } from './play.ts';

const BATCH = 50;

let batch: Played[] = [];
const tell = (): void => {
  parentPort?.postMessage(batch);
  batch = [];
};
await play(workerData as Range, (played) => {
  batch.push(played);
  if (batch.length >= BATCH) tell();
});
tell();
