/** The marker: what a folder was told, and what tells it from a copy. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { continuityOf, type SideGeneration } from '#core/generation.ts';
import { toSerial } from '#core/serial.ts';
import { type Fixture, hooked, makeFixture, systemError } from './folder-fixture.ts';

const KEPT = (): boolean => true;
const GENERATION = { number: 3, serial: toSerial(12_345_678_901_234n) };

let fixture: Fixture;
let marker: string;
beforeEach(async () => {
  fixture = await makeFixture();
  marker = join(fixture.root, '.holdfast/marker');
});
afterEach(() => fixture.remove());

/** Whether the folder now counts as the one that was told, going by its marker alone. */
async function continuity(told: SideGeneration): Promise<string> {
  const known = { begun: told, told: { local: told, remote: { number: 0, stamp: null } } };
  return continuityOf(known, 'local', await fixture.folder.check());
}

test('a folder that was told nothing tells so, and later what it was told last', async () => {
  assert.equal((await fixture.folder.check()).number, 0);
  const told = await fixture.folder.tell(GENERATION, KEPT);
  assert.deepEqual({ number: told.number, serial: told.serial }, GENERATION);
  assert.deepEqual(await fixture.open().check(), told);
  const { hardLinks } = fixture.folder.facts;
  assert.equal(hardLinks, true, 'what was found out about the file system stays');
  assert.deepEqual(fs.readdirSync(join(fixture.root, '.holdfast')).toSorted(), ['attempts', 'marker']);
  assert.equal(fs.statSync(marker).mode & 0o777, 0o600);
});

test('a later generation stays when an earlier one is told late', async () => {
  const told = await fixture.folder.tell(GENERATION, KEPT);
  assert.deepEqual(await fixture.folder.tell({ ...GENERATION, number: 2 }, KEPT), told);
});

test('a folder whose marker is not the one it was told keeps it', async () => {
  const told = await fixture.folder.tell(GENERATION, KEPT);
  const asked: SideGeneration[] = [];
  const found = await fixture.folder.tell({ ...GENERATION, number: 4 }, (marker) => {
    asked.push(marker);
    return false;
  });
  assert.deepEqual([found, asked, await fixture.folder.check()], [told, [told], told]);
});

test('a folder that cannot be told keeps its marker and nothing else', async () => {
  const told = await fixture.folder.tell(GENERATION, KEPT);
  const failing = hooked((primitive) => {
    if (primitive === 'rename') throw systemError('EIO');
  });
  await assert.rejects(fixture.open({ fileSystem: failing }).tell({ ...GENERATION, number: 4 }, KEPT));
  assert.deepEqual(await fixture.folder.check(), told);
  assert.deepEqual(fs.readdirSync(join(fixture.root, '.holdfast')).toSorted(), ['attempts', 'marker']);
});

test('a folder without a marker is told nothing', async () => {
  fs.rmSync(marker);
  await assert.rejects(fixture.folder.tell(GENERATION, KEPT), { code: 'folder-unmarked' });
  assert.equal(fs.existsSync(marker), false);
});

test('the folder stays the same when its owner, its mode or its place changes', async () => {
  const told = await fixture.folder.tell(GENERATION, KEPT);
  fs.chmodSync(marker, 0o640);
  assert.equal(await continuity(told), 'kept');
  fs.renameSync(fixture.root, `${fixture.root}-moved`);
  fs.renameSync(`${fixture.root}-moved`, fixture.root);
  assert.equal(await continuity(told), 'kept');
});

test('a copy is told from the folder, also when it gets the same inode', async () => {
  const told = await fixture.folder.tell(GENERATION, KEPT);
  for (let copies = 0; copies < 5; copies += 1) {
    fs.cpSync(marker, `${marker}-copy`, { preserveTimestamps: true });
    fs.rmSync(marker);
    fs.cpSync(`${marker}-copy`, marker, { preserveTimestamps: true });
    fs.rmSync(`${marker}-copy`);
    assert.equal(await continuity(told), 'side-copied');
  }
});

test('a marker in which somebody wrote nonsense counts as told nothing', async () => {
  const told = await fixture.folder.tell(GENERATION, KEPT);
  const record = JSON.parse(fs.readFileSync(marker, 'utf8')) as Record<string, unknown>;
  for (const generation of [undefined, null, 7, '', '7', '99999999999999999999 1', '-1 -1']) {
    fs.writeFileSync(marker, JSON.stringify({ ...record, generation }));
    assert.equal((await fixture.folder.check()).number, 0, String(generation));
    assert.equal(await continuity(told), 'side-older');
  }
});
