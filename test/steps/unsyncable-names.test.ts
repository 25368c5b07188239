/** Names that cannot be synced stay visible until whoever found them finds them no longer (invariant 10). */
import assert from 'node:assert/strict';
import { rename, writeFile } from 'node:fs/promises';
import type { Engine } from '#test/support/engine.ts';
import { describeOnStores } from './open-stores.ts';

const problemsOf = async (engine: Engine): Promise<string[]> =>
  (await engine.archive.problems(engine.pairId)).map(({ name, code }) => `${name} ${code}`).toSorted();

describeOnStores('unsyncable names', (scenario) => {
  scenario('neither a scan nor a poll hides what the other one found', async (engine) => {
    await writeFile(engine.path('line\nbreak'), 'here');
    await engine.remote.other.put('a//b', new TextEncoder().encode('upstream'));
    const both = ['a//b object-name-empty-segment', 'line\\x0abreak name-control-character'];
    await engine.scan();
    await engine.poll();
    assert.deepEqual(await problemsOf(engine), both);
    await engine.scan();
    assert.deepEqual(await problemsOf(engine), both);
  });

  scenario('a problem ends when its name is gone', async (engine) => {
    await writeFile(engine.path('line\nbreak'), 'here');
    await engine.remote.other.put('a//b', new TextEncoder().encode('upstream'));
    await engine.sync();
    await rename(engine.path('line\nbreak'), engine.path('line'));
    await engine.remote.other.remove('a//b');
    await engine.sync();
    assert.deepEqual(await problemsOf(engine), []);
  });
});
