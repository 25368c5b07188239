/** `holdfast pairs apply`: makes the pairs those of a file, for many folders at once. */
import { realpathSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { EXIT_CODES } from '#libs/runtime/exit-codes.ts';
import { asHoldfastError } from '#ports/errors.ts';
import type { Operator } from '#ports/operator.ts';
import { type Change, type PairsPlan, planPairs, type Step } from '../pairs-file/plan.ts';
import { readPairs, type WantedPair } from '../pairs-file/read.ts';
import { counted } from '../wording.ts';
import { type CommandContext, examples } from './verb.ts';

/** Each waits for its store most of the time. */
const AT_ONCE = 6;

interface ApplyOptions {
  readonly file: string;
  readonly dryRun: boolean;
  readonly prune: boolean;
}

interface Failure {
  readonly pair: string;
  readonly code: string;
  readonly message: string;
}

export function addPairsVerbs(program: Command, context: CommandContext): void {
  const pairs = program.command('pairs').description('many pairs at once');
  const { terminal, withOperator, leaveWith } = context;
  pairs
    .command('apply')
    .description(
      'make the pairs those of a file: adds and changes, and with --prune removes; may be run again',
    )
    .requiredOption('-f, --file <path>', 'YAML file, or folder of them')
    .option('--dry-run', 'only say what would be done', false)
    .option('--prune', 'remove pairs that are not in the file; both sides keep their data', false)
    .addHelpText('after', FILE_HELP)
    .addHelpText('after', examples('pairs apply -f pairs.yaml --dry-run', 'pairs apply -f pairs.d'))
    .action(async ({ file, dryRun, prune }: ApplyOptions) => {
      const wanted = readPairs(resolve(file));
      await withOperator(async (operator) => {
        const plan = planPairs(wanted, await operator.pairList(), { prune, realFolder });
        const failures = dryRun ? [] : await carryOut(plan, operator, terminal.say);
        const refused = plan.steps.filter(({ action }) => action === 'refuse').length;
        const steps = plan.steps.map(({ action, pair, ...rest }) => ({
          action,
          pair,
          changes: 'changes' in rest ? rest.changes : [],
        }));
        terminal.result({ dryRun, unchanged: plan.unchanged, steps, failures }, () => [
          ...plan.steps.map(describe),
          ...failures.map(({ pair, message }) => `failed  ${pair}: ${message}`),
          summary(plan, dryRun, failures.length),
        ]);
        if (failures.length + refused > 0) leaveWith(EXIT_CODES.failed);
      });
    });
}

const FILE_HELP = `
The file:
  pairs:
    - { name: docs, folder: /homes/docs, store: cloud, container: docs }
  templates:                       one pair for each user
    - name: home-{user}
      folder: /homes/{user}/cloud
      store: cloud
      container: home-{user}
      users: [ada, bob]            or usersFile: users.txt, one name a line
Further fields: volume, exclude, policies, trashDays, trashBytes, paused, create, versioning.`;

function realFolder(folder: string): string {
  try {
    return realpathSync(folder);
  } catch {
    return folder;
  }
}

/** One pair that fails keeps no other from being done. */
async function carryOut(
  { steps }: PairsPlan,
  operator: Operator,
  say: (sentence: string) => void,
): Promise<readonly Failure[]> {
  const left = steps.filter(({ action }) => action !== 'leave' && action !== 'refuse').toReversed();
  const total = left.length;
  const failures: Failure[] = [];
  let done = 0;
  const work = async (): Promise<void> => {
    for (let step = left.pop(); step !== undefined; step = left.pop()) {
      try {
        await take(step, operator);
      } catch (thrown) {
        const { code, message } = asHoldfastError(thrown);
        failures.push({ pair: step.pair, code, message });
      }
      done += 1;
      if (done % 100 === 0) say(`${done} of ${total} pairs done`);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return failures;
}

async function take(step: Step, operator: Operator): Promise<void> {
  switch (step.action) {
    case 'add':
      await operator.pairAdd(addRequest(step.wanted));
      if (step.wanted.paused) await operator.pairPause(step.pair);
      return;
    case 'change': {
      const { trashDays: days, trashBytes: bytes, paused } = step.wanted;
      const changed = new Set(step.changes.map(({ field }) => field));
      if (changed.has('trashDays') || changed.has('trashBytes'))
        await operator.pairSet({ name: step.pair, retention: { days, bytes } });
      if (changed.has('paused'))
        await (paused ? operator.pairPause(step.pair) : operator.pairResume(step.pair, false));
      return;
    }
    case 'remove':
      await operator.pairRemove(step.pair);
      return;
    case 'leave':
    case 'refuse':
      return;
    default:
      step satisfies never;
  }
}

function addRequest(wanted: WantedPair): Parameters<Operator['pairAdd']>[0] {
  const { name, folder, store, container, volume, versioning, create } = wanted;
  return {
    ...{ name, folder, store, container, volume, versioning, create },
    excludes: wanted.exclude,
    policies: Object.entries(wanted.policies).map(([key, value]) => `${key}=${value}`),
    retention: { days: wanted.trashDays, bytes: wanted.trashBytes },
  };
}

function describe(step: Step): string {
  switch (step.action) {
    case 'add':
      return `+ ${step.pair}: ${step.wanted.folder} with ${step.wanted.store}/${step.wanted.container}`;
    case 'change':
      return `~ ${step.pair}: ${changesText(step.changes)}`;
    case 'remove':
      return `- ${step.pair}`;
    case 'leave':
      return `  ${step.pair} is not in the file; --prune would remove it`;
    case 'refuse':
      return `! ${step.pair}: ${changesText(step.changes)} cannot be changed in place; remove the pair and apply again`;
    default:
      return step satisfies never;
  }
}

function changesText(changes: readonly Change[]): string {
  return changes.map(({ field, from, to }) => `${field} ${from || 'none'} -> ${to || 'none'}`).join(', ');
}

function summary({ steps, unchanged }: PairsPlan, dryRun: boolean, failures: number): string {
  const number = (wanted: Step['action']): number => steps.filter(({ action }) => action === wanted).length;
  const would = dryRun ? 'would be ' : '';
  const parts = [
    `${counted(number('add'), 'pair')} ${would}added`,
    `${number('change')} changed`,
    `${number('remove')} removed`,
  ];
  const failed = failures === 0 ? '' : `, ${failures} of these failed`;
  return `${parts.join(', ')}, ${unchanged} as they should be${failed}`;
}
