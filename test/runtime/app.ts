// A process of the tests: its argument says how it behaves, its lines on standard output what happened.

import { setTimeout as sleep } from 'node:timers/promises';
import { createLog } from '#libs/runtime/log.ts';
import { runProcess } from '#libs/runtime/start.ts';
import { HoldfastError } from '#ports/errors.ts';

const [behaviour, port = '0'] = process.argv.slice(2);
const say = (word: string) => process.stdout.write(`${word}\n`);

await runProcess({
  name: 'app',
  config: { drainMs: behaviour === 'hang' ? 200 : 2_000, httpPort: Number(port) },
  log: createLog({ name: 'app', level: 'info' }),
  start: async () => {
    if (behaviour === 'refuse') {
      throw new HoldfastError(
        'configuration-invalid',
        'REDIS_URL points at redis://u:sesame@h and is wrong.',
      );
    }
    if (behaviour === 'misuse') throw new HoldfastError('usage', 'Say what to do.');
    // Works on: without this the process would have nothing to do and end.
    const work = setInterval(() => {}, 1_000);
    if (behaviour === 'reject') setTimeout(() => Promise.reject(new Error('nobody handles this')), 100);
    say('started');
    return {
      ready: async () => behaviour !== 'unready',
      metrics: async () => [],
      async drain(budgetMs) {
        say(`draining ${budgetMs}`);
        if (behaviour === 'hang') await new Promise(() => {});
        await sleep(behaviour === 'slow' ? 1_500 : 50);
        clearInterval(work);
        say('drained');
      },
    };
  },
});
