/** `holdfast up`: everything on this machine, until asked to stop. */
import { resolve } from 'node:path';
import { type Command, InvalidArgumentError } from 'commander';
import { loadConfig } from '#libs/config/load.ts';
import type { ReadyUp, StopSignals } from '../up/supervise.ts';
import { type CommandContext, examples } from './verb.ts';

interface UpVerbOptions {
  readonly data?: string;
  readonly port?: number;
}

export function addUpVerb(program: Command, context: CommandContext): void {
  program
    .command('up')
    .description('run everything on this machine until Ctrl-C')
    .option('--data <dir>', 'folder for the database and logs (HOLDFAST_DATA)')
    .option('--port <n>', 'port on 127.0.0.1, 0 for any free one (HOLDFAST_PORT)', parsePort)
    .addHelpText(
      'after',
      '\nWithout DATABASE_URL it runs a PostgreSQL of its own below the data folder.\nGET /readyz answers 200 once everything works; a browser finds the console on the same port.',
    )
    .addHelpText('after', examples('up', 'up --data ~/holdfast --port 7421'))
    .action((options: UpVerbOptions) => up(options, context));
}

async function up(options: UpVerbOptions, { terminal, env }: CommandContext): Promise<void> {
  const { supervise } = await import('../up/supervise.ts');
  const config = loadConfig(
    options.data === undefined ? env : { ...env, HOLDFAST_DATA: resolve(options.data) },
  );
  const data = config.dataDir;
  terminal.say(
    config.redisUrl === null
      ? `Holdfast starts in ${data}; its queues are in PostgreSQL (production uses Redis: set REDIS_URL).`
      : `Holdfast starts in ${data}.`,
  );
  await supervise(
    {
      env,
      config,
      data,
      port: options.port ?? config.port,
      isShown: env['HOLDFAST_LOG_LEVEL'] === 'debug' || env['HOLDFAST_LOG_LEVEL'] === 'info',
      say: terminal.say,
      onReady: (ready) => {
        const { url, accounts, hasAccounts } = ready;
        terminal.result({ url, data, pid: process.pid, accounts, hasAccounts }, () =>
          report(ready, data, terminal.isWatched),
        );
      },
    },
    stopSignals(),
  );
}

function report(
  { url, logs, accounts, hasAccounts }: ReadyUp,
  data: string,
  isWatched: boolean,
): readonly string[] {
  const login = hasAccounts
    ? []
    : [
        'Nobody may log in to the console yet. Make its first account:',
        `  holdfast account set NAME --role operator --file ${quoted(accounts)}`,
      ];
  const ready = `Holdfast is ready at ${url}, and so is its console, for a browser`;
  if (!isWatched) return [ready, ...login];
  return [
    ready,
    `  data  ${data}`,
    `  logs  ${logs}`,
    ...(hasAccounts ? [] : ['', ...login]),
    '',
    'In another terminal:',
    '  holdfast store add --help      where the containers are',
    '  holdfast pair add --help       which folder goes with which container',
    '  holdfast status                how everything is',
    '',
    'Ctrl-C stops everything.',
  ];
}

/** As a shell reads it. */
function quoted(path: string): string {
  return /^[\w@%+=:,./-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`;
}

/** The first signal, or a parent with a channel that is gone, asks to stop; the second one to hurry. */
function stopSignals(): StopSignals {
  const stopping = new AbortController();
  const hurry = new AbortController();
  const stop = (): void => (stopping.signal.aborted ? hurry : stopping).abort();
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, stop);
  process.on('disconnect', () => stopping.abort());
  return { stopping: stopping.signal, hurry: hurry.signal };
}

function parsePort(text: string): number {
  const port = Number(text);
  if (!/^\d{1,5}$/.test(text) || port > 65_535)
    throw new InvalidArgumentError('Give a number from 0 to 65535.');
  return port;
}
