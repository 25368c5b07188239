/** `holdfast account`: who may use the console. Works on the accounts file alone and needs no fleet. */
import { mkdir, rename, writeFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { type Command, Option } from 'commander';
import {
  type AccountRecord,
  hashPassword,
  hashToken,
  newToken,
  type Role,
  readAccounts,
} from '#libs/console/accounts.ts';
import { HoldfastError } from '#ports/errors.ts';
import { tableText } from '../wording.ts';
import { type CommandContext, examples } from './verb.ts';

const FILE = '--file <path>';
const FILE_HELP = 'the accounts file (default: HOLDFAST_CONSOLE_ACCOUNTS)';
const LEAST_PASSWORD = 12;

interface FileOption {
  readonly file?: string;
}

export function addAccountVerbs(program: Command, { terminal, env }: CommandContext): void {
  const account = program.command('account').description('set, list and remove accounts of the console');
  const pathOf = ({ file }: FileOption): string => {
    const path = file ?? env['HOLDFAST_CONSOLE_ACCOUNTS'];
    if (path === undefined || path === '')
      throw new HoldfastError('usage', 'give --file FILE, or set HOLDFAST_CONSOLE_ACCOUNTS');
    return resolve(path);
  };

  account
    .command('set')
    .description('add an account or change it; asks for the password, or reads it from standard input')
    .argument('<name>', 'whom it is for')
    .addOption(
      new Option('--role <role>', 'what it may do').choices(['viewer', 'operator']).default('viewer'),
    )
    .option(FILE, FILE_HELP)
    .addHelpText('after', examples('account set ada --role operator --file accounts.json < password.txt'))
    .action(async (name: string, options: FileOption & { readonly role: Role }) => {
      const path = pathOf(options);
      const password = await readPassword();
      if (password.length < LEAST_PASSWORD)
        throw new HoldfastError('usage', `a password has at least ${LEAST_PASSWORD} characters`);
      const accounts = new Map(await readOrNone(path));
      accounts.set(name, { role: options.role, hash: await hashPassword(password) });
      await writeAccounts(path, accounts);
      terminal.result({ name, role: options.role }, () => [`${name} may log in as ${options.role}`]);
    });

  account
    .command('token')
    .description('make a token for a program, which sends it as its login; it is shown only now')
    .argument('<name>', 'whom it is for; an account of that name is replaced')
    .addOption(
      new Option('--role <role>', 'what it may do').choices(['viewer', 'operator']).default('viewer'),
    )
    .option(FILE, FILE_HELP)
    .addHelpText('after', examples('account token nightly --role operator --file accounts.json'))
    .action(async (name: string, options: FileOption & { readonly role: Role }) => {
      const path = pathOf(options);
      const token = newToken();
      const accounts = new Map(await readOrNone(path));
      accounts.set(name, { role: options.role, hash: hashToken(token) });
      await writeAccounts(path, accounts);
      terminal.result({ name, role: options.role, token }, () => [token]);
    });

  account
    .command('list')
    .description('list names and roles')
    .option(FILE, FILE_HELP)
    .addHelpText('after', examples('account list --file accounts.json'))
    .action(async (options: FileOption) => {
      const accounts = [...(await readAccounts(pathOf(options)))].map(([name, { role }]) => ({ name, role }));
      terminal.result(accounts, () => [
        tableText(
          ['NAME', 'ROLE'],
          accounts.map(({ name, role }) => [name, role]),
        ),
      ]);
    });

  account
    .command('remove')
    .description('remove an account; its sessions end at once')
    .argument('<name>', 'whose')
    .option(FILE, FILE_HELP)
    .addHelpText('after', examples('account remove ada --file accounts.json'))
    .action(async (name: string, options: FileOption) => {
      const path = pathOf(options);
      const accounts = new Map(await readAccounts(path));
      if (!accounts.delete(name))
        throw new HoldfastError('not-found', `there is no account "${name}" in ${path}`);
      await writeAccounts(path, accounts);
      terminal.result({ name }, () => [`${name} is removed`]);
    });
}

/** All of standard input but its last line's end; from a person, what is typed without being shown. */
async function readPassword(): Promise<string> {
  const { stdin, stderr } = process;
  if (!stdin.isTTY) return (await text(stdin)).replace(/\r?\n$/, '');
  const unseen = new Writable({ write: (_chunk, _encoding, done) => done() });
  const reader = createInterface({ input: stdin, output: unseen, terminal: true });
  // Only now: from here on nothing typed is shown.
  stderr.write('Password: ');
  const typed = await reader.question('');
  reader.close();
  stderr.write('\n');
  return typed;
}

async function readOrNone(path: string): Promise<ReadonlyMap<string, AccountRecord>> {
  try {
    return await readAccounts(path);
  } catch (thrown) {
    const cause = thrown instanceof HoldfastError ? thrown.cause : null;
    if ((cause as NodeJS.ErrnoException | null)?.code === 'ENOENT') return new Map();
    throw thrown;
  }
}

/** Whole or not at all, and for nobody else to read. */
async function writeAccounts(path: string, accounts: ReadonlyMap<string, AccountRecord>): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const partial = `${path}.${process.pid}`;
  await writeFile(partial, `${JSON.stringify(Object.fromEntries(accounts), null, 2)}\n`, { mode: 0o600 });
  await rename(partial, path);
}
