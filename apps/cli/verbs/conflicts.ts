/** `holdfast conflicts`: whose content lost its name, where it is kept, and an operator's answer to which of them has the name. */
import type { Command } from 'commander';
import { HoldfastError } from '#ports/errors.ts';
import type { ConflictView, Operator } from '#ports/operator.ts';
import type { ConflictAnswer } from '#ports/overview.ts';
import { printable } from '../terminal.ts';
import { timeText } from '../wording.ts';
import { type CommandContext, examples } from './verb.ts';

/** Each with what it did. */
const ANSWERS: Readonly<Record<ConflictAnswer, string>> = {
  'keep-upstream': 'holds what came from upstream; the other content is in the trash',
  'keep-mine': 'holds what came from here; the other content is in the trash',
  'keep-both': 'stays as it is, and so does its copy',
};

export function addConflictsVerb(program: Command, { terminal, withOperator }: CommandContext): void {
  program
    .command('conflicts')
    .description('show conflicts and where the content that lost is now; or answer one')
    .argument('[name]', 'only this pair')
    .argument('[answer]', Object.keys(ANSWERS).join(', '))
    .argument('[path]', "with an answer: the path below the pair's folder")
    .option(
      '--item <number>',
      'with an answer: which of several conflicts of one path; the newest unless given',
    )
    .addHelpText(
      'after',
      examples(
        'conflicts docs',
        'conflicts docs keep-upstream letters/2026.odt',
        'conflicts docs keep-mine letters/2026.odt --item 1734',
        'conflicts docs keep-both letters/2026.odt',
      ),
    )
    .action(
      async (
        name: string | undefined,
        answer: string | undefined,
        path: string | undefined,
        options: { readonly item?: string },
      ) => {
        const { item = null } = options;
        if (name !== undefined && path !== undefined && isAnswer(answer)) {
          const id = await withOperator((operator) => resolve(operator, { name, path, item, answer }));
          terminal.result({ pair: name, name: path, id, answer }, () => [
            `${printable(path)} ${ANSWERS[answer]}`,
          ]);
          return;
        }
        if (answer !== undefined || item !== null) {
          const words = Object.keys(ANSWERS).join('|');
          throw new HoldfastError('usage', `give "holdfast conflicts NAME ${words} PATH"`);
        }
        const conflicts = await withOperator((operator) => operator.conflicts(name ?? null));
        terminal.result(conflicts, () => conflictLines(conflicts));
      },
    );
}

function isAnswer(word: string | undefined): word is ConflictAnswer {
  return word !== undefined && word in ANSWERS;
}

interface Answered {
  readonly name: string;
  readonly path: string;
  readonly item: string | null;
  readonly answer: ConflictAnswer;
}

/** @returns which conflict was answered. @throws HoldfastError not-found */
async function resolve(operator: Operator, { name, path, item, answer }: Answered): Promise<string> {
  const all = (await operator.conflicts(name)).filter((conflict) => conflict.name === path);
  const found = all.find(({ id, isOpen }) => (item === null ? isOpen : id === item));
  if (found === undefined) {
    const which = item === null ? 'no open conflict' : `no conflict ${item}`;
    throw new HoldfastError(
      'not-found',
      `pair "${name}" has ${which} of "${path}"; see them: holdfast conflicts ${name}`,
    );
  }
  await operator.conflictResolve(name, found.id, answer);
  return found.id;
}

function conflictLines(conflicts: readonly ConflictView[]): readonly string[] {
  if (conflicts.length === 0) return ['no conflicts'];
  const lines = conflicts.map(
    ({ at, pair, name, text, id, answer, isOpen }) =>
      `${timeText(at)}  ${pair}: ${printable(name)}: ${printable(text)} (${id}: ${
        answer !== null
          ? `answered with ${answer.answer} by ${printable(answer.actor)}`
          : isOpen
            ? 'open'
            : 'its copy is gone'
      })`,
  );
  const open = conflicts.find(({ isOpen }) => isOpen);
  if (open === undefined) return lines;
  return [
    ...lines,
    '',
    `to answer one: holdfast conflicts ${open.pair} ${Object.keys(ANSWERS).join('|')} PATH`,
  ];
}
