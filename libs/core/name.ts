/**
 * Name: the path of one entry relative to its pair's root, `/` between segments,
 * no leading or trailing slash. Both sides, the archive and the queue use this one
 * form; whatever cannot be written in it is unsyncable (invariant 10).
 */

declare const nameBrand: unique symbol;
export type Name = string & { readonly [nameBrand]: true };

/** Why a name cannot be synced; stable codes shown as problems. */
export type NameFault =
  | 'name-empty-segment'
  | 'name-dot-segment'
  | 'name-control-character'
  | 'name-not-unicode'
  | 'name-too-long'
  | 'name-reserved';

/** The directory inside each pair's root that is Holdfast's own; never synced. */
export const PRIVATE_DIRECTORY = '.holdfast';

/** Limits shared by all sides: POSIX NAME_MAX per segment in bytes; 1,024 bytes in all (S3; Swift and Pithos count characters, so bytes are the stricter). */
export const MAX_SEGMENT_BYTES = 255;
export const MAX_NAME_BYTES = 1024;

const encoder = new TextEncoder();

/**
 * Checks one raw name as a folder or a store gave it.
 * @returns null when it can be synced, else the first fault found.
 */
export function nameFault(raw: string): NameFault | null {
  if (!raw.isWellFormed()) return 'name-not-unicode';
  if (/[\u0000-\u001f\u007f]/.test(raw)) return 'name-control-character';
  const segments = raw.split('/');
  for (const segment of segments) {
    if (segment === '') return 'name-empty-segment';
    if (segment === '.' || segment === '..') return 'name-dot-segment';
    if (encoder.encode(segment).length > MAX_SEGMENT_BYTES) return 'name-too-long';
  }
  if (encoder.encode(raw).length > MAX_NAME_BYTES) return 'name-too-long';
  if (segments.includes(PRIVATE_DIRECTORY)) return 'name-reserved';
  return null;
}

/** Brands a raw name. @throws RangeError when it has a fault: callers with foreign input ask `nameFault` first. */
export function toName(raw: string): Name {
  const fault = nameFault(raw);
  if (fault !== null) throw new RangeError(`not a syncable name (${fault})`);
  return raw as Name;
}

/** The directory a name lies in, or null for a name at the root. */
export function parentOf(name: Name): Name | null {
  const slash = name.lastIndexOf('/');
  return slash < 0 ? null : (name.slice(0, slash) as Name);
}

/** All directories above a name, outermost first: `a/b/c` gives `a`, `a/b`. */
export function ancestorsOf(name: Name): Name[] {
  const found: Name[] = [];
  for (let slash = name.indexOf('/'); slash >= 0; slash = name.indexOf('/', slash + 1)) {
    found.push(name.slice(0, slash) as Name);
  }
  return found;
}

/** The last segment of a name. */
export function baseOf(name: Name): string {
  return name.slice(name.lastIndexOf('/') + 1);
}

/** Joins a directory (null for the root) and one segment. @throws RangeError as `toName`. */
export function joinName(directory: Name | null, segment: string): Name {
  return toName(directory === null ? segment : `${directory}/${segment}`);
}

/**
 * Order of UTF-8 bytes: the order in which stores list and the archive is keyed.
 * JavaScript's own order differs for characters beyond the basic plane.
 */
export function compareNames(left: string, right: string): number {
  const length = Math.min(left.length, right.length);
  for (let index = 0; index < length; index += 1) {
    const a = left.charCodeAt(index);
    const b = right.charCodeAt(index);
    if (a !== b) {
      const aSurrogate = a >= 0xd800 && a <= 0xdfff;
      const bSurrogate = b >= 0xd800 && b <= 0xdfff;
      if (aSurrogate !== bSurrogate) return aSurrogate ? 1 : -1;
      return a - b;
    }
  }
  return left.length - right.length;
}
