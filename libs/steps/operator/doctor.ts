/** Doctor: runs the checks of the environment and of every pair; one that fails never hides the next. */
import { asHoldfastError, HoldfastError } from '#ports/errors.ts';
import type { Check } from '#ports/operator.ts';
import type { Pair } from '#ports/pair.ts';
import { assertContainer, assertFolder } from '../continuity.ts';
import { describeHeld, fleetStopView, heldDeletesOf, readHolds } from './holds.ts';
import type { PairsDeps } from './pairs.ts';

/** A named look at one thing; its sentence when it is well. @throws anything when it is not */
export interface Examination {
  readonly name: string;
  examine(): Promise<string>;
}

export async function doctor(
  deps: PairsDeps,
  environment: readonly Examination[],
): Promise<readonly Check[]> {
  const checks: Check[] = [];
  for (const examination of environment) checks.push(await run(examination));
  if (checks.some((check) => !check.ok)) return checks;
  checks.push(await run(fleetDeletes(deps)));
  for (const pair of await deps.registry.listPairs()) {
    for (const examination of pairExaminations(deps, pair)) checks.push(await run(examination));
  }
  return checks;
}

async function run({ name, examine }: Examination): Promise<Check> {
  try {
    return { name, ok: true, text: await examine() };
  } catch (thrown) {
    return { name, ok: false, text: asHoldfastError(thrown).message };
  }
}

function fleetDeletes(deps: PairsDeps): Examination {
  return {
    name: 'deletes of all pairs',
    examine: async () => {
      const stop = fleetStopView(await readHolds(deps), await deps.registry.listPairs());
      if (stop === null) return 'not stopped';
      throw new HoldfastError(
        'usage',
        `stopped since ${stop.since}, because those of ${stop.pairs.join(', ')} were held one soon after the other; find out why, then answer for each: holdfast deletes NAME list`,
      );
    },
  };
}

function heldDeletes(deps: PairsDeps, pair: Pair): Examination {
  return {
    name: `pair ${pair.name}: deletes`,
    examine: async () => {
      const held = await heldDeletesOf(deps, pair, await readHolds(deps));
      if (held === null) return 'none waits for an operator';
      throw new HoldfastError('usage', `${describeHeld(held)}; see them: holdfast deletes ${pair.name} list`);
    },
  };
}

function pairExaminations(deps: PairsDeps, pair: Pair): readonly Examination[] {
  return [
    {
      name: `pair ${pair.name}: folder`,
      examine: async () => {
        const { folder } = await deps.sides.open(pair);
        await assertFolder(pair, folder, deps.registry);
        const { hardLinks, foldsCase, foldsUnicode } = folder.facts;
        const folding = foldsCase || foldsUnicode ? 'folds names' : 'keeps names apart';
        return `${pair.folder} is there and marked; ${hardLinks ? 'hard links' : 'no hard links'}, ${folding}`;
      },
    },
    {
      name: `pair ${pair.name}: container`,
      examine: async () => {
        const { store } = await deps.sides.open(pair);
        await assertContainer(pair, store, deps.registry);
        const { createOnly, replaceIf, deleteIf, versions, unprotectedWindow } = store.capabilities;
        const guards = `create-only ${createOnly}, replace-if ${replaceIf}, delete-if ${deleteIf}, ${versions ? 'versions kept' : 'no versions'}`;
        return `"${pair.container}" is reachable; ${guards}${unprotectedWindow ? '; UNPROTECTED WINDOW' : ''}`;
      },
    },
    heldDeletes(deps, pair),
  ];
}
