/** `holdfast why`: the causal chain of one name, from observation to acknowledgement. */
import type { Command } from 'commander';
import type { TrashView, WhyView } from '#ports/operator.ts';
import { printable } from '../terminal.ts';
import { sizeText, timeText } from '../wording.ts';
import { type CommandContext, examples } from './verb.ts';

export function addWhyVerb(program: Command, { terminal, withOperator }: CommandContext): void {
  program
    .command('why')
    .description('show how one name came to be as it is')
    .argument('<name>', 'the pair')
    .argument('<path>', "path below the pair's folder")
    .addHelpText('after', examples('why docs letters/2026.odt'))
    .action(async (name: string, path: string) => {
      const view = await withOperator((operator) => operator.why(name, path));
      terminal.result(view, () => whyLines(name, view));
    });
}

function whyLines(pair: string, view: WhyView): readonly string[] {
  const events = [...view.history].sort((a, b) => a.at.localeCompare(b.at));
  const sides = Math.max(0, ...events.map(({ side }) => (side ?? '').length));
  const kinds = Math.max(0, ...events.map(({ kind }) => kind.length));
  return [
    printable(view.name),
    `  here      ${printable(view.local)}`,
    `  upstream  ${printable(view.remote)}`,
    `  synced    ${printable(view.sync)}`,
    ...(view.decision === null ? [] : [`  decided   ${printable(view.decision)}`]),
    ...view.kept.map((item) => `  kept      ${keptText(pair, item)}`),
    ...(view.problem === null ? [] : [`  problem   ${printable(view.problem)}`]),
    '',
    ...(events.length === 0 ? ['nothing has happened to it yet'] : []),
    ...events.map(({ at, kind, side, serial, text }) =>
      [
        at.replace('T', ' '),
        kind.padEnd(kinds),
        (side ?? '').padEnd(sides),
        serial === null ? '' : `#${serial}`,
        printable(text),
      ].join('  '),
    ),
  ];
}

function keptText(pair: string, { item, side, size, displacedAt, expiresAt }: TrashView): string {
  const what = `${sizeText(size)}, displaced ${side === 'local' ? 'here' : 'upstream'} ${timeText(displacedAt)}`;
  return `${what}, until ${timeText(expiresAt)}: item ${item} of holdfast trash ${pair}`;
}
