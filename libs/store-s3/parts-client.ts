/**
 * Parts client: the requests of an upload in parts. Parts are invisible until they are joined; joining is one
 * write like a PUT, under the same conditions.
 */
import { createHash } from 'node:crypto';
import { protocolFailure } from '#libs/http/classify.ts';
import { HoldfastError } from '#ports/errors.ts';
import type { Body } from './client.ts';
import { type Answer, bucketMissing, failureOf } from './failures.ts';
import type { BucketSession } from './session.ts';
import { versionOf, type Written, writtenOf } from './written.ts';
import {
  type ListedPart,
  type PartPage,
  parseJoined,
  parseParts,
  parseProblem,
  parseUploadId,
  partsDocument,
  plainTag,
} from './xml.ts';

export interface PartsClient {
  /** @returns id of the upload. @throws HoldfastError as every write */
  begin(key: string, headers: Readonly<Record<string, string>>): Promise<string>;
  /**
   * @param md5 base64, of the part.
   * @returns the part's ETag. @throws HoldfastError as every write; store-unavailable when the upload is gone; whatever the body throws
   */
  send(key: string, uploadId: string, number: number, body: Body, md5: string): Promise<string>;
  /** What arrived, in order of numbers; null when there is no such upload. */
  list(key: string, uploadId: string): Promise<readonly ListedPart[] | null>;
  /** Makes the parts from 1 on the object. `failed` also where nothing tells whether it did. */
  join(
    key: string,
    uploadId: string,
    etags: readonly string[],
    headers: Readonly<Record<string, string>>,
  ): Promise<Written>;
  /** Drops an upload with its parts; idempotent. @throws HoldfastError as every write */
  drop(key: string, uploadId: string): Promise<void>;
}

/** Of the headers of a write, those that every part needs as well. */
const EACH_PART = 'x-amz-server-side-encryption-customer-';

export function openPartsClient(
  session: BucketSession,
  writeHeaders: Readonly<Record<string, string>>,
): PartsClient {
  const { bucket } = session;
  const partHeaders = Object.fromEntries(
    Object.entries(writeHeaders).filter(([name]) => name.startsWith(EACH_PART)),
  );
  const succeeded = (answer: Answer): Answer => {
    if (answer.problem?.code === 'NoSuchBucket') throw bucketMissing(bucket);
    if (answer.problem !== null) throw failureOf(answer);
    return answer;
  };

  return {
    async begin(key, headers) {
      const what = 'begin an upload in parts';
      const all = { ...writeHeaders, ...headers, 'content-length': '0' };
      const { response, attempt } = succeeded(
        await session.send({ method: 'POST', key, query: { uploads: '' }, headers: all, what }),
      );
      const id = parseUploadId(await response.text());
      if (id === null) throw protocolFailure(attempt, 'the answer names no upload');
      return id;
    },

    async send(key, uploadId, number, body, md5) {
      const answer = await session.send({
        method: 'PUT',
        key,
        query: { partNumber: String(number), uploadId },
        headers: { ...partHeaders, 'content-length': String(body.size), 'content-md5': md5 },
        body: body.bytes,
        sha256: body.sha256,
        what: 'send a part of an object',
      });
      if (answer.problem?.code === 'NoSuchUpload') throw uploadGone();
      const { response } = succeeded(answer);
      await response.discard();
      return plainTag(response.headers['etag'] ?? '');
    },

    async list(key, uploadId) {
      const found: ListedPart[] = [];
      let after: string | null = null;
      do {
        const query: Record<string, string> = {
          'max-parts': '1000',
          uploadId,
          ...(after === null ? {} : { 'part-number-marker': after }),
        };
        const what = 'list the parts of an upload';
        const answer = await session.send({ method: 'GET', key, query, what });
        if (answer.problem?.code === 'NoSuchUpload') return null;
        const { response, attempt } = succeeded(answer);
        const page: PartPage | null = parseParts(await response.text());
        if (page === null) throw protocolFailure(attempt, 'the answer is no list of parts');
        found.push(...page.parts);
        after = page.next;
      } while (after !== null);
      return found;
    },

    async join(key, uploadId, etags, headers) {
      const bytes = Buffer.from(partsDocument(etags));
      const answer = await session.send({
        method: 'POST',
        key,
        query: { uploadId },
        headers: { ...headers, 'content-length': String(bytes.length), 'content-type': 'application/xml' },
        body: () => bytes,
        sha256: createHash('sha256').update(bytes).digest('hex'),
        what: 'join the parts of an object',
      });
      if (answer.problem?.code === 'NoSuchUpload') return { result: 'failed', failure: uploadGone() };
      if (answer.problem !== null) return writtenOf(answer, bucket);
      // A store that needs long begins its answer before it knows how it ends.
      const text = await answer.response.text();
      const etag = parseJoined(text);
      if (etag !== null) return { result: 'done', etag, version: versionOf(answer.response) };
      const problem = parseProblem(text);
      if (problem.code === 'PreconditionFailed') return { result: 'refused' };
      const said = problem.code === '' ? 'no readable answer' : problem.code;
      return { result: 'failed', failure: protocolFailure(answer.attempt, `it ended with ${said}`) };
    },

    async drop(key, uploadId) {
      const what = 'drop an upload in parts';
      const answer = await session.send({ method: 'DELETE', key, query: { uploadId }, what });
      if (answer.response.status !== 404) succeeded(answer);
      await answer.response.discard();
    },
  };
}

function uploadGone(): HoldfastError {
  return new HoldfastError(
    'store-unavailable',
    'the upload in parts ended or was dropped meanwhile; what became of it is looked at by the next attempt',
  );
}
