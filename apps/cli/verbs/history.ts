/** `holdfast history`: what was done in a pair, newest first; a renamed directory is one line. */
import type { Command } from 'commander';
import type { EventRow } from '#ports/desk.ts';
import { HoldfastError } from '#ports/errors.ts';
import { printable } from '../terminal.ts';
import { timeText } from '../wording.ts';
import { type CommandContext, examples } from './verb.ts';

const MOST = 1_000;

export function addHistoryVerb(program: Command, { terminal, withOperator }: CommandContext): void {
  program
    .command('history')
    .description('show what was done, newest first, a renamed directory as one line')
    .argument('<name>', 'the pair')
    .argument('[path]', "all that was seen of one path below the pair's folder, and why")
    .option('--limit <lines>', 'how many lines', '50')
    .option('--from <number>', 'go on where an earlier page ended')
    .addHelpText(
      'after',
      examples('history docs', 'history docs letters/2026.odt', 'history docs --limit 500'),
    )
    .action(async (name: string, path: string | undefined, options: { limit: string; from?: string }) => {
      const limit = Number(options.limit);
      if (!Number.isInteger(limit) || limit < 1 || limit > MOST)
        throw new HoldfastError('usage', `--limit takes a number from 1 to ${MOST}`);
      const request = { path: path ?? null, from: options.from ?? null, limit };
      const page = await withOperator((operator) => operator.history(name, request));
      terminal.result(page, () => [
        ...(page.items.length === 0 ? ['nothing has happened yet'] : page.items.map(lineOf)),
        ...(page.next === null ? [] : ['', `older: holdfast history ${name} --from ${page.next}`]),
      ]);
    });
}

function lineOf({ at, name, side, files, text }: EventRow): string {
  const where = side === null ? '' : side === 'local' ? 'here' : 'upstream';
  const about = name === null || files > 1 || text.startsWith('renamed') ? '' : `${printable(name)}: `;
  return `${timeText(at)}  ${where.padEnd('upstream'.length)}  ${about}${printable(text)}`;
}
