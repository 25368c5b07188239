/**
 * Exclusion rules: which names of a pair are left alone on both sides. Built-in names of
 * editors and desktops, then the pair's own patterns, then its `.holdfastignore`, all in
 * gitignore syntax as the `ignore` package reads it.
 */
import ignore, { type Ignore } from 'ignore';

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

/** Patterns beyond these limits are left out: every name is matched with all of them. */
const MAX_PATTERNS = 2_000;
const MAX_PATTERN_LENGTH = 512;
/**
 * Patterns come from users and are turned into regular expressions, whose cost grows with a power of the number of
 * stars: more than these in one segment, or more `**`, would let one line keep a process busy.
 */
const MAX_STARS_IN_SEGMENT = 3;
const MAX_DOUBLE_STARS = 3;
/** Patterns near these limits are costly: so many are heard at most, and of a name only so many segments are matched with them. */
const MAX_COSTLY_PATTERNS = 50;
const MAX_COSTLY_SEGMENTS = 32;

/** The matcher remembers every path it judged; it is made anew after so many, which bounds its memory (invariant 13). */
const JUDGED_PER_MATCHER = 20_000;

/**
 * Never throws; lines that mean nothing, and those beyond the limits, are skipped.
 * @param options.excludes gitignore patterns given with the pair.
 * @param options.ignoreText text of the folder's `.holdfastignore`.
 * @returns whether a name is excluded.
 */
export function excludeRules(options: {
  readonly excludes: readonly string[];
  readonly ignoreText: string;
}): (name: string, isDirectory: boolean) => boolean {
  const text = options.ignoreText.replace(/^\uFEFF/, '');
  const lines = [...options.excludes, ...text.split(/\r?\n/)].filter(isAffordable).slice(0, MAX_PATTERNS);
  const costly = new Set(lines.filter(isCostly).slice(0, MAX_COSTLY_PATTERNS));
  const cheap = [...BUILT_IN, ...lines.filter((line) => !isCostly(line))];
  const patterns = [...BUILT_IN, ...lines.filter((line) => !isCostly(line) || costly.has(line))];
  const make = (given: readonly string[]): Ignore => ignore({ ignorecase: false }).add(given);
  let matcher = make(patterns);
  let deepMatcher = make(cheap);
  let judged = 0;
  return (name, isDirectory) => {
    if (name === IGNORE_FILE) return false;
    judged += 1;
    if (judged > JUDGED_PER_MATCHER) {
      matcher = make(patterns);
      deepMatcher = make(cheap);
      judged = 0;
    }
    const path = isDirectory ? `${name}/` : name;
    if (!ignore.isPathValid(path)) return false;
    const top = costly.size === 0 ? null : topOf(name);
    return top === null ? matcher.ignores(path) : matcher.ignores(top) || deepMatcher.ignores(path);
  };
}

/** The directory at the depth to which costly patterns are followed, or null when the name is no deeper. */
function topOf(name: string): string | null {
  const segments = name.split('/');
  return segments.length > MAX_COSTLY_SEGMENTS
    ? `${segments.slice(0, MAX_COSTLY_SEGMENTS).join('/')}/`
    : null;
}

function isCostly(pattern: string): boolean {
  const segments = pattern.split('/');
  const doubles = segments.filter((segment) => segment === '**').length;
  return doubles > 1 || segments.some((segment) => (segment.match(/\*+/g) ?? []).length > 2);
}

function isAffordable(pattern: string): boolean {
  if (pattern.length > MAX_PATTERN_LENGTH) return false;
  const segments = pattern.split('/');
  const doubles = segments.filter((segment) => segment === '**').length;
  const single = segments.filter((segment) => segment !== '**');
  return (
    doubles <= MAX_DOUBLE_STARS &&
    single.every((segment) => (segment.match(/\*+/g) ?? []).length <= MAX_STARS_IN_SEGMENT)
  );
}
