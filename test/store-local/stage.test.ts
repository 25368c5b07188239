import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { toName } from '#core/name.ts';
import type { LocalState } from '#core/state.ts';
import type { StagedFile } from '#ports/content.ts';
import {
  type Fixture,
  MD5,
  makeFixture,
  md5,
  once,
  stateOf,
  systemClock,
  systemError,
} from './folder-fixture.ts';

const NAME = toName('doc.bin');
const LATER = Date.now() + 1e10;
const LARGE = Buffer.alloc(3 * 1024 * 1024 + 17, 'large ');

let fixture: Fixture;
beforeEach(async () => {
  fixture = await makeFixture();
});
afterEach(() => fixture.remove());

async function write(bytes: string | Buffer): Promise<LocalState> {
  fixture.user.write(fixture.at(NAME), bytes);
  return stateOf(fixture.folder, NAME);
}

function overwrite(text: string): void {
  const writer = fixture.user.openWriter(fixture.at(NAME));
  writer.write(text);
  writer.close();
}

async function stagedFile(expected: LocalState): Promise<StagedFile> {
  const outcome = await fixture.folder.stage(NAME, expected, MD5, LATER);
  assert.ok(outcome.result === 'staged' && outcome.content.kind === 'file', outcome.result);
  return outcome.content;
}

async function readAll(content: StagedFile, start?: number, end?: number): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of content.read(start, end)) chunks.push(chunk);
  return Buffer.concat(chunks);
}

describe('stage', () => {
  test('a small file is staged whole, with its hash, and survives a later change', async () => {
    const content = await stagedFile(await write('small'));
    fixture.user.write(fixture.at(NAME), 'other');
    assert.equal(content.hash, md5('small'));
    assert.equal(String(await readAll(content)), 'small');
    assert.equal(String(await readAll(content, 1, 3)), 'ma');
    await content.release();
  });

  test('an empty file is staged', async () => {
    const content = await stagedFile(await write(''));
    assert.deepEqual([content.size, content.hash, (await readAll(content)).length], [0, md5(''), 0]);
  });

  test('a large file is read in chunks, in any range, several times', async () => {
    const content = await stagedFile(await write(LARGE));
    for await (const chunk of content.read()) assert.ok(chunk.length <= 1024 * 1024);
    assert.ok((await readAll(content)).equals(LARGE));
    assert.ok((await readAll(content, 1_000_000, 2_500_000)).equals(LARGE.subarray(1_000_000, 2_500_000)));
    await content.release();
    await content.release();
  });

  test('the last chunk of a file that changes while it is read is never handed out', async () => {
    const content = await stagedFile(await write(LARGE));
    let received = 0;
    await assert.rejects(
      async () => {
        for await (const chunk of content.read()) {
          if (received === 0) overwrite('X');
          received += chunk.length;
        }
      },
      { name: 'StaleContent' },
    );
    assert.ok(received > 0 && received < LARGE.length);
    await content.release();
  });

  test('a file that becomes shorter while it is read is stale', async () => {
    const content = await stagedFile(await write(LARGE));
    fixture.user.truncate(fixture.at(NAME), 10);
    await assert.rejects(readAll(content), { name: 'StaleContent' });
    await content.release();
  });

  test('a file that is not the expected one is stale, even when size and mtime were restored', async () => {
    const expected = await write('before');
    assert.ok(expected.kind === 'file');
    fixture.user.write(fixture.at(NAME), 'after!');
    fixture.user.setModifiedAt(fixture.at(NAME), expected.mtimeNs);
    assert.equal((await fixture.folder.stage(NAME, expected, MD5, LATER)).result, 'stale');
    assert.equal(await fixture.folder.hash(NAME, expected, MD5), null);
    fixture.user.removeTree(fixture.at(NAME));
    assert.equal((await fixture.folder.stage(NAME, expected, MD5, LATER)).result, 'stale');
  });

  test('a file that was just modified is unsettled until it has rested', async () => {
    const expected = await write('fresh');
    const now = Date.now();
    const outcome = await fixture.folder.stage(NAME, expected, MD5, now - 60_000);
    assert.ok(outcome.result === 'unsettled');
    assert.ok(outcome.until > now && outcome.until <= Date.now() + 60_001);
  });

  test('a change that a wrong clock put into the future does not keep a file from settling', async () => {
    const expected = await write('fresh');
    const now = Date.now() - 3_600_000;
    const folder = fixture.open({ clock: { ...systemClock, now: () => now } });
    assert.equal((await folder.stage(NAME, expected, MD5, now - 2_000)).result, 'staged');
  });

  test('a time in the future does not keep a file from settling', async () => {
    await write('fresh');
    fixture.user.setModifiedAt(fixture.at(NAME), 4_000_000_000_000_000_000n);
    const expected = await stateOf(fixture.folder, NAME);
    assert.equal((await fixture.folder.stage(NAME, expected, MD5, Date.now() + 1000)).result, 'staged');
  });

  test('a pipe put in place of the file neither blocks nor is read', async () => {
    const expected = await write('file');
    const swap = once('openForReading', NAME, () => {
      fixture.user.removeTree(fixture.at(NAME));
      fixture.user.makeSpecial(fixture.at(NAME), 'fifo');
    });
    const racing = fixture.open({ fileSystem: fixture.hooked(swap) });
    assert.equal((await racing.stage(NAME, expected, MD5, LATER)).result, 'stale');
    assert.equal(await fixture.folder.hash(NAME, expected, MD5), null);
  });

  test('a link put in place of the file is not followed', async () => {
    const expected = await write('file');
    const swap = once('openForReading', NAME, () => {
      fixture.user.removeTree(fixture.at(NAME));
      fixture.user.symlink('/etc/hostname', fixture.at(NAME));
    });
    const racing = fixture.open({ fileSystem: fixture.hooked(swap) });
    assert.equal((await racing.stage(NAME, expected, MD5, LATER)).result, 'stale');
  });

  test('a file that may not be read is a problem of its name', async () => {
    const expected = await write('secret');
    const denied = fixture.hooked((primitive, segments) => {
      if (primitive === 'openForReading' && segments[0] === NAME) throw systemError('EACCES');
    });
    const folder = fixture.open({ fileSystem: denied });
    await assert.rejects(folder.stage(NAME, expected, MD5, LATER), {
      code: 'local-denied',
      grade: 'permanent',
    });
  });

  test('a directory is staged with its mode', async () => {
    fixture.user.makeDirectories(fixture.at('dir'));
    fixture.user.chmod(fixture.at('dir'), 0o750);
    const name = toName('dir');
    const outcome = await fixture.folder.stage(name, await stateOf(fixture.folder, 'dir'), MD5, 0);
    assert.ok(outcome.result === 'staged' && outcome.content.kind === 'directory');
    assert.equal(outcome.content.mode, 0o750);
  });

  test('a Pithos hash is computed where the pair’s store wants one', async () => {
    const expected = await write('abcde');
    assert.equal(
      await fixture.folder.hash(NAME, expected, { algorithm: 'pithos', blockSize: 4 }),
      'bafb9e4a16b0f3da98f78d6e1e0ff1a9e086515e1539943e12fb2ef872d7c7f5',
    );
  });
});
