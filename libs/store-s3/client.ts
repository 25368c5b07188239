/**
 * Client: one function per S3 request on one bucket, answering in our terms. It classifies what no
 * caller expects and passes on, as data, what a commit must judge itself.
 */
import { createHash } from 'node:crypto';
import { protocolFailure } from '#libs/http/classify.ts';
import type { HttpRequest, HttpResponse } from '#libs/http/client.ts';
import type { HoldfastError } from '#ports/errors.ts';
import { type Answer, bucketMissing, failureOf } from './failures.ts';
import { type ObjectHead, objectHead } from './heads.ts';
import { encodeKey, encodeStrictly } from './names.ts';
import { openPartsClient, type PartsClient } from './parts-client.ts';
import type { BucketRequest, BucketSession } from './session.ts';
import { versionOf, type Written, writtenOf } from './written.ts';
import {
  type KeyPage,
  type ListedVersion,
  parseCopyResult,
  parseKeys,
  parseVersioning,
  parseVersions,
  type VersionPage,
} from './xml.ts';

export interface Body {
  readonly bytes: () => NonNullable<HttpRequest['body']>;
  readonly size: number;
  /** In hex. */
  readonly sha256: string;
}

export interface Client {
  readonly bucket: string;
  /** Of objects that arrive in parts. */
  readonly parts: PartsClient;
  /** The object, or one version of it; null for a 404, which proves nothing about the bucket. */
  head(key: string, version?: string): Promise<ObjectHead | null>;
  /** 200 and 206; null where there is nothing of that kind. @throws HoldfastError container-missing */
  get(key: string, version: string | null, range: string | null): Promise<HttpResponse | null>;
  /** @throws HoldfastError container-missing; whatever the body throws */
  put(key: string, headers: Readonly<Record<string, string>>, body: Body): Promise<Written>;
  /**
   * Server-side copy within the bucket, for as long as the source has `etag`.
   * @param options metadata in place of the source's; `isNew`: only where nothing is, which not every store heeds.
   * @returns `source-gone` also where the target is taken and that was asked about: one status says both.
   */
  copy(
    key: string,
    source: { readonly version: string | null; readonly etag: string },
    target: string,
    options?: CopyOptions,
  ): Promise<Written | { readonly result: 'source-gone' }>;
  /** Removes the current object, or one version for good; `refused` also where there is none. @throws HoldfastError container-missing */
  remove(key: string, options?: { readonly ifMatch?: string; readonly version?: string }): Promise<Written>;
  /** Keys after `after` in order of bytes. @throws HoldfastError container-missing */
  listKeys(options: { after: string | null; prefix?: string; limit: number }): Promise<KeyPage>;
  /** Versions of keys that begin with `prefix`, from `from` on. @throws HoldfastError container-missing */
  listVersions(prefix: string, from: VersionPage['next'], limit: number): Promise<VersionPage>;
  /** Null when the bucket does not exist; empty where it says nothing of versions. */
  versioning(): Promise<string | null>;
  /** @returns whether the store took it. */
  enableVersioning(): Promise<boolean>;
  createBucket(): Promise<void>;
}

export interface CopyOptions {
  readonly metadata?: Readonly<Record<string, string>>;
  readonly isNew?: boolean;
}

export interface ClientOptions {
  readonly region: string;
  /** Sent with every write: encryption, class of storage. */
  readonly writeHeaders: Readonly<Record<string, string>>;
  /** Asked at each answer, as it is found out by trying. */
  readonly listsDigests: () => boolean;
}

export function openClient(session: BucketSession, options: ClientOptions): Client {
  return new BucketClient(session, options);
}

class BucketClient implements Client {
  readonly bucket: string;
  readonly parts: PartsClient;
  readonly #session: BucketSession;
  readonly #options: ClientOptions;

  constructor(session: BucketSession, options: ClientOptions) {
    this.bucket = session.bucket;
    this.parts = openPartsClient(session, options.writeHeaders);
    this.#session = session;
    this.#options = options;
  }

  async head(key: string, version?: string): Promise<ObjectHead | null> {
    const query = version === undefined ? {} : { versionId: version };
    const { response, ...rest } = await this.#session.send({
      method: 'HEAD',
      key,
      query,
      what: 'look at an object',
    });
    if (isNothing({ response, ...rest })) return null;
    if (response.status !== 200) throw failureOf({ response, ...rest });
    await response.discard();
    return objectHead(key, response.headers, this.#options.listsDigests());
  }

  async get(key: string, version: string | null, range: string | null): Promise<HttpResponse | null> {
    const query = version === null ? {} : { versionId: version };
    const headers: Record<string, string> = range === null ? {} : { range };
    const answer = await this.#session.send({ method: 'GET', key, query, headers, what: 'read an object' });
    const { response } = answer;
    if (response.status === 200 || response.status === 206) return response;
    this.#refuseMissing(answer);
    if (isNothing(answer) || response.status === 416) return null;
    throw failureOf(answer);
  }

  async put(key: string, headers: Readonly<Record<string, string>>, body: Body): Promise<Written> {
    const answer = await this.#session.send({
      method: 'PUT',
      key,
      headers: { ...this.#options.writeHeaders, ...headers, 'content-length': String(body.size) },
      body: body.bytes,
      sha256: body.sha256,
      what: 'write an object',
    });
    return writtenOf(answer, this.bucket);
  }

  async copy(
    key: string,
    source: { readonly version: string | null; readonly etag: string },
    target: string,
    { metadata, isNew = false }: CopyOptions = {},
  ): Promise<Written | { readonly result: 'source-gone' }> {
    const version = source.version === null ? '' : `?versionId=${encodeStrictly(source.version)}`;
    const headers = {
      ...this.#options.writeHeaders,
      'x-amz-copy-source': `/${encodeStrictly(this.bucket)}/${encodeKey(key)}${version}`,
      ...(metadata === undefined ? {} : { ...metadata, 'x-amz-metadata-directive': 'REPLACE' }),
      ...(isNew ? { 'if-none-match': '*' } : {}),
    };
    const send = (condition: Readonly<Record<string, string>>): Promise<Answer> =>
      this.#session.send({
        method: 'PUT',
        key: target,
        headers: { ...headers, ...condition },
        what: 'copy an object',
      });
    let answer = await send({ 'x-amz-copy-source-if-match': `"${source.etag}"` });
    // Of an object that came in parts, Swift's S3 layer knows another ETag here than it tells everywhere else.
    if (
      answer.response.status === 412 &&
      !isNew &&
      (await this.head(key, source.version ?? undefined))?.etag === source.etag
    )
      answer = await send({});
    const { response, problem } = answer;
    if (response.status === 404 || response.status === 412) {
      this.#refuseMissing(answer);
      return { result: 'source-gone' };
    }
    if (problem !== null) return writtenOf(answer, this.bucket);
    const etag = parseCopyResult(await response.text());
    if (etag !== null) return { result: 'done', etag, version: versionOf(response) };
    return { result: 'failed', failure: protocolFailure(answer.attempt, 'the copy was begun and not ended') };
  }

  async remove(
    key: string,
    options: { readonly ifMatch?: string; readonly version?: string } = {},
  ): Promise<Written> {
    const answer = await this.#session.send({
      method: 'DELETE',
      key,
      query: options.version === undefined ? {} : { versionId: options.version },
      headers: options.ifMatch === undefined ? {} : { 'if-match': `"${options.ifMatch}"` },
      what: 'remove an object',
    });
    return writtenOf(answer, this.bucket);
  }

  async listKeys({
    after,
    prefix,
    limit,
  }: {
    after: string | null;
    prefix?: string;
    limit: number;
  }): Promise<KeyPage> {
    const text = await this.#document({
      'list-type': '2',
      'encoding-type': 'url',
      'max-keys': String(limit),
      ...(after === null ? {} : { 'start-after': after }),
      ...(prefix === undefined ? {} : { prefix }),
    });
    const page = parseKeys(text);
    if (page === null) throw this.#odd('the answer is no listing');
    return page;
  }

  async listVersions(prefix: string, from: VersionPage['next'], limit: number): Promise<VersionPage> {
    const text = await this.#document({
      versions: '',
      'encoding-type': 'url',
      'max-keys': String(limit),
      prefix,
      ...(from === null ? {} : { 'key-marker': from.key }),
      ...(from?.versionId == null ? {} : { 'version-id-marker': from.versionId }),
    });
    const page = parseVersions(text);
    if (page === null) throw this.#odd('the answer is no list of versions');
    return page;
  }

  async versioning(): Promise<string | null> {
    const what = `look at bucket ${this.bucket}`;
    const answer = await this.#session.send({ method: 'GET', key: null, query: { versioning: '' }, what });
    const { response, problem } = answer;
    if (response.status === 200) return parseVersioning(await response.text());
    if (problem?.code === 'NoSuchBucket') return null;
    // Stores without versions say so in their own ways; that the bucket is there shows when it is used.
    if (response.status === 501 || response.status === 405) return '';
    throw failureOf(answer);
  }

  async enableVersioning(): Promise<boolean> {
    const document =
      '<VersioningConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Status>Enabled</Status></VersioningConfiguration>';
    const answer = await this.#putDocument({ versioning: '' }, document, 'switch versions on');
    await answer.response.discard();
    return answer.problem === null;
  }

  async createBucket(): Promise<void> {
    const { region } = this.#options;
    const where = `<CreateBucketConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><LocationConstraint>${region}</LocationConstraint></CreateBucketConfiguration>`;
    // Amazon's first region is the one that must not be named.
    const document = region === 'us-east-1' ? '' : where;
    const answer = await this.#putDocument({}, document, `create bucket ${this.bucket}`);
    await answer.response.discard();
    if (answer.problem !== null && answer.problem.code !== 'BucketAlreadyOwnedByYou') throw failureOf(answer);
  }

  #putDocument(query: Record<string, string>, document: string, what: string): Promise<Answer> {
    const bytes = Buffer.from(document);
    const headers = {
      'content-length': String(bytes.length),
      'content-md5': digestOf('md5', bytes).toString('base64'),
      ...(bytes.length === 0 ? {} : { 'content-type': 'application/xml' }),
    };
    const sha256 = digestOf('sha256', bytes).toString('hex');
    return this.#session.send({ method: 'PUT', key: null, query, headers, body: () => bytes, sha256, what });
  }

  async #document(query: BucketRequest['query'] & {}): Promise<string> {
    const answer = await this.#session.send({
      method: 'GET',
      key: null,
      query,
      what: `list bucket ${this.bucket}`,
    });
    this.#refuseMissing(answer);
    if (answer.response.status !== 200) throw failureOf(answer);
    return answer.response.text();
  }

  #odd(problem: string): HoldfastError {
    return protocolFailure({ host: `bucket ${this.bucket}`, what: 'list it' }, problem);
  }

  #refuseMissing({ problem }: Answer): void {
    if (problem?.code === 'NoSuchBucket') throw bucketMissing(this.bucket);
  }
}

/** A delete marker answers 405 when it is named, and a malformed version id 400. */
function isNothing({ response, problem }: Answer): boolean {
  if (response.status === 404) return true;
  if (response.status === 405) return response.headers['x-amz-delete-marker'] === 'true';
  return (
    response.status === 400 && (problem?.code === 'InvalidArgument' || problem?.code === 'NoSuchVersion')
  );
}

/** @throws HoldfastError what a write failed of; one that was refused was somebody else's. */
export function assertWritten(written: Written): void {
  if (written.result === 'failed') throw written.failure;
}

/** Of one key alone, newest first, down to the end or until `isEnough`. */
export async function versionsOf(
  client: Client,
  key: string,
  isEnough: (versions: readonly ListedVersion[]) => boolean = () => false,
): Promise<ListedVersion[]> {
  const found: ListedVersion[] = [];
  let from: VersionPage['next'] = null;
  do {
    const page: VersionPage = await client.listVersions(key, from, VERSIONS_AT_ONCE);
    // A key sorts before all others that it is a prefix of.
    const own = page.versions.filter((version) => version.key === key);
    found.push(...own);
    if (own.length < page.versions.length || isEnough(found)) return found;
    from = page.next;
  } while (from !== null);
  return found;
}

const VERSIONS_AT_ONCE = 32;

function digestOf(algorithm: 'md5' | 'sha256', bytes: Uint8Array): Buffer {
  return createHash(algorithm).update(bytes).digest();
}
