/** One of the workers of `npm run bench:limits`: moves content through the limits of the fleet, up and down at once, until it is killed. */
import { randomBytes } from 'node:crypto';
import { openDatabase } from '#libs/archive-prisma/database.ts';
import { createHttpClient } from '#libs/http/client.ts';
import { pacedHttp } from '#libs/http/paced.ts';
import { openRedisMeter } from '#libs/limit-redis/meter.ts';
import { systemClock } from '#libs/runtime/clock.ts';
import { FleetLimits } from '#steps/fleet-limits.ts';
import { SILENT } from '#test/support/engine.ts';

const STREAMS = 4;
const FILE = randomBytes(3_000_000);

const [databaseUrl = '', redisUrl = '', storeUrl = ''] = process.argv.slice(2);
const database = openDatabase({ url: databaseUrl, poolSize: 2, log: SILENT });
const meter = openRedisMeter({ url: redisUrl, prefix: 'bench' });
const limits = new FleetLimits({ book: database.limits, meter, clock: systemClock, log: SILENT });
const http = pacedHttp(createHttpClient({ connections: STREAMS, timeoutMs: 60_000 }), limits.gate(1, 1));

async function* content(): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < FILE.length; at += 1_048_576) yield FILE.subarray(at, at + 1_048_576);
}

async function move(isUpload: boolean): Promise<never> {
  for (;;) {
    const response = await http.request(
      isUpload
        ? {
            method: 'PUT',
            url: storeUrl,
            headers: { 'content-length': String(FILE.length) },
            body: content(),
          }
        : { method: 'GET', url: storeUrl },
    );
    for await (const piece of response.body) void piece;
  }
}

await Promise.all(Array.from({ length: STREAMS }, (_none, index) => move(index % 2 === 0)));
