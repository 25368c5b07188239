/** `holdfast problems`: names that cannot sync, why, and when they are tried again. */
import type { Command } from 'commander';
import type { ProblemView } from '#ports/operator.ts';
import { printable } from '../terminal.ts';
import { counted, timeText } from '../wording.ts';
import { type CommandContext, examples } from './verb.ts';

export function addProblemsVerb(program: Command, { terminal, withOperator }: CommandContext): void {
  program
    .command('problems')
    .description('show what cannot sync, and why')
    .argument('[name]', 'only this pair')
    .addHelpText('after', examples('problems', 'problems docs'))
    .action(async (name: string | undefined) => {
      const problems = await withOperator((operator) => operator.problems(name ?? null));
      terminal.result(problems, () =>
        problems.length === 0 ? ['no problems'] : problems.flatMap(problemLines),
      );
    });
}

function problemLines(problem: ProblemView): readonly string[] {
  const subject = problem.name === '' ? 'the whole pair' : printable(problem.name);
  const tries = problem.attempts > 0 ? `, tried ${counted(problem.attempts, 'time')}` : '';
  const next = problem.nextAttemptAt === null ? '' : `, next try ${timeText(problem.nextAttemptAt)}`;
  return [
    `${problem.pair}: ${subject}`,
    `  ${problem.code}: ${printable(problem.text)}`,
    `  since ${timeText(problem.firstSeenAt)}${tries}${next}`,
  ];
}
