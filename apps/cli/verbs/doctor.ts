/** `holdfast doctor`: looks at everything a fleet stands on and says what to mend. */
import type { Command } from 'commander';
import { EXIT_CODES } from '#libs/runtime/exit-codes.ts';
import type { Check } from '#ports/operator.ts';
import { describeFailure } from '../failure.ts';
import { printable } from '../terminal.ts';
import { type CommandContext, examples } from './verb.ts';

export function addDoctorVerb(program: Command, context: CommandContext): void {
  const { terminal, leaveWith } = context;
  program
    .command('doctor')
    .description('check database, queue, limits, clock, folders and stores')
    .addHelpText('after', examples('doctor'))
    .action(async () => {
      const checks = await examine(context);
      const [good, bad] = terminal.isUtf8 ? ['✓', '✗'] : ['ok  ', 'FAIL'];
      terminal.result(checks, () =>
        checks.map(({ name, ok, text }) => `${ok ? good : bad} ${printable(name)}: ${printable(text)}`),
      );
      if (checks.some((check) => !check.ok)) leaveWith(EXIT_CODES.failed);
    });
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
