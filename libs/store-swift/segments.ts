/**
 * Segments: large content, sent in parts that any worker of the pair finds by their content. What is there already is
 * not sent again, be it of an attempt that was killed, of an earlier version of the file, or of another file.
 *
 *   not there -> there until its end -> kept -> named by a manifest
 */
import { mapToEnd } from '#core/map-limit.ts';
import { PARTS_AT_ONCE, type PartDigests } from '#libs/digest/parts.ts';
import { streamed } from '#libs/digest/verified.ts';
import type { HttpResponse } from '#libs/http/client.ts';
import type { StagedFile } from '#ports/content.ts';
import { HoldfastError } from '#ports/errors.ts';
import type { CommitContext } from './commit-context.ts';
import { FILE_TYPE, manifestMark } from './heads.ts';
import type { Segment } from './segments-client.ts';
import { type LargeContent, manifestTag, type Upload } from './upload.ts';

/** A segment that nothing names lives for a day, and for as long as the whole takes at this pace. */
const LEAST_LIFE_S = 86_400;
const SLOWEST_BYTES_PER_S = 1_000_000;

/**
 * Sends what is missing. Nothing is visible before the returned upload is put.
 * @throws HoldfastError as every write; whatever reading the content throws, StaleContent too
 */
export async function sendSegments(context: CommitContext, large: LargeContent): Promise<Upload> {
  const { segments } = context.client;
  const lifeS = LEAST_LIFE_S + Math.ceil(large.size / SLOWEST_BYTES_PER_S);
  // Equal parts are one segment.
  const parts = [...new Map(large.parts.map((part) => [part.sha256, part])).values()];
  const ending = await mapToEnd(parts, PARTS_AT_ONCE, async (part) =>
    (await arrive(context, large.content, part, lifeS)) ? [] : [part],
  );
  await mapToEnd(ending.flat(), PARTS_AT_ONCE, (part) => keep(context, part));
  const rows = large.parts.map(({ start, end, md5, sha256 }) => ({
    path: segments.path(segments.name(sha256)),
    etag: md5,
    size_bytes: end - start,
  }));
  return manifestUpload(large, Buffer.from(JSON.stringify(rows)));
}

function manifestUpload(large: LargeContent, manifest: Uint8Array): Upload {
  const { kind, size, md5, mtimeNs, headers, parts } = large;
  const tag = manifestTag(parts);
  const own = {
    ...headers,
    'content-length': String(manifest.length),
    etag: tag,
    ...manifestMark(md5, tag),
  };
  return {
    kind,
    size,
    md5,
    mtimeNs,
    headers,
    answer: tag,
    put: (client, name, marks) => client.put(name, { ...own, ...marks }, () => manifest, 'manifest'),
    sourceFailure: () => null,
  };
}

/** @returns whether the segment is there for good; else it is there until its end. */
async function arrive(
  context: CommitContext,
  content: StagedFile,
  part: PartDigests,
  lifeS: number,
): Promise<boolean> {
  const { client, turns } = context;
  const name = client.segments.name(part.sha256);
  const found = await client.segments.head(name);
  if (found !== null) return isKept(found, part);
  const send = (): Promise<HttpResponse> => turns.run(() => sendSegment(context, content, part, name, lifeS));
  let response = await send();
  if (response.status === 404) {
    // Somebody removed the container that was made when the pair was.
    await client.segments.create();
    response = await send();
  }
  if (response.status === 201) return false;
  if (response.status !== 412) throw await sendFailure(response);
  // Another worker was first.
  const there = await client.segments.head(name);
  if (there === null) throw gone();
  return isKept(there, part);
}

function isKept({ size, etag, endsAt }: Segment, { start, end, md5 }: PartDigests): boolean {
  if (size === end - start && etag === md5) return endsAt === null;
  throw new HoldfastError('content-mismatch', 'a segment in the store has other bytes than its name says');
}

async function sendSegment(
  { client }: CommitContext,
  content: StagedFile,
  part: PartDigests,
  name: string,
  lifeS: number,
): Promise<HttpResponse> {
  const { bytes, failure } = streamed(content, 'sha256', part.sha256, part);
  const headers = {
    'content-length': String(part.end - part.start),
    'content-type': FILE_TYPE,
    etag: part.md5,
    'x-delete-after': String(lifeS),
  };
  try {
    return await client.segments.put(name, headers, bytes);
  } catch (thrown) {
    throw failure() ?? thrown;
  }
}

async function sendFailure(response: HttpResponse): Promise<HoldfastError> {
  const failure = await response.failure();
  if (response.status !== 422) return failure;
  return new HoldfastError('content-mismatch', 'the content changed on its way to the store');
}

async function keep({ client }: CommitContext, part: PartDigests): Promise<void> {
  const response = await client.segments.keep(client.segments.name(part.sha256));
  if (response.status === 404) throw gone();
  if (response.status >= 300) throw await response.failure();
}

function gone(): HoldfastError {
  return new HoldfastError('store-unavailable', 'a segment came to its end meanwhile; it is sent again');
}
