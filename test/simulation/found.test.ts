/**
 * Found: every scenario that once broke an invariant, shrunk, as a file of `found/` named by what went wrong. A file
 * is played with `npm run sim -- --scenario test/simulation/found/NAME.json --trace`.
 */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { run } from './run.ts';
import type { Scenario } from './scenario.ts';

const FOLDER = join(import.meta.dirname, 'found');

describe('what simulation found once', () => {
  for (const file of readdirSync(FOLDER).sort()) {
    it(file.replace(/\.json$/, '').replaceAll('-', ' '), async () => {
      const scenario = JSON.parse(readFileSync(join(FOLDER, file), 'utf8')) as Scenario;
      const { violation } = await run(scenario);
      assert.equal(violation, null);
    });
  }
});
