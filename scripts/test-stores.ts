// npm run test:stores: the contract of object stores on every store there is, and docs/stores.md.
//
// usage: npm run test:stores [-- --check] [--only-s3 | --only-table]
//
// Builds the S3 server of the tests when it is missing (needs Go, takes minutes, once), attaches a fresh
// container of each store, and writes what was found about it into docs/stores.md; then runs the contract.
//   --check        fails when docs/stores.md tells something else, instead of writing it
//   --only-s3      runs the contract on S3 alone, as the other stores' is a part of npm test
//   --only-table   runs no contract

import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { ensureSwift, startSwift } from '#libs/services/swift.ts';
import { ensureS3Server, startS3Server } from '#libs/services/versitygw.ts';
import type { StoreCapabilities } from '#ports/object-store.ts';
import { openMemory } from '#test/memory/open-memory.ts';
import { openPithos } from '#test/store-pithos/open-pithos.ts';
import { openS3 } from '#test/store-s3/fixtures.ts';
import { openSwift } from '#test/store-swift/fixtures.ts';

const ROOT = resolve(import.meta.dirname, '..');
const DOCUMENT = join(ROOT, 'docs/stores.md');
const BEGIN = '<!-- found by npm run test:stores -->';
const END = '<!-- end of what was found -->';
const S3_TESTS = ['test/store-s3'];
const OTHER_TESTS = [
  'test/store-swift/conformance.test.ts',
  'test/store-pithos/conformance.test.ts',
  'test/memory/object-store.test.ts',
  'test/store-models/conformance.test.ts',
];

const flag = { type: 'boolean' } as const;
const { values } = parseArgs({ options: { check: flag, 'only-s3': flag, 'only-table': flag } });

/** What is to be undone, last first. */
class Cleanups {
  readonly #works: (() => Promise<void> | void)[] = [];

  after(work: () => Promise<void> | void): void {
    this.#works.push(work);
  }

  async run(): Promise<void> {
    for (const work of this.#works.reverse()) await work();
  }
}

interface Row {
  readonly store: string;
  readonly found: StoreCapabilities;
}

async function probeAll(cleanups: Cleanups): Promise<readonly Row[]> {
  const scratch = mkdtempSync(join(tmpdir(), `holdfast-test-${process.pid}-`));
  chmodSync(scratch, 0o755); // Swift runs as a user of its own.
  cleanups.after(() => rmSync(scratch, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 }));
  const rows: Row[] = [];
  const add = (
    store: string,
    opened: { readonly store: { readonly capabilities: StoreCapabilities } },
  ): void => {
    rows.push({ store, found: opened.store.capabilities });
  };
  const s3 = await startS3Server({ dir: join(scratch, 's3'), dieWithParent: true });
  cleanups.after(() => s3.stop());
  const swift = await startSwift({ dir: join(scratch, 'swift') });
  cleanups.after(() => swift.stop());
  for (const versioning of [true, false]) {
    const what = versioning ? 'with versions' : 'without versions';
    add(`S3 (versitygw), ${what}`, await openS3(cleanups, s3, { versioning, unsyncableRawNames: [] }));
    add(
      `S3 of Swift (s3api), ${what}`,
      await openS3(cleanups, swift.s3, { versioning, unsyncableRawNames: [] }),
    );
    add(`Swift, ${what}`, await openSwift(cleanups, swift, versioning));
  }
  add('Pithos', await openPithos(cleanups));
  add('in memory (tests only)', await openMemory());
  return rows;
}

function tableOf(rows: readonly Row[]): string {
  const titles = [
    'store',
    'create-only',
    'replace-if',
    'delete-if',
    'versions',
    'copy',
    'largest object',
    'resume',
    'notifications',
    'unprotected window',
  ];
  const lines = rows
    .toSorted((a, b) => (a.store < b.store ? -1 : 1))
    .map(({ store, found }) => [
      store,
      found.createOnly,
      found.replaceIf,
      found.deleteIf,
      yes(found.versions),
      yes(found.serverSideCopy),
      largest(found.maxObjectBytes),
      yes(found.resumesUploads),
      // S3 has a form of its own for them; whether a server is set up to send them, no probe can tell.
      yes(store.startsWith('S3 (')),
      found.unprotectedWindow ? '**yes**' : 'no',
    ]);
  return [titles, titles.map(() => '---'), ...lines].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

const LIMITS: ReadonlyMap<number, string> = new Map([
  [5 * 1024 ** 3, '5 GiB'],
  [5 * 1024 ** 4, '5 TiB'],
  [4_000 * 1024 ** 3, '3.9 TiB'],
]);

const largest = (bytes: number): string => LIMITS.get(bytes) ?? 'any';

const yes = (holds: boolean): string => (holds ? 'yes' : 'no');

/** The table's words, whatever a formatter made of its columns. */
const plain = (text: string): string => text.replaceAll(/ +/g, ' ').replaceAll(/-{3,}/g, '---').trim();

/** @returns whether the document told the same. */
function record(table: string): boolean {
  const text = readFileSync(DOCUMENT, 'utf8');
  const [before = '', rest = ''] = text.split(BEGIN);
  const [told = '', after = ''] = rest.split(END);
  if (plain(told) === plain(table)) return true;
  console.log(table);
  if (values.check !== true) {
    writeFileSync(DOCUMENT, `${before}${BEGIN}\n\n${table}\n\n${END}${after}`);
    spawnSync('npx', ['biome', 'format', '--write', DOCUMENT], { cwd: ROOT, stdio: 'ignore' });
  }
  return false;
}

async function main(): Promise<number> {
  const missing = ensureS3Server() ?? (await ensureSwift(console.log));
  if (missing !== null) {
    console.log(`Tests on a real S3 server are LEFT OUT: ${missing}.`);
    return values['only-s3'] === true ? 0 : 1;
  }
  const cleanups = new Cleanups();
  let isTold: boolean;
  try {
    isTold = record(tableOf(await probeAll(cleanups)));
  } finally {
    await cleanups.run();
  }
  if (!isTold) {
    console.log(
      `docs/stores.md ${values.check === true ? 'tells something else than was found' : 'was written anew'}`,
    );
  }
  if (values['only-table'] === true) return values.check === true && !isTold ? 1 : 0;
  const files = values['only-s3'] === true ? S3_TESTS : [...S3_TESTS, ...OTHER_TESTS];
  const tests = spawnSync(process.execPath, ['scripts/test.ts', ...files], { cwd: ROOT, stdio: 'inherit' });
  return values.check === true && !isTold ? 1 : (tests.status ?? 1);
}

process.exitCode = await main();
