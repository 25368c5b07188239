/**
 * Exclusion rules: which names of a pair are left alone on both sides. Built-in names of
 * editors and desktops, then the pair's own patterns, then its `.holdfastignore`, all in
 * gitignore syntax: the last match decides, and what is below an excluded directory is out.
 */
import { PRIVATE_DIRECTORY } from '#core/name.ts';
import { matchesRule, parseRule, type Rule } from './glob.ts';

/** Agkyra's list. Windows writes its two files in any case. */
const BUILT_IN: readonly string[] = [
  '.#*',
  '.~*',
  '~$*',
  '~*.tmp',
  '.*.swp',
  '[Dd][Ee][Ss][Kk][Tt][Oo][Pp].[Ii][Nn][Ii]',
  '[Tt][Hh][Uu][Mm][Bb][Ss].[Dd][Bb]',
  '.DS_Store',
  'Icon[\r]',
  '.dropbox',
  '.dropbox.attr',
];

/** The file with a folder's own patterns: always synced, so that they hold on every machine. */
const IGNORE_FILE = '.holdfastignore';

/** Rules beyond these limits are left out: every name is matched with all of them. */
const MAX_RULES = 2_000;
const MAX_COST = 16_384;

const MAX_CACHED_DIRECTORIES = 10_000;

/**
 * Never throws; lines that mean nothing are skipped.
 * @param options.excludes gitignore patterns given with the pair.
 * @param options.ignoreText text of the folder's `.holdfastignore`; may exclude and re-include, but never `.holdfast`.
 * @returns whether a name is excluded.
 */
export function excludeRules(options: {
  readonly excludes: readonly string[];
  readonly ignoreText: string;
}): (name: string, isDirectory: boolean) => boolean {
  const text = options.ignoreText.replace(/^\uFEFF/, '');
  const rules = parseRules([...BUILT_IN, ...options.excludes, ...text.split('\n')]);
  const cached = new Map<string, boolean>();

  const isExcluded = (segments: readonly string[], isDirectory: boolean): boolean => {
    if (segments.at(-1) === PRIVATE_DIRECTORY) return true;
    if (segments.length === 1 && segments[0] === IGNORE_FILE) return false;
    const rule = rules.find((candidate) => matchesRule(candidate, segments, isDirectory));
    return rule !== undefined && !rule.negated;
  };
  const isInsideExcluded = (name: string): boolean => {
    const slash = name.lastIndexOf('/');
    if (slash < 0) return false;
    const directory = name.slice(0, slash);
    const known = cached.get(directory);
    if (known !== undefined) return known;
    const verdict = firstExcluded(directory);
    if (cached.size >= MAX_CACHED_DIRECTORIES) cached.clear();
    cached.set(directory, verdict);
    return verdict;
  };
  // From the root down, without recursion: a name may have hundreds of segments.
  const firstExcluded = (directory: string): boolean => {
    const segments = directory.split('/');
    return segments.some((_, index) => isExcluded(segments.slice(0, index + 1), true));
  };
  return (name, isDirectory) => isInsideExcluded(name) || isExcluded(name.split('/'), isDirectory);
}

/** Last rule first, as matching asks for them. */
function parseRules(lines: readonly string[]): readonly Rule[] {
  const rules: Rule[] = [];
  let cost = 0;
  for (const line of lines) {
    const rule = parseRule(line);
    if (rule === null) continue;
    cost += rule.cost;
    if (rules.length >= MAX_RULES || cost > MAX_COST) break;
    rules.push(rule);
  }
  return rules.reverse();
}
