/**
 * Glob: gitignore patterns without regular expressions. Anyone who can write a folder's
 * `.holdfastignore` writes patterns, and a backtracking engine can be kept busy for hours by
 * one line; here a match costs at most pattern length times name length.
 */

/** One character of a segment: itself, any one, or one of a class. `MANY` stands for any number. */
type Token = string | typeof ANY | CharacterClass;
const ANY = Symbol('?');
const MANY = Symbol('*');

interface CharacterClass {
  readonly negated: boolean;
  readonly ranges: readonly (readonly [string, string])[];
}

type SegmentPattern = { readonly literal: string } | { readonly tokens: readonly (Token | typeof MANY)[] };

export interface Rule {
  readonly negated: boolean;
  readonly directoriesOnly: boolean;
  /** Matches the last segment alone, at any depth; else all segments from the root. */
  readonly basename: SegmentPattern | null;
  readonly path: readonly (SegmentPattern | typeof MANY)[];
  /** What a match can cost, per character of a name. */
  readonly cost: number;
}

/** A longer pattern can match no name. */
const MAX_PATTERN_LENGTH = 4_096;
const ANY_SEGMENT: SegmentPattern = { tokens: [MANY] };

/** @returns the rule of one line of gitignore syntax; null for a comment, an empty or a malformed line. */
export function parseRule(line: string): Rule | null {
  let text = line.replace(/\r$/, '');
  if (text.length > MAX_PATTERN_LENGTH || text.startsWith('#')) return null;
  // A space at the end counts only when it is escaped.
  while (text.endsWith(' ') && !text.endsWith('\\ ')) text = text.slice(0, -1);
  const negated = text.startsWith('!');
  if (negated) text = text.slice(1);
  const directoriesOnly = text.endsWith('/');
  if (directoriesOnly) text = text.slice(0, -1);
  if (text === '') return null;
  const parts = (text.startsWith('/') ? text.slice(1) : text).split('/');
  if (!text.includes('/')) {
    const basename = parseSegment(text);
    return basename && { negated, directoriesOnly, basename, path: [], cost: costOf(basename) };
  }
  const path: (SegmentPattern | typeof MANY)[] = [];
  for (const [index, part] of parts.entries()) {
    if (part === '**') {
      // At the end it stands for what is inside, not for the directory itself.
      if (index === parts.length - 1) path.push(ANY_SEGMENT);
      if (path.at(-1) !== MANY) path.push(MANY);
      continue;
    }
    const segment = parseSegment(part);
    if (segment === null) return null;
    path.push(segment);
  }
  const cost = path.reduce((sum, part) => sum + (part === MANY ? 1 : costOf(part)), 0);
  return { negated, directoriesOnly, basename: null, path, cost };
}

/** @param segments of a name, none empty. */
export function matchesRule(rule: Rule, segments: readonly string[], isDirectory: boolean): boolean {
  if (rule.directoriesOnly && !isDirectory) return false;
  if (rule.basename !== null) return matchesSegment(rule.basename, segments.at(-1) ?? '');
  return matchesWild(rule.path, segments, matchesSegment);
}

function costOf(segment: SegmentPattern): number {
  return 'literal' in segment ? 1 : segment.tokens.length;
}

function parseSegment(text: string): SegmentPattern | null {
  const tokens: (Token | typeof MANY)[] = [];
  const characters = [...text];
  for (let at = 0; at < characters.length; at += 1) {
    const character = characters[at] ?? '';
    if (character === '*') {
      if (tokens.at(-1) !== MANY) tokens.push(MANY);
    } else if (character === '?') {
      tokens.push(ANY);
    } else if (character === '[') {
      const parsed = parseClass(characters, at + 1);
      if (parsed === null) return null;
      tokens.push(parsed.found);
      at = parsed.end;
    } else if (character === '\\') {
      at += 1;
      const escaped = characters[at];
      if (escaped === undefined) return null;
      tokens.push(escaped);
    } else {
      tokens.push(character);
    }
  }
  const isLiteral = tokens.every((token) => typeof token === 'string');
  return isLiteral ? { literal: tokens.join('') } : { tokens };
}

function parseClass(
  characters: readonly string[],
  start: number,
): { found: CharacterClass; end: number } | null {
  let at = start;
  const negated = characters[at] === '!' || characters[at] === '^';
  if (negated) at += 1;
  const ranges: [string, string][] = [];
  const first = at;
  const read = (): string | undefined => {
    if (characters[at] === '\\') at += 1;
    const character = characters[at];
    at += 1;
    return character;
  };
  while (at < characters.length) {
    // A bracket right at the start is a member of the class.
    if (characters[at] === ']' && at > first) return { found: { negated, ranges }, end: at };
    const from = read();
    if (from === undefined) return null;
    if (characters[at] === '-' && characters[at + 1] !== undefined && characters[at + 1] !== ']') {
      at += 1;
      const to = read();
      if (to === undefined) return null;
      ranges.push([from, to]);
    } else {
      ranges.push([from, from]);
    }
  }
  return null;
}

function matchesSegment(pattern: SegmentPattern, segment: string): boolean {
  if ('literal' in pattern) return pattern.literal === segment;
  return matchesWild(pattern.tokens, [...segment], matchesToken);
}

function matchesToken(token: Token, character: string): boolean {
  if (typeof token === 'string') return token === character;
  if (token === ANY) return true;
  const isInside = token.ranges.some(
    ([from, to]) => codeOf(character) >= codeOf(from) && codeOf(character) <= codeOf(to),
  );
  return isInside !== token.negated;
}

function codeOf(character: string): number {
  return character.codePointAt(0) ?? 0;
}

// Only the last MANY is ever tried again: whatever an earlier one could take, a later one can take as well.
function matchesWild<Part, Item>(
  pattern: readonly (Part | typeof MANY)[],
  items: readonly Item[],
  matchesOne: (part: Part, item: Item) => boolean,
): boolean {
  let at = 0;
  let item = 0;
  let retryAt = -1;
  let retryItem = 0;
  while (item < items.length) {
    const part = pattern[at];
    if (part === MANY) {
      retryAt = at + 1;
      retryItem = item;
      at += 1;
    } else if (part !== undefined && matchesOne(part as Part, items[item] as Item)) {
      at += 1;
      item += 1;
    } else if (retryAt >= 0) {
      retryItem += 1;
      at = retryAt;
      item = retryItem;
    } else {
      return false;
    }
  }
  while (pattern[at] === MANY) at += 1;
  return at === pattern.length;
}
