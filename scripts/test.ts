// npm test: the whole test suite on real services.
//
// usage: npm test [-- PATH... | --OPTION-OF-NODE-TEST...]
//
// Starts PostgreSQL, Redis, Swift and, where it is built, an S3 server in a scratch folder, tells the tests where
// they are in TEST_* variables, runs `node --test`, and ends everything again
// whatever happens. The last line is "N passed, N failed".
//   HOLDFAST_TEST_DATABASE_URL or DATABASE_URL   use that server: the tests only create and
//                                                drop databases named holdfast_t* there
//   REDIS_URL                                    use that Redis
//   HOLDFAST_TEST_MINUTES                        give up after this time (25)
//   HOLDFAST_TEST_CONCURRENCY                    test files at once (2)
//   HOLDFAST_TEST_SWIFT_FILES                    files of the tree that Swift syncs two ways (1500)

import { type ChildProcess, spawn } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join, relative, resolve } from 'node:path';
import { installDebianPackages } from '../libs/services/debian.ts';
import { startPostgres } from '../libs/services/embedded-postgres.ts';
import { isAlive } from '../libs/services/processes.ts';
import { findRedis, startRedis } from '../libs/services/redis.ts';
import { ensureSwift, startSwift, stopSwift } from '../libs/services/swift.ts';
import { startS3Server, whyNoS3Server } from '../libs/services/versitygw.ts';
import { createTemplate, dropDatabase } from '../test/support/template-database.ts';
import type { TestCounts } from './test-counts.ts';

const ROOT = resolve(import.meta.dirname, '..');
const SCRATCH = 'holdfast-test-';
const SLOWEST_SHOWN = 20;
const SERVICE_VARIABLES = /^(DATABASE_URL|REDIS_URL|HOLDFAST_(?!TEST_).*|TEST_.*|NODE_TEST_CONTEXT)$/;

process.chdir(ROOT);
const stops: (() => Promise<void> | void)[] = [];
const remarks: string[] = [];
let child: ChildProcess | undefined;
let interrupted = false;
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(name, () => {
    interrupted = true;
    child?.kill(name === 'SIGHUP' ? 'SIGTERM' : name);
  });
}

let counts: TestCounts = { passed: 0, failed: 1, skipped: 0, ended: [], took: {} };
try {
  counts = await main(process.argv.slice(2));
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error));
} finally {
  for (const stop of stops.reverse()) {
    try {
      await stop();
    } catch (error) {
      console.error(`after the tests: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
}
// Test files that were ended from outside left their own services' folders.
if (interrupted || counts.failed > 0) await sweepLeftovers().catch(() => {});
const skipped = counts.skipped > 0 ? `, ${counts.skipped} skipped` : '';
for (const remark of remarks) console.log(remark);
console.log(`${counts.passed} passed, ${counts.failed} failed${skipped}`);
process.exit(counts.failed > 0 || counts.passed === 0 || interrupted ? 1 : 0);

async function main(args: readonly string[]): Promise<TestCounts> {
  const files = selectFiles(args.filter((arg) => !arg.startsWith('-')));
  if (files.length === 0) throw new Error('no test file matches');
  await sweepLeftovers();
  const scratch = mkdtempSync(join(tmpdir(), `${SCRATCH}${process.pid}-`));
  chmodSync(scratch, 0o755); // The services run as users of their own.
  stops.push(() => rmSync(scratch, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 }));

  const ofSwift = /swift|open-stores/i;
  const wantsSwift = files.some((file) => ofSwift.test(file) || ofSwift.test(readFileSync(file, 'utf8')));
  const wantsS3 = files.some(
    (file) => readFileSync(file, 'utf8').includes('s3()') || file.includes('store-s3'),
  );
  // All are awaited even when one fails, so that each registers how it is stopped.
  const started = await Promise.allSettled([
    providePostgres(join(scratch, 'postgres')),
    provideRedis(join(scratch, 'redis')),
    wantsSwift ? provideSwift(join(scratch, 'swift')) : {},
    wantsS3 ? provideS3(join(scratch, 's3')) : {},
  ]);
  for (const result of started) if (result.status === 'rejected') throw result.reason;
  if (interrupted) throw new Error('interrupted');
  const services = Object.assign({}, ...started.map((result) => ('value' in result ? result.value : {})));
  const options = args.filter((arg) => arg.startsWith('-'));
  // What one process compiled the thousands after it need not. Tests run some of them as other users.
  const compiled = join(scratch, 'compiled');
  mkdirSync(compiled);
  chmodSync(compiled, 0o1777);
  return runTests(files, options, join(scratch, 'counts'), { ...services, NODE_COMPILE_CACHE: compiled });
}

/** All test files, or those that the given files, folders or parts of a path name; of a browser and of more stores only when named. */
function selectFiles(wanted: readonly string[]): string[] {
  const all = globSync('test/**/*.{test,browser,stores}.ts').sort();
  if (wanted.length === 0) return all.filter((file) => file.endsWith('.test.ts'));
  return all.filter((file) =>
    wanted.some((name) => {
      const path = relative(ROOT, resolve(name));
      return file === path || file.startsWith(`${path}/`) || (!existsSync(path) && file.includes(name));
    }),
  );
}

// A runner that was killed could not clean up. PostgreSQL and Redis went with it, Swift did not.
async function sweepLeftovers(): Promise<void> {
  for (const name of readdirSync(tmpdir())) {
    const pid = name.startsWith(SCRATCH) ? Number(name.slice(SCRATCH.length).split('-')[0]) : 0;
    if (!(pid > 0) || isAlive(pid)) continue;
    const dir = join(tmpdir(), name);
    if (statSync(dir).uid !== process.getuid?.()) continue;
    for (const swift of [dir, join(dir, 'swift')]) {
      if (existsSync(join(swift, 'run', 'proxy.pid'))) await stopSwift(swift);
    }
    rmSync(dir, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  }
}

type Env = Record<string, string>;

async function providePostgres(dataDir: string): Promise<Env> {
  const template = `holdfast_template_${process.pid}`;
  let adminUrl = process.env['HOLDFAST_TEST_DATABASE_URL'] || process.env['DATABASE_URL'];
  if (!adminUrl) {
    const server = await startPostgres({ dataDir, fast: true, dieWithParent: true, log: console.log });
    stops.push(() => server.stop());
    adminUrl = server.url;
  }
  const url = adminUrl;
  await createTemplate(url, template);
  stops.push(() => dropDatabase(url, template));
  return { TEST_DATABASE_URL: url, TEST_DATABASE_TEMPLATE: template };
}

async function provideRedis(dir: string): Promise<Env> {
  let found = findRedis();
  if (found === null) {
    const reason = await installDebianPackages(['redis-server']);
    found = findRedis();
    if (found === null) {
      throw new Error(
        `The tests need Redis: ${reason ?? 'its package has no redis-server'}. Install Redis 7 or set REDIS_URL.`,
      );
    }
  }
  if (found.kind === 'url') return { TEST_REDIS_URL: found.url };
  const redis = await startRedis({ dir, dieWithParent: true, log: console.log });
  stops.push(() => redis.stop());
  return { TEST_REDIS_URL: redis.url };
}

function leaveOut(what: string, reason: string): Env {
  const text = `Tests on a real ${what} are LEFT OUT: ${reason.replace(/\.$/, '')}.`;
  console.log(text);
  remarks.push(text); // Said again at the end, where it is not scrolled away.
  return {};
}

async function provideSwift(dir: string): Promise<Env> {
  const missing = await ensureSwift(console.log);
  if (missing !== null) return leaveOut('Swift', missing);
  const swift = await startSwift({ dir, log: console.log }).catch((error: unknown) => String(error));
  if (typeof swift === 'string') return leaveOut('Swift', swift);
  stops.push(() => swift.stop());
  return {
    TEST_SWIFT_AUTH_URL: swift.authUrl,
    TEST_SWIFT_USER: swift.user,
    TEST_SWIFT_KEY: swift.key,
    TEST_SWIFT_DIR: swift.dir,
    TEST_SWIFT_PORT: String(swift.port),
  };
}

async function provideS3(dir: string): Promise<Env> {
  const missing = whyNoS3Server();
  if (missing !== null) return leaveOut('S3 server', `${missing}, and npm run test:stores builds it`);
  const options = { dir, dieWithParent: true, log: console.log };
  const server = await startS3Server(options).catch((error: unknown) => String(error));
  if (typeof server === 'string') return leaveOut('S3 server', server);
  stops.push(() => server.stop());
  return {
    TEST_S3_URL: server.url,
    TEST_S3_REGION: server.region,
    TEST_S3_ACCESS_KEY_ID: server.accessKeyId,
    TEST_S3_SECRET_ACCESS_KEY: server.secretAccessKey,
  };
}

async function runTests(
  files: readonly string[],
  options: readonly string[],
  countsFile: string,
  services: Env,
): Promise<TestCounts> {
  writeFileSync(countsFile, '');
  const kept = Object.entries(process.env).filter(([key]) => !SERVICE_VARIABLES.test(key));
  const bin = join(ROOT, 'node_modules', '.bin');
  const running = spawn(
    process.execPath,
    [
      '--test',
      `--test-concurrency=${process.env['HOLDFAST_TEST_CONCURRENCY'] || 2}`,
      '--test-timeout=300000',
      '--test-reporter=spec',
      '--test-reporter-destination=stdout',
      `--test-reporter=${join(import.meta.dirname, 'test-counts.ts')}`,
      `--test-reporter-destination=${countsFile}`,
      ...options,
      ...files,
    ],
    {
      stdio: ['ignore', 'inherit', 'inherit'],
      env: {
        ...Object.fromEntries(kept),
        ...services,
        PATH: `${bin}${delimiter}${process.env['PATH'] ?? ''}`,
      },
    },
  );
  child = running;
  const minutes = Number(process.env['HOLDFAST_TEST_MINUTES'] || 25);
  let late = false;
  const limit = setTimeout(() => {
    late = true;
    running.kill('SIGINT');
    setTimeout(() => running.kill('SIGKILL'), 5_000).unref();
  }, minutes * 60_000);
  const code = await new Promise<number | null>((done) => {
    running.once('error', () => done(null));
    running.once('exit', (status) => done(status));
  });
  clearTimeout(limit);

  const result = readCounts(countsFile);
  if (files.length > SLOWEST_SHOWN) tellSlowest(result);
  if (late) {
    const open = files.filter((file) => !result.ended.includes(file));
    console.log(`The run took longer than ${minutes} minutes; these files did not end: ${open.join(' ')}`);
  }
  // Whatever went wrong outside the tests must not look like success.
  if (late || (code !== 0 && result.failed === 0)) result.failed++;
  return result;
}

function tellSlowest({ took }: TestCounts): void {
  const slowest = Object.entries(took).toSorted(([, a], [, b]) => b - a);
  const shown = slowest.slice(0, SLOWEST_SHOWN).map(([file, ms]) => `${Math.round(ms / 1000)} s ${file}`);
  console.log(`\nThe slowest files: ${shown.join(', ')}`);
}

function readCounts(file: string): TestCounts {
  const last = readFileSync(file, 'utf8').trim().split('\n').at(-1);
  return last ? (JSON.parse(last) as TestCounts) : { passed: 0, failed: 0, skipped: 0, ended: [], took: {} };
}
