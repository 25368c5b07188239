/** `holdfast limit`: how much the fleet may do to its stores a second, changed while it runs. */
import { type Command, InvalidArgumentError } from 'commander';
import { HoldfastError } from '#ports/errors.ts';
import type { LimitTimes, LimitView } from '#ports/operator.ts';
import { parseSize, sizeText, tableText } from '../wording.ts';
import { type CommandContext, examples } from './verb.ts';

interface ScopeOptions {
  readonly store?: string;
  readonly pair?: string;
  readonly between?: string;
  readonly days?: string;
  readonly zone?: string;
}

interface RateOptions {
  readonly bytesPerSecond?: number;
  readonly requestsPerSecond?: number;
}

export function addLimitVerbs(program: Command, { terminal, withOperator }: CommandContext): void {
  const limit = program
    .command('limit')
    .description('how much all processes together may do to stores a second');
  limit
    .command('show')
    .description('show all limits, and which of them hold now')
    .addHelpText('after', examples('limit show'))
    .action(async () => {
      const limits = await withOperator((operator) => operator.limitList());
      terminal.result(limits, () => limitLines(limits));
    });
  scoped(limit.command('set'))
    .description('set a limit for the fleet, a store or a pair; it holds within two seconds')
    .option('--bytes-per-second <size>', 'bytes of all bodies, up and down together, such as 5MB', parseSize)
    .option('--requests-per-second <number>', 'requests of every kind, such as 50', parseRate)
    .addHelpText('after', SET_HELP)
    .addHelpText(
      'after',
      examples(
        'limit set --bytes-per-second 50MB',
        'limit set --store cloud --requests-per-second 100',
        'limit set --pair photos --bytes-per-second 5MB --between 08:00-18:00 --days mon-fri --zone Europe/Athens',
      ),
    )
    .action(async (options: ScopeOptions & RateOptions) => {
      const { bytesPerSecond = null, requestsPerSecond = null } = options;
      const request = { ...scopeOf(options), bytesPerSecond, requestsPerSecond };
      const view = await withOperator((operator) => operator.limitSet(request));
      terminal.result(view, () => limitLines([view]));
    });
  scoped(limit.command('clear'))
    .description('forget the limits of the fleet, a store or a pair: all, or the one of a timetable')
    .addHelpText('after', examples('limit clear', 'limit clear --store cloud'))
    .action(async (options: ScopeOptions) => {
      const request = scopeOf(options);
      await withOperator((operator) => operator.limitClear(request));
      terminal.result({ cleared: request }, () => ['cleared; it is felt within two seconds']);
    });
}

function scoped(command: Command): Command {
  return command
    .option('--store <name>', 'for all pairs of this store together')
    .option('--pair <name>', 'for this pair')
    .option('--between <times>', 'only between these times of day, such as 08:00-18:00')
    .option(
      '--days <days>',
      'with --between: only on these days, such as mon-fri or sat,sun; all unless given',
    )
    .option(
      '--zone <zone>',
      'with --between: the zone of the times, such as Europe/Athens; UTC unless given',
    );
}

const SET_HELP = `
Without --store and --pair the limit is for the whole fleet. A request counts against all limits
that are for it. A limit with a timetable takes the place of the one without it, of the same store
or pair, while it holds. Sizes are powers of 1024.`;

function scopeOf({ store, pair, between, days, zone }: ScopeOptions): {
  readonly store: string | null;
  readonly pair: string | null;
  readonly times: LimitTimes | null;
} {
  if (between === undefined && (days !== undefined || zone !== undefined))
    throw new HoldfastError('usage', '--days and --zone go with --between; give times such as 08:00-18:00');
  const times = between === undefined ? null : { between, days: days ?? 'mon-sun', zone: zone ?? 'UTC' };
  return { store: store ?? null, pair: pair ?? null, times };
}

function parseRate(text: string): number {
  const rate = Number(text);
  if (!Number.isFinite(rate) || rate <= 0)
    throw new InvalidArgumentError('Give a number above 0, such as 50.');
  return rate;
}

function limitLines(limits: readonly LimitView[]): readonly string[] {
  if (limits.length === 0) return ['there are no limits; set one: holdfast limit set --help'];
  const rows = limits.map(({ store, pair, bytesPerSecond, requestsPerSecond, timetable, isHolding }) => [
    store !== null ? `store ${store}` : pair !== null ? `pair ${pair}` : 'fleet',
    bytesPerSecond === null ? '-' : sizeText(bytesPerSecond),
    requestsPerSecond === null ? '-' : String(requestsPerSecond),
    timetable ?? 'always',
    isHolding ? 'yes' : 'no',
  ]);
  return [tableText(['FOR', '>BYTES/S', '>REQUESTS/S', 'WHEN', 'NOW'], rows)];
}
