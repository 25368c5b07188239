/** `holdfast doctor`: looks at everything a fleet stands on and says what to mend. */
import type { Command } from 'commander';
import { EXIT_CODES } from '#libs/runtime/exit-codes.ts';
import { HoldfastError } from '#ports/errors.ts';
import type { Check, RecoveryView } from '#ports/operator.ts';
import { describeFailure } from '../failure.ts';
import { printable } from '../terminal.ts';
import { counted, sizeText, tableText, timeText } from '../wording.ts';
import { type CommandContext, examples } from './verb.ts';

interface DoctorOptions {
  readonly recovery?: boolean;
  readonly pair?: string;
  readonly content?: boolean;
}

export function addDoctorVerb(program: Command, context: CommandContext): void {
  const { terminal, leaveWith } = context;
  program
    .command('doctor')
    .description('check database, queue, limits, clock, folders and stores')
    .option('--recovery', 'check instead that everything a sync displaced can be got back')
    .option('--pair <name>', 'with --recovery: only this pair')
    .option('--content', 'with --recovery: read all of it and compare')
    .addHelpText('after', examples('doctor', 'doctor --recovery', 'doctor --recovery --pair docs --content'))
    .action(async (options: DoctorOptions) => {
      if (options.recovery === true) {
        await tellRecovery(context, options);
        return;
      }
      if (options.pair !== undefined || options.content === true) {
        throw new HoldfastError('usage', '--pair and --content go with --recovery');
      }
      const checks = await examine(context);
      const [good, bad] = terminal.isUtf8 ? ['✓', '✗'] : ['ok  ', 'FAIL'];
      terminal.result(checks, () =>
        checks.map(({ name, ok, text }) => `${ok ? good : bad} ${printable(name)}: ${printable(text)}`),
      );
      if (checks.some((check) => !check.ok)) leaveWith(EXIT_CODES.failed);
    });
}

async function tellRecovery(
  { terminal, leaveWith, withOperator }: CommandContext,
  { pair, content }: DoctorOptions,
): Promise<void> {
  const views = await withOperator((operator) => operator.recovery(pair ?? null, content === true));
  terminal.result(views, () =>
    views.length === 0 ? ['there are no pairs yet'] : views.flatMap(recoveryLines),
  );
  if (views.some(({ isWhole }) => !isWhole)) leaveWith(EXIT_CODES.failed);
}

function recoveryLines({ pair, checked, missing, untold, failure }: RecoveryView): readonly string[] {
  const pointers = counted(checked, 'recovery pointer');
  const verdict = missing.length === 0 ? 'all of them reachable' : `${missing.length} of them missing`;
  const rows = [...missing, ...untold].map(({ name, side, kind, size, displacedAt, locator, text }) => [
    name,
    side,
    kind,
    sizeText(size),
    timeText(displacedAt),
    locator,
    text,
  ]);
  const headings = ['NAME', 'SIDE', 'KIND', '>SIZE', 'DISPLACED', 'WHERE', 'WHAT IS WRONG'];
  return [
    `${pair}: ${pointers}, ${verdict}${untold.length === 0 ? '' : `; ${untold.length} in the trash untold`}`,
    ...(rows.length === 0 ? [] : [tableText(headings, rows)]),
    ...(failure === null ? [] : [`${pair} could not be checked to the end: ${printable(failure)}`]),
  ];
}

/** Not being able to ask is a finding like any other. */
async function examine({ withOperator }: CommandContext): Promise<readonly Check[]> {
  try {
    return await withOperator((operator) => operator.doctor());
  } catch (thrown) {
    const { code, message } = describeFailure(thrown);
    return [{ name: code, ok: false, text: message }];
  }
}
