/**
 * Trash listing: what really lies in the trash, for comparing with what is told of it. Content
 * without a readable record is told, too: it was a user's, whatever became of our own notes.
 */
import { baseOf, type Name, nameFault } from '#core/name.ts';
import { toSerial } from '#core/serial.ts';
import type { RecoveryPointer } from '#ports/commit.ts';
import type { DigestSpec } from '#ports/digest.ts';
import type { LocalFolder, TrashItem, TrashPlace } from '#ports/local-folder.ts';
import type { OpenDirectory } from './file-system.ts';
import { countIn, digestIn, readJson } from './json-file.ts';
import { type OpenFolder, TRASH } from './open-folder.ts';
import { hashSegment } from './stage.ts';
import { ITEM, openIfPresent, withTrashed } from './trash.ts';
import { decodeSegment } from './walk.ts';

/** Places asked about at a time. */
const BATCH = 500;

type Known = Parameters<LocalFolder['trashed']>[0];

/** See `LocalFolder.inspect`. */
export async function inspectTrash(
  folder: OpenFolder,
  pointer: RecoveryPointer,
  digest: DigestSpec | null,
): Promise<{ readonly size: number; readonly hash: string | null } | null> {
  return withTrashed(folder, pointer, async ({ itemDirectory, base }) => {
    const facts = await itemDirectory.lstat(base);
    if (facts === null) return null;
    const hash = digest === null ? null : await hashSegment(itemDirectory, base, facts, digest);
    return { size: facts.size, hash };
  });
}

/** Names of the trash's days, in order. */
export async function trashDays(folder: OpenFolder): Promise<readonly string[]> {
  const trash = await openIfPresent(folder.privateDirectory, TRASH);
  if (trash === null) return [];
  try {
    const days = (await trash.list()).map(({ bytes }) => bytes);
    return days.filter((day) => /^\d{8}$/.test(day)).sort();
  } finally {
    await trash.close();
  }
}

/** What lies in one day of the trash, less what is known. */
export async function trashedOn(folder: OpenFolder, day: string, known: Known): Promise<TrashItem[]> {
  const trash = await openIfPresent(folder.privateDirectory, TRASH);
  if (trash === null) return [];
  try {
    const dayDirectory = await openIfPresent(trash, day);
    if (dayDirectory === null) return [];
    try {
      return await unknownIn(dayDirectory, day, known);
    } finally {
      await dayDirectory.close();
    }
  } finally {
    await trash.close();
  }
}

async function unknownIn(dayDirectory: OpenDirectory, day: string, known: Known): Promise<TrashItem[]> {
  const items = (await dayDirectory.list()).filter(
    ({ bytes, isDirectory }) => isDirectory && ITEM.test(bytes),
  );
  const found: TrashItem[] = [];
  for (let start = 0; start < items.length; start += BATCH) {
    const places = items.slice(start, start + BATCH).map(({ bytes: item }) => placeOf(day, item));
    const isKnown = await known(places);
    for (const place of places) {
      const described = isKnown.has(place.place) ? null : await describe(dayDirectory, place);
      if (described !== null) found.push(described);
    }
  }
  return found;
}

function placeOf(day: string, item: string): TrashPlace {
  return { place: `${day}/${item}/`, serial: toSerial(BigInt(item.slice(0, item.indexOf('-')))) };
}

/** Null when nothing is there any more that a name can hold. */
async function describe(
  dayDirectory: OpenDirectory,
  { place, serial }: TrashPlace,
): Promise<TrashItem | null> {
  const [, item = ''] = place.split('/');
  const itemDirectory = await openIfPresent(dayDirectory, item);
  if (itemDirectory === null) return null;
  try {
    const [entry] = await itemDirectory.list();
    const base = entry === undefined ? null : decodeSegment(entry.bytes);
    const facts = base === null || nameFault(base) !== null ? null : await itemDirectory.lstat(base);
    if (base === null || facts === null) return null;
    const record = (await readJson(dayDirectory, `${item}.json`)) ?? {};
    const isAsRecorded = record['size'] === facts.size && record['mtimeNs'] === `${facts.mtimeNs}`;
    const hash = isAsRecorded ? digestIn(record['hash']) : null;
    return {
      name: nameIn(record['name'], base),
      serial,
      displacedAt: countIn(record['displacedAt']) ?? Number(facts.ctimeNs / 1_000_000n),
      pointer: { kind: 'trash', locator: `${place}${base}`, size: facts.size, hash },
    };
  } finally {
    await itemDirectory.close();
  }
}

/** The recorded name where it fits what lies there, else that alone. */
function nameIn(recorded: unknown, base: string): Name {
  const isName = typeof recorded === 'string' && nameFault(recorded) === null;
  return isName && baseOf(recorded as Name) === base ? (recorded as Name) : (base as Name);
}
