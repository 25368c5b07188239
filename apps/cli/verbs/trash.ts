/** `holdfast trash`: what commits displaced, and getting it back. */
import type { Command } from 'commander';
import { HoldfastError } from '#ports/errors.ts';
import type { TrashView } from '#ports/operator.ts';
import { printable } from '../terminal.ts';
import { sizeText, tableText, timeText } from '../wording.ts';
import { type CommandContext, examples } from './verb.ts';

export function addTrashVerb(program: Command, { terminal, withOperator }: CommandContext): void {
  program
    .command('trash')
    .description('list what was displaced, or put it back: NAME list | NAME restore PATH')
    .argument('<name>', 'the pair')
    .argument('<action>', 'list or restore')
    .argument('[path]', "what to restore: its path below the pair's folder")
    .addHelpText('after', examples('trash docs list', 'trash docs restore letters/2026.odt'))
    .action(async (name: string, action: string, path: string | undefined) => {
      if (action === 'list' && path === undefined) {
        const items = await withOperator((operator) => operator.trashList(name));
        terminal.result(items, () => trashLines(items));
      } else if (action === 'restore' && path !== undefined) {
        const item = await withOperator((operator) => operator.trashRestore(name, path));
        terminal.result(item, () => [`restored ${printable(item.name)} (${sizeText(item.size)})`]);
      } else {
        throw new HoldfastError(
          'usage',
          `give "holdfast trash ${name} list" or "holdfast trash ${name} restore PATH"`,
        );
      }
    });
}

function trashLines(items: readonly TrashView[]): readonly string[] {
  if (items.length === 0) return ['the trash is empty'];
  const rows = items.map(({ name, side, size, displacedAt, expiresAt, locator }) => [
    name,
    side,
    sizeText(size),
    timeText(displacedAt),
    timeText(expiresAt),
    locator,
  ]);
  return [tableText(['NAME', 'SIDE', '>SIZE', 'DISPLACED', 'KEPT UNTIL', 'WHERE'], rows)];
}
