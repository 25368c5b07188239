/** `holdfast store`: object stores by name, with a reference to their secret, never the secret. */
import { accessSync, constants, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { type Command, Option } from 'commander';
import { HoldfastError } from '#ports/errors.ts';
import type { StoreView } from '#ports/operator.ts';
import type { SecretReference, StoreKind } from '#ports/pair.ts';
import type { Terminal } from '../terminal.ts';
import { tableText } from '../wording.ts';
import { type CommandContext, collect, examples } from './verb.ts';

interface AddOptions {
  readonly kind: StoreKind;
  readonly url: string;
  readonly secretFile?: string;
  readonly secretEnv?: string;
  readonly option: readonly string[];
  readonly unchecked?: boolean;
}

export function addStoreVerbs(program: Command, context: CommandContext): void {
  const { terminal, withOperator } = context;
  const store = program.command('store').description('object stores and how to log in to them');
  store
    .command('add')
    .description('log in to a store and remember it; pairs use it by its name')
    .argument('<name>')
    .addOption(
      new Option('--kind <kind>', 'kind of store').choices(['pithos', 'swift', 's3']).makeOptionMandatory(),
    )
    .requiredOption('--url <url>', 'login URL (swift, pithos) or endpoint (s3)')
    .addOption(new Option('--secret-file <file>', 'file with the secret').conflicts('secretEnv'))
    .option('--secret-env <variable>', 'environment variable with the secret, where Holdfast runs')
    .option('--option <key=value>', 'further setting, such as region=one; may be repeated', collect, [])
    .option('--unchecked', 'remember it without logging in, as for a store that is not up yet')
    .addHelpText('after', SECRET_HELP)
    .addHelpText(
      'after',
      examples(
        'store add cloud --kind pithos --url https://accounts.example.org/identity/v2.0 --secret-file token.txt',
        'store add amazon --kind s3 --url https://s3.eu-central-1.amazonaws.com --secret-file keys.json',
        'store add minio --kind s3 --url https://minio.example.org:9000 --secret-file keys.json --option region=main',
      ),
    )
    .action(async (name: string, options: AddOptions) => {
      const secret = readReference(options, terminal);
      const { kind, url } = options;
      const check = options.unchecked !== true;
      const request = { name, kind, url, secret, options: keyValues(options.option), check };
      const added = await withOperator((operator) => operator.storeAdd(request));
      terminal.result(added, () => [`added store ${added.name}`]);
    });
  store
    .command('list')
    .description('show all stores')
    .addHelpText('after', examples('store list', 'store list --json'))
    .action(async () => {
      const stores = await withOperator((operator) => operator.storeList());
      terminal.result(stores, () => storeLines(stores));
    });
  store
    .command('remove')
    .description('forget a store that no pair uses; touches nothing in it')
    .argument('<name>')
    .addHelpText('after', examples('store remove cloud'))
    .action(async (name: string) => {
      await withOperator((operator) => operator.storeRemove(name));
      terminal.result({ removed: name }, () => [`removed store ${name}`]);
    });
}

const SECRET_HELP = `
The secret is a JSON object with user and key (swift), the fields of a Keystone v3 password or
application credential, accessKeyId and secretAccessKey (s3; sessionToken with temporary
credentials), or a token, bare or as JSON (pithos).

Options (--option KEY=VALUE) of swift: region, interface (public, internal or admin).
Of s3: region (default: the one an Amazon endpoint names, else us-east-1), addressing (path, or
virtual where the bucket is part of the host's name; default: virtual at Amazon, else path), and
what is sent with every write: x-amz-server-side-encryption, x-amz-server-side-encryption-aws-kms-key-id,
x-amz-server-side-encryption-context, x-amz-server-side-encryption-bucket-key-enabled, x-amz-storage-class.`;

function storeLines(stores: readonly StoreView[]): readonly string[] {
  if (stores.length === 0) return ['there are no stores yet; add one: holdfast store add --help'];
  const rows = stores.map(({ name, kind, url, secret }) => [name, kind, url, secret]);
  return [tableText(['STORE', 'KIND', 'URL', 'SECRET'], rows)];
}

function readReference({ secretFile, secretEnv }: AddOptions, terminal: Terminal): SecretReference {
  if (secretEnv !== undefined) return { from: 'env', at: secretEnv };
  if (secretFile === undefined) {
    throw new HoldfastError(
      'usage',
      'the store needs a secret; give --secret-file FILE or --secret-env VARIABLE',
    );
  }
  const at = resolve(secretFile);
  checkSecretFile(at, terminal);
  return { from: 'file', at };
}

/** Only looks at the file's name and rights: its content is read where it is used. */
function checkSecretFile(file: string, terminal: Terminal): void {
  try {
    accessSync(file, constants.R_OK);
  } catch (thrown) {
    const isMissing = (thrown as NodeJS.ErrnoException).code === 'ENOENT';
    throw new HoldfastError(
      'secret-missing',
      isMissing
        ? `there is no secret file ${file}; create it, readable by you only: install -m 600 /dev/stdin '${file}'`
        : `secret file ${file} cannot be read; check who owns it and its permissions`,
      { cause: thrown },
    );
  }
  const stat = statSync(file);
  if (!stat.isFile())
    throw new HoldfastError('secret-missing', `${file} is not a file; give the file that holds the secret`);
  if ((stat.mode & 0o004) !== 0) {
    terminal.warn(`everybody on this machine can read the secret file; run: chmod 600 '${file}'`);
  }
}

function keyValues(words: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    words.map((word) => {
      const at = word.indexOf('=');
      if (at < 1) throw new HoldfastError('usage', `"${word}" is no KEY=VALUE; give --option region=one`);
      return [word.slice(0, at), word.slice(at + 1)];
    }),
  );
}
