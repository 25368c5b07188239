/**
 * Upload records: a hidden object for each upload in parts that this pair began, as uploads themselves tell nothing
 * that would prove whose they are and of what content. It is written before the first part and removed after the last
 * word: whatever arrived in between is found by any worker, and what nobody ended can be dropped.
 *
 *   begun -> recorded -> parts arrive -> joined -> record removed
 *
 * One that was begun and not recorded has no parts; a store keeps it as an empty entry, which nobody can prove ours.
 */
import type { Client } from './client.ts';
import { erase, readText, writeText } from './facts.ts';
import { uploadPrefix, uploadRecordKey } from './names.ts';
import type { ListedPart } from './xml.ts';

/** What an upload in parts is for. */
export interface UploadRecord {
  readonly key: string;
  readonly uploadId: string;
  /** Serial of the order, which is in the metadata of the object to be. */
  readonly serial: string;
  /** MD5 of the whole content, in hex. */
  readonly md5: string;
  readonly size: number;
  readonly partBytes: number;
}

/** A pair's records in one bucket. */
export interface RecordPlace {
  readonly client: Client;
  readonly pairId: string;
  readonly versioned: boolean;
}

/** More than ever are left over; the next look takes the rest. */
const MOST_RECORDS = 200;

export async function addRecord({ client, pairId }: RecordPlace, record: UploadRecord): Promise<void> {
  await writeText(client, uploadRecordKey(pairId, record.key, record.uploadId), JSON.stringify(record));
}

export async function removeRecord(place: RecordPlace, { key, uploadId }: UploadRecord): Promise<void> {
  await erase(place.client, uploadRecordKey(place.pairId, key, uploadId), place.versioned);
}

/** Those of one key, in an order that all workers see. */
export async function recordsOf(place: RecordPlace, key: string): Promise<UploadRecord[]> {
  const { client, pairId } = place;
  const found: UploadRecord[] = [];
  const { keys } = await client.listKeys({
    after: null,
    prefix: uploadPrefix(pairId, key),
    limit: MOST_RECORDS,
  });
  for (const row of keys) {
    const record = await readRecord(place, row.key);
    if (record?.key === key) found.push(record);
  }
  return found;
}

/** Drops an upload with what arrived of it; its record goes last, so that nothing stays that nobody knows of. */
export async function dropUpload(place: RecordPlace, record: UploadRecord): Promise<void> {
  await place.client.parts.drop(record.key, record.uploadId);
  await removeRecord(place, record);
}

/** Drops the pair's uploads to which nothing was added since `before` (milliseconds since the epoch). */
export async function dropLeftUploads(place: RecordPlace, before: number): Promise<void> {
  const { client, pairId } = place;
  const prefix = uploadPrefix(pairId, null);
  const { keys } = await client.listKeys({ after: null, prefix, limit: MOST_RECORDS });
  for (const row of keys) {
    if (row.modifiedAt === null || row.modifiedAt >= before) continue;
    const record = await readRecord(place, row.key);
    if (record === null) continue;
    const parts = await client.parts.list(record.key, record.uploadId);
    if ((parts ?? []).every((part) => isOlder(part, before))) await dropUpload(place, record);
  }
}

function isOlder({ modifiedAt }: ListedPart, before: number): boolean {
  return modifiedAt !== null && modifiedAt < before;
}

/** Null when it is gone, or says nothing that could be acted on. */
async function readRecord({ client, pairId }: RecordPlace, recordKey: string): Promise<UploadRecord | null> {
  const text = await readText(client, recordKey);
  if (text === null) return null;
  let said: unknown;
  try {
    said = JSON.parse(text);
  } catch {
    return null;
  }
  const field = (name: string): unknown =>
    typeof said === 'object' && said !== null ? Reflect.get(said, name) : null;
  const [key, uploadId, serial, md5] = ['key', 'uploadId', 'serial', 'md5'].map(field);
  const [size, partBytes] = ['size', 'partBytes'].map(field);
  const isWhole =
    typeof key === 'string' &&
    typeof uploadId === 'string' &&
    typeof serial === 'string' &&
    /^\d{1,20}$/.test(serial) &&
    typeof md5 === 'string' &&
    typeof size === 'number' &&
    typeof partBytes === 'number';
  if (!isWhole || recordKey !== uploadRecordKey(pairId, key, uploadId)) return null;
  return { key, uploadId, serial, md5, size, partBytes };
}
