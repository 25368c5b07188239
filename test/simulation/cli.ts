/** Command line of the simulation: plays seeds, shrinks what fails, and replays one seed with its trace. */
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { generate } from './generate.ts';
import { describeMishap } from './mishaps.ts';
import { type Played, play, playOnThreads, type Range } from './play.ts';
import { run } from './run.ts';
import { type Scenario, STORE_WORLDS, type StoreWorld, type When } from './scenario.ts';
import { shrink } from './shrink.ts';
import { showLine } from './trace.ts';
import { describeAct } from './users.ts';

export const HELP = `Simulates the whole engine: real steps and adapters on a simulated disk, store, database, queue and clock.

  npm run sim -- --seeds 2000 [--from 1]       plays so many seeds; fails when an invariant does not hold
  npm run sim -- --seeds 5000 --jobs 2         on two threads
  npm run sim -- --seeds 5000 --minutes 20     as many of them as fit into the time
  npm run sim -- --seeds 500 --store s3        with one kind of store (${STORE_WORLDS.join(', ')}); default: by the seed
  npm run sim -- --seed 17                     plays one seed, and shrinks it when it fails
  npm run sim -- --seed 17 --trace [--all]     shows what happens; --all with every look
  npm run sim -- --scenario FILE [--trace]     plays a scenario that was shrunk before

A seed always gives the same run. A failing one is shrunk to few acts and mishaps, printed as a scenario that
--scenario plays, with its trace. Invariants are numbered as in libs/core/SPEC.md.
`;

const PROGRESS_MS = 5_000;
const SHRINK_RUNS = 600;
/** Kinds of failures that are shrunk; the first seed of each. */
const MOST_SHRUNK = 3;

export async function main(words: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...words],
    options: {
      help: { type: 'boolean', default: false },
      seeds: { type: 'string', default: '1000' },
      from: { type: 'string', default: '1' },
      seed: { type: 'string' },
      scenario: { type: 'string' },
      store: { type: 'string' },
      jobs: { type: 'string', default: '1' },
      minutes: { type: 'string' },
      trace: { type: 'boolean', default: false },
      all: { type: 'boolean', default: false },
      'no-shrink': { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    say(HELP);
    return 0;
  }
  const store = storeOf(values.store);
  const shrinks = !values['no-shrink'];
  if (values.scenario !== undefined) {
    const scenario = JSON.parse(readFileSync(values.scenario, 'utf8')) as Scenario;
    return playOne(scenario, { trace: values.trace, all: values.all, shrinks: false });
  }
  if (values.seed !== undefined) {
    const scenario = generate(numberOf(values.seed), { store });
    return playOne(scenario, { trace: values.trace, all: values.all, shrinks: shrinks && !values.trace });
  }
  const until = values.minutes === undefined ? null : Date.now() + numberOf(values.minutes) * 60_000;
  const range = { from: numberOf(values.from), seeds: numberOf(values.seeds), store, until };
  return playMany(range, numberOf(values.jobs), shrinks);
}

async function playOne(
  scenario: Scenario,
  options: { readonly trace: boolean; readonly all: boolean; readonly shrinks: boolean },
): Promise<number> {
  const { violation, steps, tookMs } = await run(
    scenario,
    options.trace
      ? (line) => {
          const shown = showLine(line, options.all);
          if (shown !== null) say(`${shown}\n`);
        }
      : null,
  );
  say(`${steps} steps, ${tookMs / 1_000} simulated seconds\n`);
  if (violation === null) {
    say('all invariants hold\n');
    return 0;
  }
  say(`${violation.message}\n`);
  if (options.shrinks) await showShrunk(scenario);
  return 1;
}

async function playMany(range: Range, jobs: number, shrinks: boolean): Promise<number> {
  const startedAt = performance.now();
  let toldAt = startedAt;
  const total = { played: 0, steps: 0, acts: 0 };
  const failed: Played[] = [];
  const onPlayed = (played: Played): void => {
    total.played += 1;
    total.steps += played.steps;
    total.acts += played.acts;
    if (played.violation !== null) {
      failed.push(played);
      say(`seed ${played.seed}: ${played.violation.message}\n`);
    }
    const now = performance.now();
    if (now - toldAt < PROGRESS_MS) return;
    toldAt = now;
    say(
      `${total.played} of ${range.seeds} seeds, ${rate(total.played, startedAt)} seeds/s, ${failed.length} failed\n`,
    );
  };
  if (jobs > 1) await playOnThreads(range, jobs, onPlayed);
  else await play(range, onPlayed);
  const seconds = (performance.now() - startedAt) / 1_000;
  say(
    `seeds ${range.from} to ${range.from + range.seeds - 1}: ${failed.length} failed; ` +
      `${total.played < range.seeds ? `only ${total.played} were played in the time there was; ` : ''}` +
      `${rate(total.played, startedAt)} seeds/s in ${seconds.toFixed(1)} s, ` +
      `${Math.round(total.steps / total.played)} steps and ${Math.round(total.acts / total.played)} acts a run\n`,
  );
  if (failed.length === 0) return 0;
  const kinds = Map.groupBy(failed, ({ violation }) => violation?.kind ?? '');
  for (const [kind, seeds] of kinds) {
    const shown = seeds.slice(0, 10).map(({ seed }) => seed);
    say(`${seeds.length} times ${kind}: ${shown.join(' ')}${seeds.length > shown.length ? ' ...' : ''}\n`);
  }
  const firsts = [...kinds.values()].flatMap(([first]) => (first === undefined ? [] : [first]));
  for (const { seed } of shrinks ? firsts.slice(0, MOST_SHRUNK) : []) {
    await showShrunk(generate(seed, { store: range.store }));
    // A store that the seed chose is chosen by it again, and one that is given leaves the seed more to choose.
    const store = range.store === null ? '' : ` --store ${range.store}`;
    say(`replay the whole seed: npm run sim -- --seed ${seed}${store} --trace\n`);
  }
  return 1;
}

async function showShrunk(scenario: Scenario): Promise<void> {
  const { violation } = await run(scenario);
  if (violation === null) return;
  const shrunk = await shrink(scenario, violation, SHRINK_RUNS);
  say(`\nseed ${scenario.seed} shrunk in ${shrunk.runs} runs: ${shrunk.violation.message}\n`);
  for (const { when, what } of shrunk.scenario.acts) say(`  ${describeWhen(when)}  ${describeAct(what)}\n`);
  for (const { when, what } of shrunk.scenario.mishaps)
    say(`  ${describeWhen(when)}  ${describeMishap(what)}\n`);
  say('trace:\n');
  await run(shrunk.scenario, (line) => {
    const shown = showLine(line, false);
    if (shown !== null) say(`${shown}\n`);
  });
  say(`scenario for --scenario:\n${JSON.stringify(shrunk.scenario)}\n`);
}

function describeWhen(when: When): string {
  if (typeof when === 'number') return `at ${when} ms`;
  const process = when.process === null ? '' : ` of ${when.process}`;
  return `${when.where} ${when.verb}${process}, the ${when.skip + 1}.`;
}

function rate(played: number, startedAt: number): string {
  return ((played * 1_000) / (performance.now() - startedAt)).toFixed(1);
}

function storeOf(word: string | undefined): StoreWorld | null {
  if (word === undefined) return null;
  const store = STORE_WORLDS.find((known) => known === word);
  if (store === undefined)
    throw new RangeError(`--store cannot be "${word}"; choose ${STORE_WORLDS.join(', ')}`);
  return store;
}

function numberOf(word: string): number {
  const value = Number(word);
  if (!Number.isSafeInteger(value) || value < 0) throw new RangeError(`"${word}" is no number of seeds`);
  return value;
}

function say(text: string): void {
  process.stdout.write(text);
}
