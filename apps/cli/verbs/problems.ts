/** `holdfast problems`: names that cannot sync, why, when they are tried again, and trying them now. */
import type { Command } from 'commander';
import { HoldfastError } from '#ports/errors.ts';
import type { ProblemView } from '#ports/operator.ts';
import { printable } from '../terminal.ts';
import { counted, timeText } from '../wording.ts';
import { type CommandContext, examples } from './verb.ts';

export function addProblemsVerb(program: Command, { terminal, withOperator }: CommandContext): void {
  const retry = async (name: string, paths: readonly string[], code: string | null): Promise<void> => {
    const names = paths.length === 0 ? null : paths;
    const answer = await withOperator((operator) => operator.problemsRetry(name, { names, code }));
    terminal.result(answer, () => [
      answer.names === 0
        ? `no such problem of ${name} is open; see them: holdfast problems ${name}`
        : `${counted(answer.names, 'name')} of ${name} tried again now`,
    ]);
  };
  program
    .command('problems')
    .description('show what cannot sync, and why; or try it again now')
    .argument('[name]', 'only this pair')
    .argument('[action]', 'retry: try these paths of the pair again now; without any, all')
    .argument('[path...]', "with retry: paths below the pair's folder")
    .option('--code <code>', 'with retry: all names with this code')
    .addHelpText(
      'after',
      examples(
        'problems',
        'problems docs',
        'problems docs retry',
        'problems docs retry --code store-quota',
        'problems docs retry letters/2026.odt',
      ),
    )
    .action(
      async (
        name: string | undefined,
        action: string | undefined,
        paths: readonly string[],
        options: { readonly code?: string },
      ) => {
        const { code = null } = options;
        if (name !== undefined && action === 'retry' && (paths.length === 0 || code === null))
          return retry(name, paths, code);
        if (action !== undefined || code !== null) {
          throw new HoldfastError(
            'usage',
            'give "holdfast problems NAME retry", and behind it either paths or --code CODE, or nothing for all',
          );
        }
        const problems = await withOperator((operator) => operator.problems(name ?? null));
        terminal.result(problems, () =>
          problems.length === 0 ? ['no problems'] : problems.flatMap(problemLines),
        );
      },
    );
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
