/**
 * Generation: how a copy that went back in time gives itself away. The database numbers the
 * times of a pair and tells each side the number. A side that knows a lower number than it
 * was once told is an older copy; one that knows a higher number than the database ever
 * gave shows that the database is.
 */
import type { Side } from './entry.ts';
import { NO_SERIAL, type Serial, toSerial } from './serial.ts';

export interface Generation {
  /** 0 before the first one. */
  readonly number: number;
  /** Issued when the generation began: serials had come this far at least. */
  readonly serial: Serial;
}

export const NO_GENERATION: Generation = { number: 0, serial: NO_SERIAL };

/** What a side tells of itself. */
export interface SideGeneration extends Generation {
  /** Tells what carries the number from a copy of it: words of which a copy has none in common. Null where nothing does. */
  readonly stamp: string | null;
}

/** What the database remembers of a pair. */
export interface PairGenerations {
  /** The last one begun. Recorded before any side is told. */
  readonly begun: Generation;
  /** What each side is known to have been told: recorded after it was. */
  readonly told: Readonly<Record<Side, Pick<SideGeneration, 'number' | 'stamp'>>>;
}

export const NO_GENERATIONS: PairGenerations = {
  begun: NO_GENERATION,
  told: { local: { number: 0, stamp: null }, remote: { number: 0, stamp: null } },
};

export type Continuity =
  | 'kept'
  /** The side went back to an earlier state. */
  | 'side-older'
  /** As recent as the side, but a copy of it: what was not copied looks deleted. */
  | 'side-copied'
  /** The database went back, or what it knew of the pair is another database's. */
  | 'database-older';

/**
 * @param known read before the side was asked: then a number that is too low proves that the side is older. One that
 * is too high proves something only if a reading after it still knows of none as high.
 */
export function continuityOf(known: PairGenerations, side: Side, found: SideGeneration): Continuity {
  const told = known.told[side];
  if (found.number > known.begun.number) return 'database-older';
  if (found.number < told.number) return 'side-older';
  const isTold = found.number === told.number && found.number > 0;
  return isTold && !isSameCarrier(told.stamp, found.stamp) ? 'side-copied' : 'kept';
}

/** One word in common is enough: each of them may change without a copy. */
function isSameCarrier(told: string | null, found: string | null): boolean {
  if (told === null || found === null) return true;
  const words = found.split(' ');
  return told.split(' ').some((word) => words.includes(word));
}

export function formatGeneration({ number, serial }: Generation): string {
  return `${number} ${serial}`;
}

/**
 * A container takes whatever it is told last, also from a process that stood still meanwhile, and also if it was
 * restored right before that. Each number of so many in a row is told in a place of its own, so that one told late hides
 * none told since, and one told to an older copy leaves what shows it to be that.
 */
const PLACES = 4;

/** @returns the suffixes of all places that a store keeps generations in. */
export const GENERATION_PLACES: readonly string[] = Array.from({ length: PLACES }, (_, place) => `${place}`);

/** @returns the one of `GENERATION_PLACES` that this generation is told in. */
export function generationPlace({ number }: Pick<Generation, 'number'>): string {
  return `${number % PLACES}`;
}

/**
 * @param read gives what a place holds; undefined or null where nothing is.
 * @returns the generations of all places that hold one.
 */
export function readGenerations(read: (place: string) => string | null | undefined): readonly Generation[] {
  return GENERATION_PLACES.flatMap((place) => parseGeneration(read(place) ?? '') ?? []);
}

/**
 * @param kept what the places of a container hold.
 * @returns what the container tells of itself: the latest generation, unless the one that it is known to have been told
 * is not in its place any more.
 */
export function toldByContainer(kept: readonly Generation[], { begun, told }: PairGenerations): Generation {
  const latest = kept.reduce((one, other) => (other.number > one.number ? other : one), NO_GENERATION);
  if (latest.number > begun.number) return latest;
  const place = generationPlace(told.remote);
  const found = kept.find((generation) => generationPlace(generation) === place) ?? NO_GENERATION;
  return found.number < told.remote.number ? found : latest;
}

/** @returns what to tell a container next, never in the place of what it was told last; null: it knows the last one begun. */
export function generationToTell({ begun, told }: PairGenerations): Generation | null {
  const { number } = told.remote;
  if (number >= begun.number) return null;
  const isInItsPlace = number > 0 && generationPlace(told.remote) === generationPlace(begun);
  return isInItsPlace ? { ...begun, number: begun.number - 1 } : begun;
}

/** Far more than one a second would give in ten thousand years: a higher one was not written by us. */
const HIGHEST = 2 ** 40;

/** @returns null for what `formatGeneration` never gave. */
export function parseGeneration(text: string): Generation | null {
  const [, number = '', serial = ''] = /^(\d{1,13}) (\d{1,19})$/.exec(text) ?? [];
  if (number === '' || Number(number) > HIGHEST) return null;
  return { number: Number(number), serial: toSerial(BigInt(serial)) };
}
