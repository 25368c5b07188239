// A process of the tests: `hold` takes a job and never ends it; `close` works one job, closes and has to end by itself.

import { openForTest } from './open-for-test.ts';

const [task, server, prefix] = process.argv.slice(2);
const queue = await openForTest(JSON.parse(server ?? ''), prefix ?? '');
await new Promise<void>((taken) => {
  queue.consumeCandidates('v1', { concurrency: 1 }, () => {
    process.stdout.write('taken\n');
    taken();
    return task === 'hold' ? new Promise(() => setInterval(() => {}, 1_000)) : Promise.resolve();
  });
});
if (task === 'close') await queue.close();
