/**
 * Mass deletes on real processes: whatever empties a side, the other side keeps everything
 * until an operator has answered, and what only looks like it goes on by itself.
 */
import assert from 'node:assert/strict';
import { mkdir, readdir, rename, rm, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { LastFirst, lastFirst } from '#test/support/last-first.ts';
import { openStage, type Stage } from './in-flight.ts';
import { openRawPithos, openRawSwiftContainer } from './raw-container.ts';

const FILES = 200;
const FILES_ON_SWIFT = 60;
const LATENCY_MS = 5;
const TIMEOUT_MS = 600_000;
const LIMIT = 50;
/** Longer than deletes wait for more of them, so that each lot goes by itself. */
const TRICKLE_MS = 5_000;

interface Held {
  readonly name: string;
  readonly side: string;
  readonly because: string;
}

/** Files in `dir`, each with a content of its own. */
async function fill({ fleet, folder }: Stage, files: number): Promise<void> {
  await mkdir(join(folder, 'dir'), { recursive: true });
  for (let index = 0; index < files; index += 1)
    await writeFile(join(folder, 'dir', `${index}.txt`), `content ${index}`);
  await fleet.sync('pair');
}

const held = ({ fleet }: Stage): Promise<readonly Held[]> => fleet.json('deletes', 'pair', 'list');

async function filesHere({ folder }: Stage, directory: string): Promise<number> {
  return (await readdir(join(folder, directory)).catch(() => [])).length;
}

async function filesUpstream({ upstream }: Stage, directory: string): Promise<number> {
  return (await upstream.names()).filter((name) => name.startsWith(`${directory}/`)).length;
}

async function empty({ upstream }: Stage): Promise<void> {
  const names = await upstream.names();
  const remove = async (): Promise<void> => {
    for (let name = names.pop(); name !== undefined; name = names.pop()) await upstream.remove(name);
  };
  await Promise.all(Array.from({ length: 16 }, remove));
}

/** Nobody asks for anything: the processes find out by themselves. */
async function untilHeld(stage: Stage): Promise<readonly Held[]> {
  const deadline = Date.now() + 120_000;
  for (;;) {
    const found = await held(stage);
    if (found.length > 0) return found;
    if (Date.now() > deadline) assert.fail(`nothing was held in time\n${await stage.fleet.logTail()}`);
    await delay(1_000);
  }
}

async function emptyContainer(stage: Stage, all: number): Promise<void> {
  const { fleet, folder, upstream } = stage;
  await empty(stage);
  await untilHeld(stage);
  await writeFile(join(folder, 'meanwhile.txt'), 'other work goes on');
  await fleet.sync('pair');
  assert.deepEqual(await upstream.names(), ['meanwhile.txt']);
  assert.equal(await filesHere(stage, 'dir'), all, 'nothing was deleted here');
  const files = (await held(stage)).filter(({ name }) => name.endsWith('.txt'));
  assert.equal(files.length, all);
  assert.ok(files.every(({ side, because }) => side === 'remote' && because === 'mass-delete'));
  const { pairs } = await fleet.json<{ pairs: { condition: string }[] }>('status', 'pair');
  assert.equal(pairs[0]?.condition, 'deletes-held');
  const problems = await fleet.json<{ code: string }[]>('problems', 'pair');
  assert.deepEqual(
    problems.map(({ code }) => code),
    ['deletes-held'],
  );
  assert.match((await fleet.cli('doctor')).stdout, /deletes wait for an operator/);
  const { answer } = await fleet.json<{ answer: string }>('deletes', 'pair', 'revert');
  assert.equal(answer, 'reverted');
  await fleet.sync('pair');
  assert.equal(await filesUpstream(stage, 'dir'), all, 'everything came back');
  assert.deepEqual(await held(stage), []);
}

describe('mass deletes through four processes', { timeout: TIMEOUT_MS }, () => {
  const ends = new LastFirst();
  let stage: Stage;

  before(async () => {
    stage = await openStage(ends, await openRawPithos(ends, LATENCY_MS));
  });
  after(() => ends.undo());

  it('an emptied container is held whole, and reverting brings it back', async () => {
    await fill(stage, FILES);
    await emptyContainer(stage, FILES);
  });

  it('a renamed directory is not held', async () => {
    const { fleet, folder } = stage;
    await rename(join(folder, 'dir'), join(folder, 'renamed'));
    await fleet.sync('pair');
    assert.deepEqual(await held(stage), []);
    assert.deepEqual([await filesUpstream(stage, 'dir'), await filesUpstream(stage, 'renamed')], [0, FILES]);
  });

  it('a removed directory is held until it is approved', async () => {
    const { fleet, folder } = stage;
    await rm(join(folder, 'renamed'), { recursive: true });
    await untilHeld(stage);
    await fleet.sync('pair');
    assert.equal(await filesUpstream(stage, 'renamed'), FILES, 'nothing was deleted upstream');
    const { names } = await fleet.json<{ names: number }>('deletes', 'pair', 'approve');
    assert.equal(names, FILES + 1);
    await fleet.sync('pair');
    assert.equal(await filesUpstream(stage, 'renamed'), 0);
    assert.deepEqual(await held(stage), []);
  });

  it('names that are deleted a few at a time are held when they pass the limit', async () => {
    const { fleet, folder } = stage;
    await fill(stage, FILES);
    for (let index = 0; index < 80; index += 1) {
      await unlink(join(folder, 'dir', `${index}.txt`));
      if (index % 20 === 19) await delay(TRICKLE_MS);
    }
    await fleet.sync('pair');
    const left = await filesUpstream(stage, 'dir');
    assert.ok(left >= FILES - LIMIT && left < FILES, `${left} are left upstream`);
    assert.equal((await held(stage)).length, left - (FILES - 80));
  });
});

it('an emptied container of Swift is held whole', { timeout: TIMEOUT_MS }, async (t) => {
  const ends = lastFirst(t);
  const upstream = await openRawSwiftContainer(ends);
  if (upstream === null) {
    t.skip('no Swift on this machine');
    return;
  }
  const stage = await openStage(ends, upstream);
  await fill(stage, FILES_ON_SWIFT);
  await emptyContainer(stage, FILES_ON_SWIFT);
});
