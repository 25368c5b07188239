/** `holdfast status`: how every pair is, and what waits in the queues. */
import type { Command } from 'commander';
import type { FleetStatus } from '#ports/operator.ts';
import { printable } from '../terminal.ts';
import { counted, sizeText, tableText, timeText } from '../wording.ts';
import { type CommandContext, examples } from './verb.ts';

export function addStatusVerb(program: Command, { terminal, withOperator }: CommandContext): void {
  program
    .command('status')
    .description('show how pairs are and what is still to do')
    .argument('[name]', 'only this pair')
    .addHelpText('after', examples('status', 'status docs --json'))
    .action(async (name: string | undefined) => {
      const status = await withOperator((operator) => operator.status(name ?? null));
      terminal.result(status, () => statusLines(status));
    });
}

function statusLines({ pairs, queues, fleetStop }: FleetStatus): readonly string[] {
  if (pairs.length === 0) return ['there are no pairs yet; add one: holdfast pair add --help'];
  const rows = pairs.map((pair) => [
    pair.name,
    pair.condition,
    String(pair.files),
    sizeText(pair.bytes),
    String(pair.candidates + pair.decisions),
    String(pair.problems),
  ]);
  const lines = [tableText(['PAIR', 'CONDITION', '>FILES', '>SIZE', '>PENDING', '>PROBLEMS'], rows), ''];
  const busy = queues.filter(({ jobs }) => jobs > 0);
  const depths = busy.map(({ queue, state, jobs }) => `${queue} ${jobs} ${state}`);
  lines.push(`queues: ${depths.length === 0 ? 'empty' : depths.join(', ')}`);
  for (const { name, disabled, notes } of pairs) {
    if (disabled !== null) lines.push(`${name} is disabled: ${printable(disabled.reason)}`);
    for (const note of notes) lines.push(`${name}: ${printable(note)}`);
  }
  if (fleetStop !== null) {
    lines.push(
      `THE DELETES OF ALL PAIRS ARE STOPPED since ${timeText(fleetStop.since)}: those of ${fleetStop.pairs.join(', ')} were held one soon after the other. Find out why, then answer for each: holdfast deletes NAME list`,
    );
  }
  for (const { name, heldDeletes } of pairs) {
    if (heldDeletes === null) continue;
    const verb = heldDeletes.names === 1 ? 'waits' : 'wait';
    lines.push(
      `${name}: ${counted(heldDeletes.names, 'delete')} ${verb} since ${timeText(heldDeletes.since)}; to see and answer: holdfast deletes ${name} list`,
    );
  }
  const problems = pairs.reduce((sum, pair) => sum + pair.problems, 0);
  if (problems > 0) lines.push(`${counted(problems, 'problem')}; to see what and why: holdfast problems`);
  return lines;
}
