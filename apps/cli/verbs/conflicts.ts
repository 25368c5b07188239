/** `holdfast conflicts`: whose content lost its name, and where it is kept. */
import type { Command } from 'commander';
import { printable } from '../terminal.ts';
import { timeText } from '../wording.ts';
import { type CommandContext, examples } from './verb.ts';

export function addConflictsVerb(program: Command, { terminal, withOperator }: CommandContext): void {
  program
    .command('conflicts')
    .description('show conflicts and where the content that lost is now')
    .argument('[name]', 'only this pair')
    .addHelpText('after', examples('conflicts docs'))
    .action(async (name: string | undefined) => {
      const conflicts = await withOperator((operator) => operator.conflicts(name ?? null));
      terminal.result(conflicts, () =>
        conflicts.length === 0
          ? ['no conflicts']
          : conflicts.map(
              (conflict) =>
                `${timeText(conflict.at)}  ${conflict.pair}: ${printable(conflict.name)}: ${printable(conflict.text)}`,
            ),
      );
    });
}
