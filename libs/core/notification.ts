/**
 * Notification: what a store tells of its own changes, as names to look at. Whatever it says of
 * content, order or kind is left: it may be late, lost, repeated or forged, and a look at the
 * name tells more (invariant 6).
 */

/** Something may have changed in a container. */
export interface Notice {
  readonly container: string;
  /** As the store has it; null where only the container is known. */
  readonly rawName: string | null;
}

/** More than this is not read name by name: a poll costs less. */
export const MOST_NOTICES = 1_000;

/**
 * Reads what is posted: S3 events as Amazon, MinIO and Ceph send them, also wrapped by EventBridge, and
 * `{"container": "c", "names": ["a/b"]}` of anybody else, names left out where they are not known.
 * @param posted parsed JSON. @returns null when it is none of these; empty for a test message.
 */
export function readNotices(posted: unknown): readonly Notice[] | null {
  const message = fieldsOf(posted);
  if (message === null) return null;
  if (message['Event'] === 's3:TestEvent') return [];
  const records = message['Records'];
  if (Array.isArray(records)) return allOrNone(records.map(noticeOfRecord));
  if (message['source'] === 'aws.s3') return noticeOfObject(message['detail'], (key) => key);
  return noticesOfNames(message);
}

function noticesOfNames({ container, names }: Fields): readonly Notice[] | null {
  if (typeof container !== 'string') return null;
  if (names === undefined) return [{ container, rawName: null }];
  if (!Array.isArray(names) || !names.every((name) => typeof name === 'string')) return null;
  return names.map((rawName: string) => ({ container, rawName }));
}

function noticeOfRecord(record: unknown): readonly Notice[] | null {
  return noticeOfObject(fieldsOf(record)?.['s3'], decoded);
}

function noticeOfObject(holder: unknown, decode: (key: string) => string | null): readonly Notice[] | null {
  const fields = fieldsOf(holder);
  const container = fieldsOf(fields?.['bucket'])?.['name'];
  const key = fieldsOf(fields?.['object'])?.['key'];
  if (typeof container !== 'string' || typeof key !== 'string') return null;
  return [{ container, rawName: decode(key) }];
}

/** Keys of records are encoded as in a form. One that is not leaves the container to be polled. */
function decoded(key: string): string | null {
  try {
    return decodeURIComponent(key.replaceAll('+', ' '));
  } catch {
    return null;
  }
}

function allOrNone(read: readonly (readonly Notice[] | null)[]): readonly Notice[] | null {
  const notices: Notice[] = [];
  for (const each of read) {
    if (each === null) return null;
    notices.push(...each);
  }
  return notices;
}

type Fields = Readonly<Record<string, unknown>>;

function fieldsOf(value: unknown): Fields | null {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : null;
}
