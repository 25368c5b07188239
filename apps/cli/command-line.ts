/**
 * Command line: words in, exit code out. One place decides how results, help and failures
 * are written, so that every verb keeps the same contract (design section 9).
 */
import tab from '@bomb.sh/tab/commander';
import { Command, CommanderError } from 'commander';
import { EXIT_CODES } from '#libs/runtime/exit-codes.ts';
import { packageVersion } from '#libs/runtime/version.ts';
import { withOperator } from './connect.ts';
import { printFailure } from './failure.ts';
import { openTerminal, type Terminal } from './terminal.ts';
import { addAccountVerbs } from './verbs/account.ts';
import { addConflictsVerb } from './verbs/conflicts.ts';
import { addDeletesVerb } from './verbs/deletes.ts';
import { addDoctorVerb } from './verbs/doctor.ts';
import { addHistoryVerb } from './verbs/history.ts';
import { addLimitVerbs } from './verbs/limit.ts';
import { addPairVerbs } from './verbs/pair.ts';
import { addPairsVerbs } from './verbs/pairs.ts';
import { addPlanVerb } from './verbs/plan.ts';
import { addProblemsVerb } from './verbs/problems.ts';
import { addStatusVerb } from './verbs/status.ts';
import { addStoreVerbs } from './verbs/store.ts';
import { addSyncVerb } from './verbs/sync.ts';
import { addTopVerb } from './verbs/top.ts';
import { addTrashVerb } from './verbs/trash.ts';
import { addUpVerb } from './verbs/up.ts';
import type { CommandContext } from './verbs/verb.ts';
import { addWhyVerb } from './verbs/why.ts';

const VERBS = [
  addUpVerb,
  addStoreVerbs,
  addPairVerbs,
  addPairsVerbs,
  addLimitVerbs,
  addSyncVerb,
  addStatusVerb,
  addTopVerb,
  addProblemsVerb,
  addConflictsVerb,
  addDeletesVerb,
  addPlanVerb,
  addHistoryVerb,
  addWhyVerb,
  addTrashVerb,
  addDoctorVerb,
  addAccountVerbs,
] as const;

/** Words of the command line after the program's name. @returns the exit code; never throws. */
export async function runCommandLine(words: readonly string[], env: NodeJS.ProcessEnv): Promise<number> {
  const end = words.indexOf('--');
  // Known before parsing, since parsing may be what fails.
  const isJson = (end === -1 ? words : words.slice(0, end)).includes('--json');
  const terminal = openTerminal(isJson, env);
  let exitCode: number = EXIT_CODES.done;
  const context: CommandContext = {
    terminal,
    env,
    withOperator: (work) => withOperator(env, work),
    leaveWith: (code) => {
      exitCode = code;
    },
  };
  const asked: string[] = [];
  try {
    await buildProgram(context, asked).parseAsync(words, { from: 'user' });
    return exitCode;
  } catch (thrown) {
    // Help and version that were asked for also come as a throw.
    if (thrown instanceof CommanderError && thrown.exitCode === 0) {
      const text = asked.join('').trimEnd();
      const document = thrown.code === 'commander.version' ? { version: text } : { help: text };
      terminal.result(document, () => [text]);
      return EXIT_CODES.done;
    }
    return printFailure(thrown, isJson, env['HOLDFAST_LOG_LEVEL'] === 'debug');
  }
}

/** @param asked takes help and version, which come in pieces. */
function buildProgram(context: CommandContext, asked: string[]): Command {
  const program = new Command('holdfast')
    .description('Keeps folders and object-store containers in two-way sync, and loses no byte of either.')
    .option('--json', 'print one JSON document on standard output')
    .version(packageVersion(), '--version', 'print the version')
    .helpOption('-h, --help', 'show help')
    .helpCommand('help [verb]', 'show the help of a verb')
    .configureHelp({ showGlobalOptions: true })
    .addHelpText('after', GENERAL_HELP);
  divertOutput(program, context.terminal, asked);
  for (const addVerb of VERBS) addVerb(program, context);
  // Last: what it completes are the verbs that are there. Adds `completion SHELL`, and a hidden `complete` that shells call.
  tab(program, { completionCommandName: 'completion' });
  return program;
}

/** Subcommands copy these settings when they are made, so this comes before them. */
function divertOutput(program: Command, terminal: Terminal, asked: string[]): void {
  program
    .exitOverride()
    .showSuggestionAfterError(true)
    .configureOutput({
      writeOut: (text) => asked.push(text),
      // Help that nobody asked for goes with a usage error; with --json the error itself is all there is.
      writeErr: (text) => {
        if (!terminal.isJson) process.stderr.write(text);
      },
      // The failure is written once, where all failures are.
      outputError: () => {},
    });
}

const GENERAL_HELP = `
First steps:
  $ holdfast up                                   everything on this machine, in one terminal
  $ holdfast store add cloud --kind swift --url https://swift.example.org/auth/v1.0 --secret-file key.json
  $ holdfast pair add docs --folder ~/docs --store cloud --container docs
  $ holdfast sync docs --wait
  $ holdfast status

Where it talks to: to the database itself when DATABASE_URL is set (and REDIS_URL where the queue is
there), else to the "holdfast up" at HOLDFAST_URL, by default on this machine at HOLDFAST_PORT.

Exit codes: 0 done, 1 failed, 2 wrong usage, 3 timed out.`;
