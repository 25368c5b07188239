/** `holdfast plan`: what a sync would do, doing nothing. */
import type { Command } from 'commander';
import type { PlanItem } from '#ports/operator.ts';
import { counted, sizeText, tableText } from '../wording.ts';
import { type CommandContext, examples } from './verb.ts';

export function addPlanVerb(program: Command, { terminal, withOperator }: CommandContext): void {
  program
    .command('plan')
    .description('show what a sync would do, and do nothing')
    .argument('<name>')
    .addHelpText('after', examples('plan docs'))
    .action(async (name: string) => {
      const items = await withOperator((operator) => operator.plan(name));
      terminal.result(items, () => planLines(items));
    });
}

function planLines(items: readonly PlanItem[]): readonly string[] {
  if (items.length === 0) return ['nothing to do: both sides are as they were last synced'];
  const rows = items.map(({ action, name, bytes, reason }) => [
    action,
    name,
    bytes > 0 ? sizeText(bytes) : '-',
    reason,
  ]);
  const totals = [...Map.groupBy(items, (item) => item.action)].map(([action, group]) => {
    const bytes = group.reduce((sum, item) => sum + item.bytes, 0);
    return `${group.length} ${action}${bytes > 0 ? ` (${sizeText(bytes)})` : ''}`;
  });
  return [
    tableText(['ACTION', 'NAME', '>SIZE', 'REASON'], rows),
    '',
    `${counted(items.length, 'change')}: ${totals.join(', ')}`,
  ];
}
