import assert from 'node:assert/strict';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { openLogFile } from '#apps/cli/up/log-file.ts';
import { parseDuration, parseSize, sizeText, tableText } from '#apps/cli/wording.ts';
import { tempDir } from './command.ts';

test('a log file keeps its newest lines and at most twice its limit', (t) => {
  const file = join(tempDir(t), 'app.log');
  const first = openLogFile(file, 100);
  for (let line = 0; line < 20; line += 1) first.write(`line ${line}\n`);
  first.close();
  const again = openLogFile(file, 100);
  for (let line = 20; line < 40; line += 1) again.write(Buffer.from(`line ${line}\n`));
  again.close();
  assert.ok(existsSync(`${file}.1`));
  assert.ok(statSync(file).size <= 100 && statSync(`${file}.1`).size <= 100);
  const kept = (readFileSync(`${file}.1`, 'utf8') + readFileSync(file, 'utf8')).trim().split('\n');
  assert.equal(kept.at(-1), 'line 39');
  assert.deepEqual(
    kept,
    Array.from(kept, (_, at) => `line ${40 - kept.length + at}`),
  );
});

test('sizes have units of 1024', () => {
  assert.deepEqual([0, 1023, 1024, 1_048_575, 1_048_576, 5 * 2 ** 40].map(sizeText), [
    '0 B',
    '1023 B',
    '1.0 KiB',
    '1.0 MiB',
    '1.0 MiB',
    '5.0 TiB',
  ]);
});

test('durations need their unit', () => {
  assert.deepEqual(['500ms', '60s', '1.5m', '1h'].map(parseDuration), [500, 60_000, 90_000, 3_600_000]);
  for (const wrong of ['5', '5 s', 's', '-1s', '1d', '']) assert.throws(() => parseDuration(wrong));
});

test('sizes are read with their units', () => {
  const sizes = ['0', '500', '2K', '500M', '20G', '1.5TiB', '1 gb'];
  const expected = [0, 500, 2048, 500 * 2 ** 20, 20 * 2 ** 30, 1.5 * 2 ** 40, 2 ** 30];
  assert.deepEqual(sizes.map(parseSize), expected);
  for (const wrong of ['', 'G', '-1G', '1X', '1e3', '99999P']) assert.throws(() => parseSize(wrong));
});

test('a table cannot be broken by what stands in it', () => {
  assert.equal(tableText(['A', '>B'], [['x\ny\u001b[2J', '1']]), 'A            B\nx\\ny\\x1b[2J  1');
});
