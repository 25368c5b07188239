/**
 * Timeline: what people read of a pair's history. A renamed directory is recorded as what became of each of its
 * names, a copy and a removal; here all of that is one line. Nothing else is put together, and nothing is left out.
 */
import { outcomeTold } from './describe-acknowledged.ts';
import type { Side } from './entry.ts';

/** An event as it was recorded. */
export interface Told {
  readonly at: Date;
  readonly name: string | null;
  readonly kind: string;
  readonly side: Side | null;
  readonly text: string;
}

export interface TimelineLine<Event> {
  /** The newest of the events that it is about. */
  readonly newest: Event;
  readonly name: string | null;
  readonly text: string;
  /** Files that it is about; 1 for an event that stands alone. */
  readonly files: number;
}

/** Moves of one directory that are farther apart are two renames. */
const LONGEST_PAUSE_MS = 10 * 60_000;

/** Moves on one side whose names differ in the same directory, or one file's. */
interface Move {
  readonly from: string;
  readonly to: string;
  readonly sources: Set<string>;
  /** Sources and directories of theirs that are gone; what is told twice belongs to something else. */
  readonly removed: Set<string>;
  /** Directories that were made for it. */
  readonly made: Set<string>;
  /** Where its moves begin and end among the events. */
  readonly first: number;
  last: number;
}

/** @param newestFirst events without those that tell what was seen or decided. @returns lines in the same order. */
export function timelineOf<Event extends Told>(
  newestFirst: readonly Event[],
): readonly TimelineLine<Event>[] {
  const moveOf = movesOf(newestFirst);
  const names = namesOf(newestFirst, moveOf);
  const claim = (what: 'made' | 'removed', index: number): void => {
    const move = claimant(newestFirst[index] as Told, what, index, names);
    if (move !== null) moveOf.set(index, move);
  };
  // What is nearest to the move belongs to it: directories are made before, and removals come after it.
  for (let index = 0; index < newestFirst.length; index += 1) claim('made', index);
  for (let index = newestFirst.length - 1; index >= 0; index -= 1) claim('removed', index);
  const shown = new Set<Move>();
  return newestFirst.flatMap((event, index) => {
    const move = moveOf.get(index);
    if (move === undefined) return [{ newest: event, name: event.name, text: event.text, files: 1 }];
    if (shown.has(move)) return [];
    shown.add(move);
    return [{ newest: event, name: move.to, text: describe(move), files: move.sources.size }];
  });
}

/** Whether an older event may belong to the same line as this one. */
export function mayGoOn({ kind, text }: Told): boolean {
  return kind === 'acknowledged' && outcomeTold(text) !== null;
}

function movesOf(events: readonly Told[]): Map<number, Move> {
  const moveOf = new Map<number, Move>();
  const open = new Map<string, Move>();
  events.forEach(({ kind, name, side, at, text }, index) => {
    const outcome = kind === 'acknowledged' && name !== null ? outcomeTold(text) : null;
    if (outcome?.what !== 'moved' || name === null) return;
    const [from, to] = directories(outcome.from, name);
    const key = `${side}\n${from}\n${to}`;
    const known = open.get(key);
    const isSame =
      known !== undefined &&
      !known.sources.has(outcome.from) &&
      (events[known.last]?.at.getTime() ?? 0) - at.getTime() <= LONGEST_PAUSE_MS;
    const move = isSame
      ? known
      : {
          from,
          to,
          sources: new Set<string>(),
          removed: new Set<string>(),
          made: new Set<string>(),
          first: index,
          last: index,
        };
    move.sources.add(outcome.from);
    move.last = index;
    open.set(key, move);
    moveOf.set(index, move);
  });
  return moveOf;
}

/** What the names have in common at their end was not renamed; at least one segment of each is. */
function directories(from: string, to: string): readonly [from: string, to: string] {
  const [before, after] = [from.split('/'), to.split('/')];
  let same = 0;
  const most = Math.min(before.length, after.length) - 1;
  while (same < most && before.at(-1 - same) === after.at(-1 - same)) same += 1;
  const without = (segments: readonly string[]): string =>
    segments.slice(0, segments.length - same).join('/');
  return [without(before), without(after)];
}

/** Moves by the names that go, with their directories, and by the directories that they need. */
interface Names {
  readonly going: ReadonlyMap<string, readonly Move[]>;
  readonly coming: ReadonlyMap<string, readonly Move[]>;
}

function namesOf(events: readonly Told[], moveOf: ReadonlyMap<number, Move>): Names {
  const going = new Map<string, Move[]>();
  const coming = new Map<string, Move[]>();
  for (const [index, move] of moveOf) {
    const { name, side, text } = events[index] as Told;
    const outcome = outcomeTold(text);
    if (outcome?.what !== 'moved' || name === null) continue;
    addTo(going, `${side}\n${outcome.from}`, move);
    for (const above of ancestors(outcome.from, move.from)) addTo(going, `${side}\n${above}`, move);
    for (const above of ancestors(name, move.to)) addTo(coming, `${side}\n${above}`, move);
  }
  return { going, coming };
}

function addTo(map: Map<string, Move[]>, key: string, move: Move): void {
  const moves = map.get(key) ?? [];
  if (moves.at(-1) !== move) moves.push(move);
  map.set(key, moves);
}

/** Directories above a name, up to and with `top`. */
function ancestors(name: string, top: string): string[] {
  const found: string[] = [];
  for (let end = name.lastIndexOf('/'); end >= top.length && end > 0; end = name.lastIndexOf('/', end - 1)) {
    found.push(name.slice(0, end));
  }
  return found;
}

/** The move that a removal, or a directory that was made, is a part of. */
function claimant(
  { kind, name, side, text }: Told,
  what: 'made' | 'removed',
  index: number,
  { going, coming }: Names,
): Move | null {
  if (kind !== 'acknowledged' || name === null || outcomeTold(text)?.what !== what) return null;
  const key = `${side}\n${name}`;
  const found =
    what === 'removed'
      ? going.get(key)?.find((move) => move.last > index && !move.removed.has(name))
      : coming.get(key)?.findLast((move) => move.first < index && !move.made.has(name));
  found?.[what].add(name);
  return found ?? null;
}

function describe({ from, to, sources, removed }: Move): string {
  const files = sources.size;
  const left = [...sources].filter((name) => !removed.has(name)).length;
  const rest =
    left === 0 ? '' : files === 1 ? ', which is still there' : `; ${counted(left)} of them still there`;
  if (sources.has(from)) return `renamed "${from}" to "${to}"${rest}`;
  if (removed.has(from))
    return `renamed "${from}/" to "${to}/" (${counted(files)} ${files === 1 ? 'file' : 'files'})${rest}`;
  return `moved ${counted(files)} ${files === 1 ? 'file' : 'files'} from "${from}/" to "${to}/"${rest}`;
}

function counted(number: number): string {
  return number.toLocaleString('en-US');
}
