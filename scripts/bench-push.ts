/**
 * npm run bench:push: how soon a change upstream is here when the store notifies of it, with polls
 * a minute apart: from the answer to a PUT until the file is there, through all four processes.
 *
 *   --changes N    how many (40)
 */
import { createHmac } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { freePort } from '#libs/services/processes.ts';
import { openRawPithos, openRawSwiftContainer } from '#test/e2e/raw-container.ts';
import { secretFile, startFleet } from '#test/support/fleet.ts';
import { LastFirst } from '#test/support/last-first.ts';
import { testDatabase, testRedisUrl } from '#test/support/services.ts';
import { percentile } from './bench/cost.ts';
import { benchDirectory } from './bench/services.ts';

const SECRET = 'bench-secret';
const LIMIT_MS = 500;
const GIVE_UP_MS = 20_000;

const { values } = parseArgs({ options: { changes: { type: 'string', default: '40' } } });
const undoing = new LastFirst();

try {
  const port = await freePort();
  const databaseUrl = await testDatabase(undoing);
  const secrets = await benchDirectory(undoing, 'holdfast-bench-push-');
  const fleet = await startFleet(undoing, {
    databaseUrl,
    redisUrl: await testRedisUrl(),
    env: {
      HOLDFAST_POLL_INTERVAL_MS: '60000',
      HOLDFAST_NOTIFY_PORT: String(port),
      HOLDFAST_NOTIFY_SECRETS: secrets,
    },
  });
  for (const container of [await openRawPithos(undoing, 0), await openRawSwiftContainer(undoing)]) {
    if (container === null) continue;
    const { kind, url, secret } = container.endpoint;
    const folder = join(fleet.dir, kind);
    await mkdir(folder);
    await writeFile(join(secrets, kind), SECRET);
    const login = await secretFile(fleet, secret);
    await fleet.json('store', 'add', kind, '--kind', kind, '--url', url, '--secret-file', login);
    await fleet.json('pair', 'add', kind, '--folder', folder, '--store', kind, '--container', container.name);
    await fleet.sync(kind);
    const took: number[] = [];
    for (let change = 0; change < Number(values.changes); change += 1) {
      const name = `change-${change % 10}`;
      const text = `content ${change}`;
      await container.put(name, Buffer.from(text));
      const began = performance.now();
      await notify(port, kind, { container: container.name, names: [name] });
      while ((await readFile(join(folder, name), 'utf8').catch(() => '')) !== text) {
        if (performance.now() - began > GIVE_UP_MS) throw new Error(`${name} did not come`);
        await sleep(4);
      }
      took.push(performance.now() - began);
    }
    const [median, late] = [percentile(took, 0.5), percentile(took, 0.95)];
    const isGood = median < LIMIT_MS;
    console.log(
      `${isGood ? 'ok  ' : 'MISS'} ${kind}: ${took.length} changes, median ${median.toFixed(0)} ms, 95 % ${late.toFixed(0)} ms`,
    );
    if (!isGood) process.exitCode = 1;
  }
} finally {
  await undoing.undo();
}

async function notify(port: number, store: string, notice: unknown): Promise<void> {
  const body = JSON.stringify(notice);
  const timestamp = String(Math.floor(Date.now() / 1_000));
  const hex = createHmac('sha256', SECRET).update(`${timestamp}.${body}`).digest('hex');
  const answer = await fetch(`http://127.0.0.1:${port}/notify/${store}`, {
    method: 'POST',
    headers: { 'x-holdfast-timestamp': timestamp, 'x-holdfast-signature': `sha256=${hex}` },
    body,
  });
  if (answer.status !== 204) throw new Error(`the notification was answered ${answer.status}`);
}
