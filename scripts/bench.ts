/**
 * npm run bench: what Holdfast costs beside other tools, on services that it starts itself. Writes
 * docs/benchmarks.md and its JSON. With --quick: small sizes, and counts against committed limits.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { LastFirst } from '#test/support/last-first.ts';
import { copies } from './bench/copies.ts';
import type { Finding } from './bench/cost.ts';
import { equalSides } from './bench/equal-sides.ts';
import { countsOf, holds } from './bench/guard.ts';
import { idleEnv, idlePairs } from './bench/idle-pairs.ts';
import { largeFile } from './bench/large-file.ts';
import { latency, latencyEnv } from './bench/latency.ts';
import { manyEntries } from './bench/many-entries.ts';
import { REASONS } from './bench/reasons.ts';
import { removals, removalsEnv } from './bench/removals.ts';
import { describeMachine, markdown, type Run } from './bench/report.ts';
import { scaling, scalingEnv } from './bench/scaling.ts';
import { FULL, QUICK, type Sizes } from './bench/sizes.ts';
import { openStage, type Stage } from './bench/stage.ts';

const DOCS = resolve(import.meta.dirname, '../docs');

const HELP = `Usage: npm run bench -- [options]

  --workload W   only these, such as W3 or W1,W2 (default: all)
  --quick        small sizes and one round, without peers, in less than two minutes; compares requests
                 and statements per file and bytes per row with scripts/bench/limits.json, never times
  --rounds N     rounds of every workload (default ${FULL.rounds})
  --SIZE N       another size: ${Object.keys(FULL).slice(1).join(', ')}
                 (scripts/bench/sizes.ts says what each is, and its default)
  --out FILE     where the page goes; its JSON goes beside it (default docs/benchmarks.md for a full
                 run, nowhere for others)
  --profile DIR  also writes a CPU profile of each process there, and tells the slowest statements
  --help         show this text

Real Swift needs python3-swift and memcached of Debian, the peers rclone and python3-swiftclient; what is
missing is said. Run it on a quiet machine: all tools share it, so only ratios mean anything.
`;

interface Group {
  readonly ids: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly withSwift: boolean;
  run(stage: Stage, undoing: LastFirst, sizes: Sizes, ids: ReadonlySet<string>): Promise<readonly Finding[]>;
}

/** What the guard runs: these alone count requests and statements that matter per file. */
const GUARDED = ['W1', 'W2', 'W3', 'W9', 'W10'];

/** Workloads that share a stage; each stage is new. */
function groups(withPeers: boolean): readonly Group[] {
  return [
    {
      ids: ['W1', 'W2'],
      withSwift: true,
      run: (stage, _undoing, sizes) => copies(stage, sizes, withPeers),
    },
    {
      ids: ['W3', 'W4', 'W10'],
      withSwift: true,
      run: (stage, _undoing, sizes) => equalSides(stage, sizes, withPeers),
    },
    { ids: ['W3', 'W9', 'W10'], withSwift: false, run: manyEntries },
    {
      ids: ['W5'],
      env: latencyEnv(),
      withSwift: true,
      run: (stage, _undoing, sizes) => latency(stage, sizes),
    },
    {
      ids: ['W6'],
      withSwift: true,
      run: (stage, undoing, sizes) => largeFile(stage, undoing, sizes, withPeers),
    },
    { ids: ['W7'], env: idleEnv(), withSwift: false, run: idlePairs },
    { ids: ['W8'], env: scalingEnv(), withSwift: true, run: scaling },
    {
      ids: ['W11'],
      env: removalsEnv(),
      withSwift: true,
      run: removals,
    },
  ];
}

function readOptions() {
  const numbers = Object.keys(FULL).map((name) => [name, { type: 'string' }] as const);
  try {
    return parseArgs({
      options: {
        workload: { type: 'string' },
        quick: { type: 'boolean', default: false },
        out: { type: 'string' },
        profile: { type: 'string' },
        help: { type: 'boolean', default: false },
        ...(Object.fromEntries(numbers) as Record<keyof Sizes, { readonly type: 'string' }>),
      },
    }).values;
  } catch (thrown) {
    return misused(thrown instanceof Error ? thrown.message : String(thrown));
  }
}

function misused(what: string): never {
  process.stderr.write(`${what}\n\n${HELP}`);
  process.exit(2);
}

function sizesOf(values: Readonly<Record<string, unknown>>, base: Sizes): Sizes {
  const given = Object.keys(FULL).flatMap((name) => {
    const value = values[name];
    if (value === undefined) return [];
    const number = Number(value);
    return Number.isInteger(number) && number > 0
      ? [[name, number]]
      : misused(`--${name} takes a whole number`);
  });
  return { ...base, ...Object.fromEntries(given) };
}

async function main(): Promise<number> {
  const values = readOptions();
  if (values.help) {
    process.stdout.write(HELP);
    return 0;
  }
  const { quick } = values;
  const sizes = sizesOf(values, quick ? QUICK : FULL);
  const all = groups(!quick);
  const known = new Set(all.flatMap(({ ids }) => ids));
  const everything = quick ? GUARDED : known;
  const asked = new Set(
    values.workload === undefined ? everything : values.workload.toUpperCase().split(','),
  );
  for (const id of asked) if (!known.has(id)) misused(`there is no workload ${id}`);

  const startedAt = performance.now();
  const before = describeMachine();
  const findings: Finding[] = [];
  const failed: string[] = [];
  let page = '';
  const isWhole = !quick && values.workload === undefined;
  const out = values.out ?? (isWhole ? join(DOCS, 'benchmarks.md') : null);
  /** After each group, so that a run that is stopped leaves what it has. @returns the page. */
  const write = async (): Promise<string> => {
    findings.sort((a, b) => Number(a.id.slice(1)) - Number(b.id.slice(1)));
    const seconds = (performance.now() - startedAt) / 1_000;
    const at = new Date().toISOString();
    const left = [...asked].filter((id) => !findings.some((found) => found.id === id));
    const run: Run = { at, seconds, rounds: sizes.rounds, ...before, findings, left };
    const text = markdown(run, REASONS);
    if (out !== null) {
      await mkdir(dirname(out), { recursive: true });
      await writeFile(out, text);
      await writeFile(out.replace(/(\.md)?$/, '.json'), `${JSON.stringify(run, null, 1)}\n`);
    }
    return text;
  };
  for (const group of all) {
    if (!group.ids.some((id) => asked.has(id))) continue;
    const undoing = new LastFirst();
    try {
      const { env = {}, withSwift } = group;
      const found = await group.run(
        await openStage(undoing, { env, withSwift, profile: values.profile }),
        undoing,
        sizes,
        asked,
      );
      findings.push(...found.filter(({ id }) => asked.has(id)));
    } catch (thrown) {
      // The others are measured all the same.
      failed.push(...group.ids.filter((id) => asked.has(id)));
      process.stdout.write(
        `${group.ids.join(', ')} failed: ${thrown instanceof Error ? thrown.stack : thrown}\n`,
      );
    } finally {
      await undoing.undo();
    }
    page = await write();
  }
  if (!quick) {
    process.stdout.write(`\n${page}`);
    if (failed.length > 0) process.stdout.write(`not measured, as they failed: ${failed.join(', ')}\n`);
    return failed.length > 0 ? 1 : 0;
  }
  const isHeld = (await holds(countsOf(findings))) && failed.length === 0;
  process.stdout.write(
    `bench --quick: ${isHeld ? 'all counts are within their limits' : 'a count is above its limit, or was not taken'}\n`,
  );
  return isHeld ? 0 : 1;
}

process.exitCode = await main();
