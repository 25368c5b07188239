/**
 * Any order: two users act on both sides while the steps run in whatever order chance gives. When they stop, both
 * sides become equal, and every content that no user took away himself is on both of them.
 */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Policies } from '#core/policies.ts';
import type { TransferJob } from '#ports/job-queue.ts';
import { seeded } from '#test/core/seed.ts';
import { openMemory } from '#test/memory/open-memory.ts';
import { type Engine, startEngine } from '#test/support/engine.ts';
import { readTree } from '#test/support/trees.ts';
import { type Act, Users } from './users.ts';

const NAMES = ['a', 'b', 'd', 'd/x', 'd/y', 'd/e', 'd/e/z'];
/** Links here; and a tree sent in the moment when its name became an object upstream. */
const EXPECTED_PROBLEMS = ['local-unhandled', 'remote-file-and-directory', 'name-file-and-directory'];
const RUNS = Number(process.env['HOLDFAST_TEST_RUNS'] ?? 20);

type Step =
  | {
      readonly do: 'act';
      readonly side: 'here' | 'upstream';
      readonly act: Act;
      readonly name: string;
      readonly to: string;
    }
  | { readonly do: 'scan' | 'poll' | 'decide' | 'dispatch' | 'sync' }
  | { readonly do: 'hint'; readonly name: string }
  /** Runs the job at this place among those handed out, whether it ran before or not. */
  | { readonly do: 'transfer'; readonly job: number };

const name = fc.constantFrom(...NAMES);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant('act' as const),
      side: fc.constantFrom('here' as const, 'upstream' as const),
      act: fc.constantFrom<Act>('write', 'write', 'write', 'remove', 'remove', 'mkdir', 'rename', 'link'),
      name,
      to: name,
    }),
  },
  { weight: 4, arbitrary: fc.record({ do: fc.constantFrom('scan' as const, 'poll' as const) }) },
  { weight: 5, arbitrary: fc.record({ do: fc.constantFrom('decide' as const, 'dispatch' as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('sync' as const) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('hint' as const), name }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('transfer' as const), job: fc.nat(20) }) },
);

const policies = fc.record({
  conflict: fc.constantFrom('upstream' as const, 'newest' as const, 'local' as const),
  deleteVsEdit: fc.constantFrom('upstream' as const, 'edit-wins' as const),
  direction: fc.constantFrom('both' as const, 'both' as const, 'push-only' as const, 'pull-only' as const),
});

async function play(engine: Engine, users: Users, steps: readonly Step[]): Promise<void> {
  const jobs: TransferJob[] = [];
  for (const next of steps) {
    switch (next.do) {
      case 'act':
        await users.act(next.side, next.act, next.name, next.to);
        break;
      case 'hint':
        await engine.hint(next.name);
        break;
      case 'dispatch':
        // One item a job, so that any of them can be early, late or twice.
        for (const { pairId, items } of await engine.dispatch())
          jobs.push(...items.map((item) => ({ pairId, items: [item] })));
        break;
      case 'transfer': {
        const job = jobs[next.job % Math.max(1, jobs.length)];
        if (job !== undefined) await engine.transfer([job]);
        break;
      }
      case 'sync':
        await engine.archive.forgetDispatched();
        await engine.sync();
        break;
      default:
        await engine[next.do]();
    }
  }
}

/** Both sides as names with contents; directories that objects imply count as such. */
async function sidesOf(
  engine: Engine,
): Promise<{ here: Map<string, string>; upstream: Map<string, string> }> {
  const here = new Map<string, string>();
  for (const [known, entry] of await readTree(engine.root)) {
    if (entry.kind === 'directory') here.set(known, '/');
    if (entry.kind === 'file') here.set(known, await readFile(engine.path(known), 'utf8'));
  }
  const upstream = new Map<string, string>();
  for (const known of await engine.upstreamNames()) {
    for (let slash = known.indexOf('/'); slash >= 0; slash = known.indexOf('/', slash + 1))
      if (!upstream.has(known.slice(0, slash))) upstream.set(known.slice(0, slash), '/');
    upstream.set(known, (await engine.upstreamText(known)) ?? '/');
  }
  return { here, upstream };
}

async function assertEnd(engine: Engine, users: Users): Promise<void> {
  const { here, upstream } = await sidesOf(engine);
  const contents = new Set([...here.values(), ...upstream.values()]);
  assert.deepEqual(
    [...users.kept].filter((content) => !contents.has(content)),
    [],
    'no content is lost',
  );
  // A pair of one direction leaves what it may not send.
  if ((await engine.pair()).policies.direction !== 'both') return;
  const problems = await engine.archive.problems(engine.pairId);
  const isStuck = (known: string): boolean =>
    problems.some((problem) => known === problem.name || known.startsWith(`${problem.name}/`));
  const listed = (side: Map<string, string>): string[] =>
    [...side]
      .filter(([known]) => !isStuck(known))
      .map(([known, content]) => `${known}: ${content}`)
      .toSorted();
  assert.deepEqual(listed(here), listed(upstream), 'both sides are equal');
  const isBelowLink = (known: string): boolean =>
    problems.some(({ name: link, code }) => code === 'local-unhandled' && known.startsWith(`${link}/`));
  const unexpected = problems.filter(
    ({ code, name }) => !EXPECTED_PROBLEMS.includes(code) && !isBelowLink(name),
  );
  assert.deepEqual(unexpected, []);
}

async function describeRun(engine: Engine, steps: readonly Step[]): Promise<string> {
  const lines = steps.map((given) => JSON.stringify(given));
  for (const known of [...NAMES])
    for (const event of await engine.why(known))
      lines.push(`${known} ${event.kind} ${event.serial} ${event.text}`);
  return lines.join('\n');
}

test('in any order of steps both sides become equal and no content is lost', async (t) => {
  const run = async (steps: readonly Step[], policies: Partial<Policies>): Promise<void> => {
    const cleanups: (() => Promise<void> | void)[] = [];
    try {
      const engine = await startEngine({ after: (work) => void cleanups.push(work) }, await openMemory(), {
        policies,
      });
      const users = new Users(engine);
      try {
        await play(engine, users, steps);
        await engine.archive.forgetDispatched();
        await engine.sync();
        await engine.sync();
        await assertEnd(engine, users);
        await engine.scan();
        await engine.poll();
        assert.equal((await engine.decide()).decided, 0, 'a further scan and poll decide nothing');
      } catch (thrown) {
        throw new Error(await describeRun(engine, steps), { cause: thrown });
      }
    } finally {
      for (const work of cleanups) await work();
    }
  };
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 60, size: 'max' }), policies, run),
    {
      ...seeded(t, RUNS),
      endOnFailure: process.env['HOLDFAST_TEST_SHRINK'] === undefined,
    },
  );
});
