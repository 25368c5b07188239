/**
 * Read: a file of pairs as plain wanted pairs. A file lists pairs, and templates that make one
 * for every user; what is wrong is said with the file, the place in it and what may stand there.
 */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { parse, YAMLParseError } from 'yaml';
import { HoldfastError } from '#ports/errors.ts';

/** One pair as the file wants it; what it does not say has the defaults of `pair add`. */
export interface WantedPair {
  readonly name: string;
  readonly folder: string;
  readonly store: string;
  readonly container: string;
  readonly volume: string;
  readonly exclude: readonly string[];
  readonly policies: Readonly<Record<string, string>>;
  readonly trashDays: number | null;
  readonly trashBytes: number | null;
  readonly paused: boolean;
  readonly create: boolean;
  readonly versioning: boolean;
}

type Fields = Readonly<Record<string, unknown>>;

const FILE_FIELDS = ['pairs', 'templates'];
const PAIR_FIELDS = [
  ...['name', 'folder', 'store', 'container', 'volume', 'exclude', 'policies'],
  ...['trashDays', 'trashBytes', 'paused', 'create', 'versioning'],
];
const TEMPLATE_FIELDS = [...PAIR_FIELDS, 'users', 'usersFile'];
const USER = '{user}';

/** @param path a file, or a folder of `.yaml` files. @throws HoldfastError usage, not-found */
export function readPairs(path: string): readonly WantedPair[] {
  const files = filesAt(path);
  const wanted = files.flatMap(readPairsFile);
  const seen = new Set<string>();
  for (const { name } of wanted) {
    if (seen.has(name))
      throw wrong(path, `the pair "${name}" is there twice; give each pair a name of its own`);
    seen.add(name);
  }
  return wanted;
}

function filesAt(path: string): readonly string[] {
  try {
    if (!statSync(path).isDirectory()) return [path];
    return readdirSync(path)
      .filter((name) => /\.ya?ml$/.test(name))
      .sort()
      .map((name) => join(path, name));
  } catch (thrown) {
    throw unreadable(path, thrown);
  }
}

function readPairsFile(path: string): readonly WantedPair[] {
  let document: unknown;
  try {
    document = parse(read(path)) ?? {};
  } catch (thrown) {
    if (!(thrown instanceof YAMLParseError)) throw thrown;
    throw wrong(path, `it is no YAML: ${thrown.message.split('\n')[0]}`);
  }
  const fields = fieldsOf(document, FILE_FIELDS, path, 'the file');
  const pairs = listOf(fields['pairs'], path, 'pairs').map((item, index) => {
    const where = `pair ${index + 1}`;
    return pairOf(fieldsOf(item, PAIR_FIELDS, path, where), path, where);
  });
  const templates = listOf(fields['templates'], path, 'templates').flatMap((item, index) => {
    const where = `template ${index + 1}`;
    return expand(fieldsOf(item, TEMPLATE_FIELDS, path, where), path, where);
  });
  return [...pairs, ...templates];
}

/** One pair for every user: `{user}` stands for the name in `name`, `folder`, `container` and `exclude`. */
function expand(template: Fields, path: string, where: string): readonly WantedPair[] {
  const { users, usersFile, ...fields } = template;
  if ((users === undefined) === (usersFile === undefined))
    throw wrong(path, `${where} needs "users", a list, or "usersFile", a file with one name a line`);
  const names =
    users === undefined
      ? linesOf(resolve(dirname(path), String(usersFile)))
      : listOf(users, path, `users of ${where}`);
  const draft = pairOf(fields, path, where);
  for (const field of ['name', 'folder', 'container'] as const) {
    if (!draft[field].includes(USER))
      throw wrong(path, `${where}: "${field}" must hold ${USER}, or all users would share it`);
  }
  return names.map((user) => {
    // One segment and no other: a name must not lead out of where the template puts folders.
    if (typeof user !== 'string' || !/^[^/\p{Cc}]{1,200}$/u.test(user) || user === '.' || user === '..')
      throw wrong(path, `${where}: ${JSON.stringify(user)} cannot be a user's name in a folder`);
    const filled = (text: string): string => text.replaceAll(USER, () => user);
    return {
      ...draft,
      name: filled(draft.name),
      folder: filled(draft.folder),
      container: filled(draft.container),
      exclude: draft.exclude.map(filled),
    };
  });
}

function pairOf(fields: Fields, path: string, where: string): WantedPair {
  const say = (problem: string): HoldfastError => wrong(path, `${where}: ${problem}`);
  const text = (field: string, fallback?: string): string => {
    const value = fields[field] ?? fallback;
    if (typeof value === 'string' && value !== '') return value;
    throw say(value === undefined ? `"${field}" is missing` : `"${field}" must be text`);
  };
  const flag = (field: string, fallback: boolean): boolean => {
    const value = fields[field] ?? fallback;
    if (typeof value === 'boolean') return value;
    throw say(`"${field}" must be true or false`);
  };
  const count = (field: string): number | null => {
    const value = fields[field] ?? null;
    if (value === null || (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0))
      return value;
    throw say(`"${field}" must be a whole number`);
  };
  const folder = text('folder');
  if (!folder.startsWith('/')) throw say(`"folder" must be an absolute path, not ${folder}`);
  const policies = fields['policies'] ?? {};
  if (typeof policies !== 'object' || policies === null || Array.isArray(policies))
    throw say('"policies" must be a map such as { conflict: newest }');
  return {
    name: text('name'),
    folder,
    store: text('store'),
    container: text('container'),
    volume: text('volume', 'default'),
    exclude: listOf(fields['exclude'], path, `exclude of ${where}`).map(String),
    policies: Object.fromEntries(Object.entries(policies).map(([key, value]) => [key, String(value)])),
    trashDays: count('trashDays'),
    trashBytes: count('trashBytes'),
    paused: flag('paused', false),
    create: flag('create', true),
    versioning: flag('versioning', true),
  };
}

function fieldsOf(value: unknown, known: readonly string[], path: string, where: string): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw wrong(path, `${where} must be a map with ${known.join(', ')}`);
  const unknown = Object.keys(value).find((field) => !known.includes(field));
  if (unknown === undefined) return value as Fields;
  throw wrong(path, `${where} has no field "${unknown}"; the fields are ${known.join(', ')}`);
}

function listOf(value: unknown, path: string, what: string): readonly unknown[] {
  if (value === undefined || value === null) return [];
  if (Array.isArray(value)) return value;
  throw wrong(path, `${what} must be a list`);
}

function linesOf(path: string): readonly string[] {
  return read(path)
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'));
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (thrown) {
    throw unreadable(path, thrown);
  }
}

function unreadable(path: string, thrown: unknown): HoldfastError {
  const code = (thrown as NodeJS.ErrnoException).code ?? 'unknown';
  return new HoldfastError('not-found', `${path} cannot be read (${code})`, { cause: thrown });
}

function wrong(path: string, problem: string): HoldfastError {
  return new HoldfastError('usage', `${path}: ${problem}`);
}
