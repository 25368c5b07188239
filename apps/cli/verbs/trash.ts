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
    .option('--item <number>', 'with restore: which of several contents of one name; the newest unless given')
    .option('--as <path>', 'with restore: put it under another name')
    .addHelpText(
      'after',
      examples(
        'trash docs list',
        'trash docs restore letters/2026.odt',
        'trash docs restore letters/2026.odt --item 17 --as letters/2026-before.odt',
      ),
    )
    .action(async (name: string, action: string, path: string | undefined, options: RestoreOptions) => {
      const { item = null, as = null } = options;
      const isRestore = action === 'restore' && path !== undefined;
      if (!isRestore && (action !== 'list' || path !== undefined || item !== null || as !== null)) {
        throw new HoldfastError(
          'usage',
          `give "holdfast trash ${name} list" or "holdfast trash ${name} restore PATH"`,
        );
      }
      if (isRestore) {
        const restored = await withOperator((operator) => operator.trashRestore(name, { path, item, as }));
        terminal.result(restored, () => [`restored ${printable(as ?? path)} (${sizeText(restored.size)})`]);
      } else {
        const items = await withOperator((operator) => operator.trashList(name));
        terminal.result(items, () => trashLines(items));
      }
    });
}

interface RestoreOptions {
  readonly item?: string;
  readonly as?: string;
}

function trashLines(items: readonly TrashView[]): readonly string[] {
  if (items.length === 0) return ['the trash is empty'];
  const rows = items.map(({ item, name, side, size, displacedAt, expiresAt, locator }) => [
    name,
    item,
    side,
    sizeText(size),
    timeText(displacedAt),
    timeText(expiresAt),
    locator,
  ]);
  return [tableText(['NAME', '>ITEM', 'SIDE', '>SIZE', 'DISPLACED', 'KEPT UNTIL', 'WHERE'], rows)];
}
