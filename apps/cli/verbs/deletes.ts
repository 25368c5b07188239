/** `holdfast deletes`: deletes that wait because they are so many, and the operator's answer, which is for all of them. */
import type { Command } from 'commander';
import { HoldfastError } from '#ports/errors.ts';
import type { DeletesAnswer, HeldDeleteView } from '#ports/operator.ts';
import { counted, sizeText, tableText, timeText } from '../wording.ts';
import { type CommandContext, examples } from './verb.ts';

export function addDeletesVerb(program: Command, { terminal, withOperator }: CommandContext): void {
  program
    .command('deletes')
    .description('show deletes that wait for you, and let them go or bring the names back')
    .argument('<name>', 'the pair')
    .argument('<action>', 'list, approve or revert')
    .addHelpText('after', examples('deletes docs list', 'deletes docs approve', 'deletes docs revert'))
    .action(async (name: string, action: string) => {
      if (action === 'list') {
        const held = await withOperator((operator) => operator.deletesList(name));
        terminal.result(held, () => heldLines(name, held));
      } else if (action === 'approve') {
        const answer = await withOperator((operator) => operator.deletesApprove(name));
        terminal.result(answer, () => answerLines(answer));
      } else if (action === 'revert') {
        const answer = await withOperator((operator) => operator.deletesRevert(name));
        terminal.result(answer, () => answerLines(answer));
      } else {
        throw new HoldfastError(
          'usage',
          `"${action}" is nothing to do with deletes; give "holdfast deletes ${name} list", "approve" or "revert"`,
        );
      }
    });
}

const WHERE: Readonly<Record<string, string>> = { local: 'here', remote: 'upstream' };
const WHY: Readonly<Record<HeldDeleteView['because'], string>> = {
  'mass-delete': 'they are so many of one pair that they may be a mistake',
  'fleet-stop':
    'deletes of several other pairs were held one soon after the other, so those of all pairs wait; see holdfast status',
};

function heldLines(pair: string, held: readonly HeldDeleteView[]): readonly string[] {
  const [first] = held;
  if (first === undefined) return [`no delete of ${pair} waits for you`];
  const rows = held.map(({ name, side, size, since }) => [
    name,
    WHERE[side] ?? side,
    size === null ? 'directory' : sizeText(size),
    timeText(since),
  ]);
  const verb = held.length === 1 ? 'waits' : 'wait';
  return [
    tableText(['NAME', 'GONE', '>SIZE', 'SINCE'], rows),
    '',
    `${counted(held.length, 'delete')} ${verb}: ${WHY[first.because]}`,
    `to let them go: holdfast deletes ${pair} approve; to bring the names back: holdfast deletes ${pair} revert`,
  ];
}

function answerLines({ pair, answer, names }: DeletesAnswer): readonly string[] {
  if (names === 0) return [`no delete of ${pair} waits for you`];
  return answer === 'approved'
    ? [`approved ${counted(names, 'delete')} of ${pair}; later ones are counted anew`]
    : [`reverted ${counted(names, 'delete')} of ${pair}; the names come back where they went away`];
}
