/** `holdfast pair`: which folder and which container are one. */
import { resolve } from 'node:path';
import { type Command, InvalidArgumentError } from 'commander';
import { HoldfastError } from '#ports/errors.ts';
import type { PairStatus, PairView } from '#ports/operator.ts';
import { counted, parseSize, sizeText, tableText, timeText } from '../wording.ts';
import { type CommandContext, collect, examples } from './verb.ts';

interface RetentionOptions {
  readonly trashDays?: number | null;
  readonly trashBytes?: number | null;
}

interface AddOptions extends RetentionOptions {
  readonly folder: string;
  readonly store: string;
  readonly container: string;
  readonly volume: string;
  readonly exclude: readonly string[];
  readonly policy: readonly string[];
  readonly versioning: boolean;
  readonly create: boolean;
}

export function addPairVerbs(program: Command, context: CommandContext): void {
  const pair = program.command('pair').description('pairs of a folder and a container');
  addAdd(pair, context);
  addList(pair, context);
  addShow(pair, context);
  addSet(pair, context);
  addPause(pair, context);
  addResume(pair, context);
  addRemove(pair, context);
}

function addAdd(pair: Command, { terminal, withOperator }: CommandContext): void {
  pair
    .command('add')
    .description('pair a folder with a container; the first sync is a union and deletes nothing')
    .argument('<name>')
    .requiredOption('--folder <dir>', 'folder to sync; must exist')
    .requiredOption('--store <name>', 'store of the container')
    .requiredOption('--container <name>', 'container to sync; made when missing')
    .option('--volume <name>', 'volume the folder is on', 'default')
    .option('--exclude <glob>', 'gitignore pattern to leave alone; may be repeated', collect, [])
    .option('--policy <key=value>', 'see below; may be repeated', collect, [])
    .option('--trash-days <n>', TRASH_DAYS, parseDays)
    .option('--trash-bytes <size>', TRASH_BYTES, parseTrashBytes)
    .option('--no-versioning', "do not switch the container's versioning on")
    .option('--no-create', 'fail when the container does not exist')
    .addHelpText('after', POLICY_HELP)
    .addHelpText(
      'after',
      examples(
        'pair add docs --folder ~/docs --store cloud --container docs',
        "pair add photos --folder /srv/photos --store cloud --container photos --exclude '*.tmp' --policy conflict=newest",
      ),
    )
    .action(async (name: string, options: AddOptions) => {
      const request = {
        name,
        folder: resolve(options.folder),
        store: options.store,
        container: options.container,
        volume: options.volume,
        excludes: options.exclude,
        policies: options.policy,
        versioning: options.versioning,
        create: options.create,
        retention: { days: options.trashDays ?? null, bytes: options.trashBytes ?? null },
      };
      const view = await withOperator((operator) => operator.pairAdd(request));
      terminal.result(view, () => [`paired ${view.folder} with ${view.store}/${view.container}`]);
      for (const note of view.notes) terminal.note(note);
    });
}

const TRASH_DAYS = 'days that displaced content is kept, or "default" for HOLDFAST_TRASH_DAYS';
const TRASH_BYTES = 'size the trash may have, such as 20G, or "unlimited"; the oldest goes first';

function parseDays(text: string): number | null {
  if (text === 'default') return null;
  if (!/^\d{1,5}$/.test(text) || Number(text) > MAX_TRASH_DAYS) {
    throw new InvalidArgumentError(`Give a whole number of days up to ${MAX_TRASH_DAYS}, or "default".`);
  }
  return Number(text);
}

const MAX_TRASH_DAYS = 36_500;

function parseTrashBytes(text: string): number | null {
  return text === 'unlimited' ? null : parseSize(text);
}

function addSet(pair: Command, { terminal, withOperator }: CommandContext): void {
  pair
    .command('set')
    .description('change how long a pair keeps what a sync displaced; holds for what is kept already, too')
    .argument('<name>')
    .option('--trash-days <n>', TRASH_DAYS, parseDays)
    .option('--trash-bytes <size>', TRASH_BYTES, parseTrashBytes)
    .addHelpText('after', examples('pair set docs --trash-days 90 --trash-bytes 20G'))
    .action(async (name: string, { trashDays: days, trashBytes: bytes }: RetentionOptions) => {
      if (days === undefined && bytes === undefined) {
        throw new HoldfastError('usage', 'nothing to change; give --trash-days or --trash-bytes');
      }
      const retention = {
        ...(days === undefined ? {} : { days }),
        ...(bytes === undefined ? {} : { bytes }),
      };
      const view = await withOperator((operator) => operator.pairSet({ name, retention }));
      terminal.result(view, () => [
        `pair ${view.name} keeps displaced content ${retentionText(view.retention)}`,
      ]);
    });
}

function retentionText({ days, bytes }: PairView['retention']): string {
  const time = days === null ? 'as long as HOLDFAST_TRASH_DAYS says' : `for ${counted(days, 'day')}`;
  return bytes === null ? time : `${time}, ${sizeText(bytes)} at most`;
}

const POLICY_HELP = `
Policies:
  conflict=upstream|newest|local       who keeps the name when both sides changed (upstream)
  delete-vs-edit=upstream|edit-wins    changed here, deleted upstream (upstream)
  direction=both|push-only|pull-only   (both)`;

function addList(pair: Command, { terminal, withOperator }: CommandContext): void {
  pair
    .command('list')
    .description('show all pairs')
    .addHelpText('after', examples('pair list'))
    .action(async () => {
      const pairs = await withOperator((operator) => operator.pairList());
      terminal.result(pairs, () => {
        if (pairs.length === 0) return ['there are no pairs yet; add one: holdfast pair add --help'];
        const rows = pairs.map((view) => [
          view.name,
          view.condition,
          view.folder,
          `${view.store}/${view.container}`,
        ]);
        return [tableText(['PAIR', 'CONDITION', 'FOLDER', 'CONTAINER'], rows)];
      });
    });
}

function addShow(pair: Command, { terminal, withOperator }: CommandContext): void {
  pair
    .command('show')
    .description('show everything about a pair')
    .argument('<name>')
    .addHelpText('after', examples('pair show docs'))
    .action(async (name: string) => {
      const status = await withOperator((operator) => operator.pairShow(name));
      terminal.result(status, () => showLines(status));
      for (const note of status.notes) terminal.note(note);
    });
}

function showLines(status: PairStatus): readonly string[] {
  const { disabled } = status;
  const policies = Object.entries(status.policies).map(([key, value]) => `${key}=${value}`);
  const rows = [
    ['pair', status.name],
    ['condition', status.condition],
    ...(disabled === null ? [] : [['disabled', `${disabled.reason} (since ${timeText(disabled.at)})`]]),
    ['folder', status.folder],
    ['volume', status.volume],
    ['container', `${status.store}/${status.container}`],
    ['policies', policies.join(' ')],
    ['trash', `kept ${retentionText(status.retention)}`],
    ['excludes', status.excludes.join(' ') || 'none'],
    [
      'holds',
      `${counted(status.files, 'file')}, ${status.directories} directories, ${sizeText(status.bytes)}`,
    ],
    ['pending', `${counted(status.candidates, 'candidate')}, ${counted(status.decisions, 'decision')}`],
    ['problems', String(status.problems)],
  ];
  const width = Math.max(...rows.map(([label = '']) => label.length));
  return rows.map(([label = '', value = '']) => `${label.padEnd(width)}  ${value}`);
}

function addPause(pair: Command, { terminal, withOperator }: CommandContext): void {
  pair
    .command('pause')
    .description('stop syncing a pair; nothing is forgotten')
    .argument('<name>')
    .addHelpText('after', examples('pair pause docs'))
    .action(async (name: string) => {
      const view = await withOperator((operator) => operator.pairPause(name));
      terminal.result(view, () => [`pair ${view.name} is ${view.condition}`]);
    });
}

function addResume(pair: Command, { terminal, withOperator }: CommandContext): void {
  pair
    .command('resume')
    .description('go on with a paused pair, or try a disabled one again')
    .argument('<name>')
    .option('--union', 'take both sides as at a first sync: nothing is deleted, what differs is kept twice')
    .addHelpText('after', examples('pair resume docs', 'pair resume docs --union'))
    .action(async (name: string, { union }: { readonly union?: true }) => {
      const view = await withOperator((operator) => operator.pairResume(name, union === true));
      terminal.result(view, () => [`pair ${view.name} is ${view.condition}`]);
    });
}

function addRemove(pair: Command, { terminal, withOperator }: CommandContext): void {
  pair
    .command('remove')
    .description('stop syncing a pair and forget it; both sides keep their data')
    .argument('<name>')
    .addHelpText('after', examples('pair remove docs'))
    .action(async (name: string) => {
      await withOperator((operator) => operator.pairRemove(name));
      terminal.result({ removed: name }, () => [`removed pair ${name}; both sides keep their data`]);
    });
}
