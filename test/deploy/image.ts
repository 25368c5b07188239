/**
 * Image: the file set that the Dockerfile puts together, laid out on this machine without a
 * container runtime, and commands run in it as the image's user. What a build would fetch is
 * taken from this checkout: the packages that the lock file leaves after the Dockerfile's own
 * `npm` lines, and the generated client.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { chmod, cp, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import type { Cleanup } from '#test/support/services.ts';

const CHECKOUT = resolve(import.meta.dirname, '../..');

/** Why commands cannot be run as another user here; null where they can. */
export function whyNotAsUser(): string | null {
  if (process.getuid?.() !== 0) return "only root can run the image's commands as the image's user";
  if (!existsSync('/usr/bin/setpriv')) return 'there is no setpriv (util-linux) on this machine';
  return null;
}

export interface Dockerfile {
  /** Build context to image, in order. */
  readonly copies: readonly { readonly from: readonly string[]; readonly to: string }[];
  readonly runs: readonly string[];
  /** Packages that are taken away again, with all that only they need. */
  readonly uninstalled: readonly string[];
  readonly user: string;
}

export function readDockerfile(): Dockerfile {
  const lines = readFileSync(join(CHECKOUT, 'Dockerfile'), 'utf8').split('\n');
  const words = (verb: string): string[][] =>
    lines.filter((line) => line.startsWith(`${verb} `)).map((line) => line.split(/\s+/).slice(1));
  const copies = words('COPY')
    .filter(([first = '']) => !first.startsWith('--from'))
    .map((each) => ({ from: each.slice(0, -1), to: each.at(-1) ?? '' }));
  const runs = words('RUN').map((each) => each.join(' '));
  const uninstall = words('RUN').find(([npm, verb]) => npm === 'npm' && verb === 'uninstall') ?? [];
  const uninstalled = uninstall.slice(2).filter((word) => !word.startsWith('-'));
  return { copies, runs, uninstalled, user: words('USER').at(-1)?.[0] ?? '0' };
}

/** Whether `.dockerignore` lets a file of the checkout into the build context; the last line that matches decides. */
export function isInContext(path: string): boolean {
  let included = true;
  for (const line of readFileSync(join(CHECKOUT, '.dockerignore'), 'utf8').split('\n')) {
    if (line === '' || line.startsWith('#')) continue;
    const isException = line.startsWith('!');
    const pattern = isException ? line.slice(1) : line;
    if (pattern === '*' || path === pattern || path.startsWith(`${pattern}/`)) included = isException;
  }
  return included;
}

interface LockedPackage {
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
  readonly peerDependenciesMeta?: Readonly<Record<string, { readonly optional?: boolean }>>;
}

/** Folders of the packages that are left, as `node_modules/...`. */
function packagesWithout(uninstalled: readonly string[]): readonly string[] {
  const { packages } = JSON.parse(readFileSync(join(CHECKOUT, 'package-lock.json'), 'utf8')) as {
    packages: Readonly<Record<string, LockedPackage>>;
  };
  const found = new Set<string>();
  const visit = (at: string, name: string): void => {
    let from = at;
    for (;;) {
      const place = from === '' ? `node_modules/${name}` : `${from}/node_modules/${name}`;
      if (packages[place] !== undefined) {
        if (found.has(place)) return;
        found.add(place);
        for (const next of neededBy(packages[place])) visit(place, next);
        return;
      }
      if (from === '') return;
      const above = from.lastIndexOf('/node_modules/');
      from = above === -1 ? '' : from.slice(0, above);
    }
  };
  for (const name of Object.keys(packages['']?.dependencies ?? {}))
    if (!uninstalled.includes(name)) visit('', name);
  // One inside another comes with it.
  return [...found].filter((place) => place.lastIndexOf('node_modules/') === 0);
}

function neededBy(locked: LockedPackage): string[] {
  const peers = Object.keys(locked.peerDependencies ?? {}).filter(
    (name) => locked.peerDependenciesMeta?.[name]?.optional !== true,
  );
  return [
    ...Object.keys(locked.dependencies ?? {}),
    ...Object.keys(locked.optionalDependencies ?? {}),
    ...peers,
  ];
}

export interface Image {
  readonly dir: string;
  /** Starts a command in the image's working directory as its user; nothing of this process's environment is there. */
  start(command: readonly string[], env: Readonly<Record<string, string>>, user?: string): ChildProcess;
}

/** Lays the image out; gone after the test. */
export async function openImage(t: Cleanup): Promise<Image> {
  const dockerfile = readDockerfile();
  const dir = await mkdtemp(join(tmpdir(), 'holdfast-image-'));
  t.after(() => rm(dir, { recursive: true, force: true }));
  const tracked = execFileSync('git', ['ls-files', '-co', '--exclude-standard', '-z'], {
    cwd: CHECKOUT,
    encoding: 'utf8',
  })
    .split('\0')
    .filter((path) => path !== '' && existsSync(join(CHECKOUT, path)) && isInContext(path));
  for (const { from, to } of dockerfile.copies) {
    for (const source of from) {
      const files = tracked.filter((path) => path === source || path.startsWith(`${source}/`));
      if (files.length === 0)
        throw new Error(`the Dockerfile copies ${source}, which is not in the build context`);
      for (const file of files) await copy(file, target(dir, source, to, file));
    }
  }
  const generated = 'libs/archive-prisma/generated';
  await copy(generated, join(dir, generated));
  for (const place of packagesWithout(dockerfile.uninstalled)) {
    // Packages of other platforms are in the lock file only.
    if (existsSync(join(CHECKOUT, place))) await copy(place, join(dir, place));
  }
  await readOnlyForOthers(dir);
  return {
    dir,
    start(command, env, user = dockerfile.user) {
      const [uid = '0', gid = uid] = user.split(':');
      const as = [
        '--reuid',
        uid,
        '--regid',
        gid,
        '--clear-groups',
        '--no-new-privs',
        '--bounding-set=-all',
        '--',
      ];
      const [program = '', ...words] = command;
      const inImage = program === 'node' ? process.execPath : program;
      return spawn('/usr/bin/setpriv', [...as, inImage, ...words], {
        cwd: dir,
        env: { PATH: `${dirname(process.execPath)}:/usr/bin:/bin`, NODE_ENV: 'production', ...env },
        stdio: ['ignore', 'pipe', 'pipe'],
      });
    },
  };
}

/** Where a copied file comes to lie: a folder's contents go below the target, a file into it. */
function target(dir: string, source: string, to: string, file: string): string {
  const place = to.replace(/^\.\//, '').replace(/^\.$/, '');
  const name =
    file === source
      ? join(place, to.endsWith('/') ? (source.split('/').at(-1) ?? '') : '')
      : join(place, file.slice(source.length + 1));
  return join(dir, name);
}

async function copy(from: string, to: string): Promise<void> {
  await mkdir(dirname(to), { recursive: true });
  await cp(join(CHECKOUT, from), to, { recursive: true, verbatimSymlinks: true });
}

/** Everybody may read, and only root could write. */
async function readOnlyForOthers(dir: string): Promise<void> {
  execFileSync('chmod', ['-R', 'a+rX,go-w', dir]);
  await chmod(dir, 0o755);
}
