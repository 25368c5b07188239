// npm run quickstart: Holdfast at work on this machine, with a Pithos server to talk to.
//
// usage: npm run quickstart [-- --once] [-- --data DIR]
//   --once       show everything, print a table of what was seen, stop; exit 1 when anything is not ok
//   --data DIR   keep everything in DIR, to go on with it next time
//
// Without --data everything is in a fresh temporary folder, which goes away at the end.
// Whatever happens, nothing is left running.

import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { isAlive } from '../libs/services/processes.ts';
import {
  HOLDFAST,
  holdfast,
  quickstartEnv,
  type RunningPithos,
  startPithos,
  startUp,
  TOKEN,
} from './quickstart-services.ts';

const PREFIX = 'holdfast-quickstart-';
const PAIR = 'demo';
const CONTAINER = 'demo';
/** By itself, without anybody asking for a sync. */
const ARRIVES_MS = 15_000;

interface Row {
  readonly did: string;
  readonly saw: string;
  readonly isOk: boolean;
}

interface Demo {
  readonly folder: string;
  readonly pithos: RunningPithos;
  readonly run: (...words: readonly string[]) => Promise<unknown>;
  readonly step: (did: string, work: () => Promise<string>) => Promise<void>;
}

const stopping = new AbortController();
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, () => stopping.abort());

const { values } = parseArgs({
  options: { once: { type: 'boolean', default: false }, data: { type: 'string' } },
});
process.exitCode = (await quickstart(values.once, values.data)) ? 0 : 1;

async function quickstart(isOnce: boolean, given: string | undefined): Promise<boolean> {
  await using stack = new AsyncDisposableStack();
  const rows: Row[] = [];
  try {
    const data = provideFolder(given, stack);
    const url = await demonstrate(data, rows, stack);
    if (isOnce) {
      printTable(rows);
    } else if (!stopping.signal.aborted) {
      await untilStopped(data, url);
    }
  } catch (thrown) {
    if (stopping.signal.aborted) console.log('Interrupted.');
    else console.error(`quickstart: ${thrown instanceof Error ? thrown.message : String(thrown)}`);
    return false;
  } finally {
    console.log('Stopping everything.');
  }
  return rows.length > 0 && rows.every((row) => row.isOk);
}

function printTable(rows: readonly Row[]): void {
  const width = Math.max(...rows.map(({ did }) => did.length));
  console.log(`\nok   ${'done'.padEnd(width)}  seen`);
  for (const { isOk, did, saw } of rows) console.log(`${isOk ? 'yes' : 'NO '}  ${did.padEnd(width)}  ${saw}`);
  console.log('');
}

function provideFolder(given: string | undefined, stack: AsyncDisposableStack): string {
  if (given !== undefined) {
    const data = resolve(given);
    mkdirSync(data, { recursive: true });
    console.log(`Everything is kept in ${data}`);
    return data;
  }
  sweepLeftovers();
  const data = mkdtempSync(join(tmpdir(), `${PREFIX}${process.pid}-`));
  chmodSync(data, 0o711); // PostgreSQL runs as a user of its own when we are root.
  stack.defer(() => rmSync(data, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 }));
  console.log(`Everything is in ${data}, until the end`);
  return data;
}

// A run that was killed took its processes with it, but not its folder.
function sweepLeftovers(): void {
  for (const name of readdirSync(tmpdir())) {
    const pid = name.startsWith(PREFIX) ? Number(name.slice(PREFIX.length).split('-')[0]) : 0;
    const folder = join(tmpdir(), name);
    if (!(pid > 0) || isAlive(pid) || statSync(folder).uid !== process.getuid?.()) continue;
    rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  }
}

/** @returns the address of everything. */
async function demonstrate(data: string, rows: Row[], stack: AsyncDisposableStack): Promise<string> {
  const env = quickstartEnv(data);
  const step = async (did: string, work: () => Promise<string>): Promise<void> => {
    stopping.signal.throwIfAborted();
    let row: Row;
    try {
      row = { did, saw: await work(), isOk: true };
    } catch (thrown) {
      row = { did, saw: thrown instanceof Error ? thrown.message : String(thrown), isOk: false };
    }
    rows.push(row);
    console.log(`${row.isOk ? 'ok ' : 'NOT OK '} ${did}: ${row.saw}`);
  };
  const run = (...words: readonly string[]): Promise<unknown> => {
    console.log(`   $ holdfast ${words.join(' ')}`);
    return holdfast(env, ...words);
  };

  console.log('Starting Holdfast with a PostgreSQL of its own, and a Pithos server for development');
  // Both are awaited even when one fails, so that the other is stopped.
  const startedAt = performance.now();
  const [up, server] = await Promise.allSettled([startUp(env, data), startPithos(data, CONTAINER)]);
  if (server.status === 'fulfilled') stack.defer(() => server.value.stop());
  if (up.status === 'fulfilled') stack.defer(() => up.value.stop());
  if (up.status === 'rejected') throw up.reason;
  if (server.status === 'rejected') throw server.reason;

  const demo: Demo = { folder: join(data, 'folder'), pithos: server.value, run, step };
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
  await step('start everything', async () => `ready at ${up.value.url}, its console too, after ${seconds} s`);
  await showFirstSync(demo, data);
  await showBothDirections(demo);
  await showConflict(demo);
  await step('compare both sides', () => compareSides(demo));
  return up.value.url;
}

function makeSamples(folder: string): void {
  mkdirSync(join(folder, 'an empty folder'), { recursive: true });
  mkdirSync(join(folder, 'letters'), { recursive: true });
  writeFileSync(join(folder, 'letters', 'hello.txt'), 'Hello from this folder.\n');
  writeFileSync(join(folder, 'empty.txt'), '');
  writeFileSync(join(folder, 'naïve Καλημέρα 😀.txt'), 'Names are kept as they are.\n');
  // Bytes that no text has, the same in every run.
  writeFileSync(
    join(folder, 'one-mebibyte.bin'),
    Uint8Array.from({ length: 1 << 20 }, (_, at) => (at * at) >> 7),
  );
}

async function showFirstSync({ folder, pithos, run, step }: Demo, data: string): Promise<void> {
  const tokenFile = join(data, 'token');
  writeFileSync(tokenFile, TOKEN, { mode: 0o600 });
  await step('name the store', async () => {
    const known = (await run('store', 'list')) as { name: string }[];
    if (known.some(({ name }) => name === 'pithos')) return 'it is known from an earlier run';
    await run(
      'store',
      'add',
      'pithos',
      '--kind',
      'pithos',
      '--url',
      pithos.loginUrl,
      '--secret-file',
      tokenFile,
    );
    return `login at ${pithos.loginUrl}, its secret stays in ${tokenFile}`;
  });
  await step('pair a folder with a container', async () => {
    makeSamples(folder);
    const known = (await run('pair', 'list')) as { name: string }[];
    if (known.some(({ name }) => name === PAIR)) return 'they are paired from an earlier run';
    await run('pair', 'add', PAIR, '--folder', folder, '--store', 'pithos', '--container', CONTAINER);
    return `${folder} and container "${CONTAINER}"`;
  });
  await step('sync for the first time', async () => {
    await run('sync', PAIR, '--wait', '--timeout', '60s');
    const names = await pithos.names();
    for (const name of localNames(folder)) {
      if (!names.includes(name)) throw new Error(`"${name}" is not upstream`);
    }
    return `all ${localNames(folder).length} names of the folder are upstream`;
  });
}

async function showBothDirections({ folder, pithos, step }: Demo): Promise<void> {
  await step('edit a file here', async () => {
    const text = `Edited here at ${new Date().toISOString()}\n`;
    writeFileSync(join(folder, 'letters', 'hello.txt'), text);
    await arrives(
      'the edit did not arrive upstream',
      async () => (await pithos.get('letters/hello.txt')) === text,
    );
    return 'the new content arrived upstream, nobody asked';
  });
  await step('write an object upstream', async () => {
    const text = `Written upstream at ${new Date().toISOString()}\n`;
    await pithos.put('letters/answer.txt', text);
    const file = join(folder, 'letters', 'answer.txt');
    await arrives(
      'the object did not arrive here',
      async () => existsSync(file) && readFileSync(file, 'utf8') === text,
    );
    return 'it arrived as a file here, nobody asked';
  });
}

async function showConflict({ folder, pithos, run, step }: Demo): Promise<void> {
  await step('change one file on both sides', async () => {
    const at = new Date().toISOString();
    const here = `What was written here at ${at}\n`;
    const there = `What was written upstream at ${at}\n`;
    // While the pair rests, nobody can carry one change over before the other is made.
    await run('pair', 'pause', PAIR);
    writeFileSync(join(folder, 'letters', 'hello.txt'), here);
    await pithos.put('letters/hello.txt', there);
    await run('pair', 'resume', PAIR);
    await run('sync', PAIR, '--wait', '--timeout', '60s');
    if (readFileSync(join(folder, 'letters', 'hello.txt'), 'utf8') !== there)
      throw new Error('upstream did not take the name');
    const copies = readdirSync(join(folder, 'letters')).filter((name) => name.startsWith('hello_'));
    const copy = copies.find((name) => readFileSync(join(folder, 'letters', name), 'utf8') === here);
    if (copy === undefined) throw new Error('there is no conflict copy of what was written here');
    if ((await pithos.get(`letters/${copy}`)) !== here) throw new Error(`${copy} is not upstream`);
    return `upstream has the name; what was written here is in ${copy}, on both sides`;
  });
}

async function compareSides({ folder, pithos, run }: Demo): Promise<string> {
  await run('sync', PAIR, '--wait', '--timeout', '60s');
  const upstream = [...(await pithos.names())].sort();
  const here = [...localNames(folder)].sort();
  if (JSON.stringify(upstream) !== JSON.stringify(here)) {
    throw new Error(`here: ${here.join(', ')}; upstream: ${upstream.join(', ')}`);
  }
  const problems = (await run('problems', PAIR)) as unknown[];
  if (problems.length > 0) throw new Error(`${problems.length} problems`);
  return `the same ${here.length} names on both, no problems`;
}

function localNames(folder: string): readonly string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter(
    (name) => name !== '.holdfast' && !name.startsWith('.holdfast/'),
  );
}

async function arrives(otherwise: string, hasArrived: () => Promise<boolean>): Promise<void> {
  for (const deadline = performance.now() + ARRIVES_MS; !(await hasArrived()); await sleep(50)) {
    stopping.signal.throwIfAborted();
    if (performance.now() > deadline) throw new Error(otherwise);
  }
}

async function untilStopped(data: string, url: string): Promise<void> {
  const { signal } = stopping;
  console.log(`
All of it goes on running, for you to play with:
  the folder    ${join(data, 'folder')}
  the objects   ${join(data, 'pithos')} (token ${TOKEN})
  the logs      ${join(data, 'holdfast', 'logs')}
  the console   ${url}, once you have made yourself an account:
  ${HOLDFAST} account set me --role operator --file '${join(data, 'holdfast', 'accounts.json')}'
Change files in the folder, and ask in another terminal:
  export HOLDFAST_DATA='${join(data, 'holdfast')}'
  ${HOLDFAST} status
  ${HOLDFAST} why ${PAIR} letters/hello.txt
Ctrl-C stops everything.`);
  // The services do not keep this process alive.
  while (!signal.aborted) await sleep(60_000, undefined, { signal }).catch(() => {});
}
