/** `holdfast top`: the fleet as it is now, drawn again and again until a key ends it. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Command } from 'commander';
import { drawFleet } from '../draw-fleet.ts';
import { parseDuration } from '../wording.ts';
import { type CommandContext, examples } from './verb.ts';

const ENTER_SCREEN = '\u001b[?1049h\u001b[?25l';
const LEAVE_SCREEN = '\u001b[?25h\u001b[?1049l';
const FROM_THE_TOP = '\u001b[H';
const CLEAR_LINE = '\u001b[K';
const CLEAR_BELOW = '\u001b[J';
/** Of a stream that is no terminal. */
const PLAIN = { columns: 100, rows: 30 };

export function addTopVerb(program: Command, { terminal, withOperator }: CommandContext): void {
  program
    .command('top')
    .description('show the fleet live: who is behind, what waits, what fails; q ends it')
    .option('--every <duration>', 'time between two looks', parseDuration, 2_000)
    .option('--once', 'draw it once; so does output that is no terminal', false)
    .addHelpText('after', examples('top', 'top --once --json'))
    .action(async ({ every, once }: { every: number; once: boolean }) => {
      const { stdout } = process;
      await withOperator(async (operator) => {
        const look = async () => ({
          status: await operator.status(null),
          problems: await operator.problems(null),
        });
        if (once || terminal.isJson || stdout.isTTY !== true) {
          const seen = await look();
          terminal.result(seen, () => drawFleet(seen, new Date(), PLAIN));
          return;
        }
        const ended = untilKey();
        stdout.write(ENTER_SCREEN);
        try {
          while (!ended.aborted) {
            const lines = drawFleet(await look(), new Date(), { columns: stdout.columns, rows: stdout.rows });
            stdout.write(`${FROM_THE_TOP}${lines.map((line) => line + CLEAR_LINE).join('\n')}${CLEAR_BELOW}`);
            await sleep(every, undefined, { signal: ended }).catch(() => {});
          }
        } finally {
          stdout.write(LEAVE_SCREEN);
          process.stdin.setRawMode?.(false);
          process.stdin.pause();
        }
      });
    });
}

/** Aborted by `q`, Escape or Ctrl-C, and by signals, so that the screen is always given back. */
function untilKey(): AbortSignal {
  const ended = new AbortController();
  const end = (): void => ended.abort();
  process.stdin.setRawMode?.(true);
  process.stdin.on('data', (keys: Buffer) => {
    if (/[qQ\u001b\u0003]/.test(keys.toString())) end();
  });
  process.once('SIGINT', end);
  process.once('SIGTERM', end);
  return ended.signal;
}
