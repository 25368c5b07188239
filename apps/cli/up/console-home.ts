/**
 * Console home: where the console of one `holdfast up` listens and who may log in. Its port is
 * a free one at every start, since only the front asks there; its key outlives its restarts, so
 * that nobody has to log in again.
 */
import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Config } from '#libs/config/load.ts';
import { readAccounts } from '#libs/console/accounts.ts';
import { freePort } from '#libs/services/processes.ts';

export interface ConsoleHome {
  /** The file with the accounts. */
  readonly accounts: string;
  /** Where it listens; null before it was started. */
  readonly port: number | null;
  /** What it needs beside what every process does. */
  env(): Promise<NodeJS.ProcessEnv>;
}

/** Leaves a file without accounts in the data folder, unless another one is configured. */
export function homeOfConsole(config: Config, data: string): ConsoleHome {
  const accounts = config.consoleAccounts ?? join(data, 'accounts.json');
  if (config.consoleAccounts === null) leaveEmpty(accounts);
  const key = config.consoleKey ?? randomBytes(32).toString('hex');
  let port: number | null = null;
  return {
    accounts,
    get port() {
      return port;
    },
    env: async () => {
      port = await freePort();
      return {
        HOLDFAST_PORT: String(port),
        HOLDFAST_CONSOLE_HOST: '127.0.0.1',
        HOLDFAST_CONSOLE_ACCOUNTS: accounts,
        HOLDFAST_CONSOLE_KEY: key,
      };
    },
  };
}

/** A file that cannot be read lets nobody in, and the console says so. */
export function hasAccounts(file: string): Promise<boolean> {
  return readAccounts(file).then(
    (accounts) => accounts.size > 0,
    () => false,
  );
}

function leaveEmpty(file: string): void {
  try {
    writeFileSync(file, '{}\n', { mode: 0o600, flag: 'wx' });
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code !== 'EEXIST') throw thrown;
  }
}
