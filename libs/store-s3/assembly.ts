/**
 * Assembly: the parts of large content, sent to an upload that any worker of the pair may have begun. What arrived
 * already is not sent again: the record of an upload proves whose it is and of what content, and a part whose ETag is a
 * digest is compared with the content besides. Parts go side by side and are streamed, so memory holds chunks of them.
 */
import { mapToEnd } from '#core/map-limit.ts';
import { PARTS_AT_ONCE, type PartDigests } from '#libs/digest/parts.ts';
import { streamed } from '#libs/digest/verified.ts';
import { HoldfastError } from '#ports/errors.ts';
import type { CommitContext, Order } from './commit-context.ts';
import { digestInTag, orderMark } from './heads.ts';
import type { LargeContent, Upload } from './upload.ts';
import {
  addRecord,
  dropUpload,
  type RecordPlace,
  recordsOf,
  removeRecord,
  type UploadRecord,
} from './upload-records.ts';
import type { ListedPart } from './xml.ts';

interface Begun {
  readonly record: UploadRecord;
  /** What arrived, by number. */
  readonly arrived: ReadonlyMap<number, ListedPart>;
}

/**
 * Sends what is missing. Nothing is visible before the returned upload is put.
 * @throws HoldfastError as every write; whatever reading the content throws, StaleContent too
 */
export async function sendParts(
  context: CommitContext,
  key: string,
  large: LargeContent,
  order: Order,
): Promise<Upload> {
  const { record, arrived } = await findOrBegin(context, key, large, order);
  // What is under way when one fails arrives and need not be sent again.
  const etags = await mapToEnd(large.parts, PARTS_AT_ONCE, async (part, index) => {
    const there = arrived.get(index + 1);
    if (there !== undefined && isPart(context, there, part)) return there.etag;
    return context.turns.run(() => sendPart(context, record, large, part, index + 1));
  });
  return joined(context, large, record, etags);
}

/** The same, but nothing is sent before the upload is put. */
export function sentWhenPut(large: LargeContent, send: () => Promise<Upload>): Upload {
  let failure: unknown = null;
  const { kind, size, md5, mtimeNs, headers } = large;
  return {
    kind,
    size,
    md5,
    mtimeNs,
    headers,
    async put(client, key, marks, condition) {
      let sent: Upload;
      try {
        sent = await send();
      } catch (thrown) {
        failure = thrown;
        throw thrown;
      }
      return sent.put(client, key, marks, condition);
    },
    sourceFailure: () => failure,
  };
}

function joined(
  context: CommitContext,
  { kind, size, md5, mtimeNs, headers }: LargeContent,
  record: UploadRecord,
  etags: readonly string[],
): Upload {
  return {
    kind,
    size,
    md5,
    mtimeNs,
    headers,
    // The marks are in the metadata that the upload was begun with.
    async put(client, key, _marks, condition) {
      const written = await client.parts.join(key, record.uploadId, etags, condition);
      // A record that stays is found and removed as one of an upload that is gone.
      if (written.result === 'done') await removeRecord(placeOf(context), record).catch(() => undefined);
      return written;
    },
    sourceFailure: () => null,
  };
}

function placeOf({ client, pairId, capabilities }: CommitContext): RecordPlace {
  return { client, pairId, versioned: capabilities.versions };
}

/** An upload of this very order and content that is still open, or a new one. */
async function findOrBegin(
  context: CommitContext,
  key: string,
  large: LargeContent,
  order: Order,
): Promise<Begun> {
  const place = placeOf(context);
  const { size, md5, partBytes } = large;
  for (const record of await recordsOf(place, key)) {
    const isSame = record.md5 === md5 && record.size === size && record.partBytes === partBytes;
    if (BigInt(record.serial) === order.serial && isSame) {
      const parts = await context.client.parts.list(key, record.uploadId);
      if (parts !== null) return { record, arrived: new Map(parts.map((part) => [part.number, part])) };
    }
    // Of an order that this one follows, or of content that the name had before: nobody goes on with it.
    if (BigInt(record.serial) <= order.serial) await dropUpload(place, record);
  }
  const serial = String(order.serial);
  const uploadId = await context.client.parts.begin(key, { ...large.headers, ...orderMark(order.serial) });
  const record = { key, uploadId, serial, md5, size, partBytes };
  await addRecord(place, record);
  return { record, arrived: new Map() };
}

/** The record promises the content; an ETag that is a digest has to say the same. */
function isPart({ capabilities }: CommitContext, there: ListedPart, part: PartDigests): boolean {
  if (there.size !== part.end - part.start) return false;
  const digest = capabilities.listsDigests ? digestInTag(there.etag) : null;
  return digest === null || digest === part.md5;
}

async function sendPart(
  { client, capabilities }: CommitContext,
  { key, uploadId }: UploadRecord,
  { content }: LargeContent,
  part: PartDigests,
  number: number,
): Promise<string> {
  const { start, end, md5, sha256 } = part;
  const { bytes, failure } = streamed(content, 'sha256', sha256, part);
  let etag: string;
  try {
    const body = { bytes, size: end - start, sha256 };
    etag = await client.parts.send(key, uploadId, number, body, Buffer.from(md5, 'hex').toString('base64'));
  } catch (thrown) {
    throw failure() ?? thrown;
  }
  const digest = capabilities.listsDigests ? digestInTag(etag) : null;
  if (digest === null || digest === md5) return etag;
  throw new HoldfastError('content-mismatch', 'the store received another part than was sent');
}
