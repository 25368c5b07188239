/** The simulation itself: that a seed is a run, and that a broken world is seen. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { generate } from './generate.ts';
import { run } from './run.ts';
import { catchSabotage } from './sabotage.ts';
import { edited, editsOf, SABOTAGES } from './sabotages.ts';
import { STORE_WORLDS } from './scenario.ts';
import { showLine } from './trace.ts';

async function traceOf(seed: number, store: (typeof STORE_WORLDS)[number]): Promise<string> {
  const lines: (string | null)[] = [];
  await run(generate(seed, { store }), (line) => lines.push(showLine(line, true)));
  return lines.join('\n');
}

test('one seed gives one run, step by step, on every kind of store', async () => {
  for (const store of STORE_WORLDS) {
    for (const seed of [3, 4]) assert.equal(await traceOf(seed, store), await traceOf(seed, store));
  }
});

test('two runs at once do not touch each other', async () => {
  const alone = await traceOf(5, 'swift');
  const [first, second] = await Promise.all([traceOf(5, 'swift'), traceOf(6, 'pithos')]);
  assert.equal(first, alone);
  assert.notEqual(second, alone);
});

test('every sabotage still finds the line it takes away', () => {
  const root = join(import.meta.dirname, '..', '..');
  for (const sabotage of SABOTAGES) {
    for (const edit of editsOf(sabotage)) {
      const text = readFileSync(join(root, edit.file), 'utf8');
      assert.notEqual(edited(text, edit), text, sabotage.name);
    }
  }
});

test('an engine whose conflicts have no loser is caught within a few seeds', async () => {
  const sabotage = SABOTAGES[0];
  assert(sabotage);
  assert.notEqual(await catchSabotage({ sabotage, from: 1, seeds: 20 }), null);
});
