/**
 * Session: signed requests to one bucket. Signatures hold for minutes only, so a clock that is off is
 * corrected by the store's own time, once; credentials that are refused are read anew, once. Both were
 * refused before anything was done, so that even a write may be sent again.
 */
import { createHash, createHmac, type Hash, type Hmac } from 'node:crypto';
import { SignatureV4 } from '@smithy/signature-v4';
import type { HttpClient, HttpRequest, HttpResponse } from '#libs/http/client.ts';
import type { Clock } from '#ports/clock.ts';
import {
  type CredentialKeeper,
  keepCredentials,
  type ReadCredentials,
  type S3Credentials,
} from './credentials.ts';
import { type BucketAddress, bucketAddress, type S3Endpoint } from './endpoint.ts';
import type { Answer } from './failures.ts';
import { encodeStrictly } from './names.ts';
import { type Problem, parseProblem } from './xml.ts';

export interface BucketRequest {
  readonly method: string;
  /** Null addresses the bucket. */
  readonly key: string | null;
  readonly query?: Readonly<Record<string, string>>;
  /** Names in lower case. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Made anew when it has to be sent again, as a streamed body can be read once only. */
  readonly body?: () => NonNullable<HttpRequest['body']>;
  /** SHA-256 of the body in hex; default: of none. */
  readonly sha256?: string;
  readonly what: string;
}

export interface BucketSession {
  readonly bucket: string;
  /** Any status. @throws HoldfastError secret-missing, store-unreachable; whatever the body throws */
  send(request: BucketRequest): Promise<Answer>;
}

export interface SessionOptions {
  readonly http: HttpClient;
  readonly endpoint: S3Endpoint;
  readonly bucket: string;
  readonly credentials: ReadCredentials;
  readonly clock: Pick<Clock, 'now'>;
}

export const EMPTY_SHA256 = createHash('sha256').digest('hex');

const CLOCK_CODES = new Set(['RequestTimeTooSkewed', 'RequestExpired']);
const REFUSED_CODES = new Set([
  'ExpiredToken',
  'InvalidToken',
  'TokenRefreshRequired',
  'InvalidAccessKeyId',
  'SignatureDoesNotMatch',
  'AccessDenied',
]);
const NO_PROBLEM: Problem = { code: '', region: null };

/** @throws HoldfastError usage for a bucket's name that cannot be one. */
export function openSession(options: SessionOptions): BucketSession {
  return new SignedSession(options, bucketAddress(options.endpoint, options.bucket));
}

class SignedSession implements BucketSession {
  readonly bucket: string;
  readonly #options: SessionOptions;
  readonly #address: BucketAddress;
  readonly #keeper: CredentialKeeper;
  #signer: { readonly of: S3Credentials; readonly signature: SignatureV4 } | null = null;
  /** What the store's clock is ahead of ours, milliseconds; 0 until a signature was refused for it. */
  #aheadMs = 0;

  constructor(options: SessionOptions, address: BucketAddress) {
    this.bucket = options.bucket;
    this.#options = options;
    this.#address = address;
    this.#keeper = keepCredentials(options.credentials);
  }

  async send(request: BucketRequest): Promise<Answer> {
    let credentials = await this.#keeper.current();
    let mayCorrectClock = true;
    let mayRenew = true;
    for (;;) {
      const answer = await this.#sendOnce(request, credentials);
      const code = answer.problem?.code ?? '';
      if (CLOCK_CODES.has(code) && mayCorrectClock && this.#correctClock(answer.response)) {
        mayCorrectClock = false;
        continue;
      }
      if (!REFUSED_CODES.has(code) || !mayRenew) return answer;
      const renewed = await this.#keeper.renewed(credentials);
      if (renewed === null) return answer;
      credentials = renewed;
      mayRenew = false;
    }
  }

  async #sendOnce(request: BucketRequest, credentials: S3Credentials): Promise<Answer> {
    const attempt = { host: this.#address.host, what: request.what };
    const response = await this.#options.http.request(await this.#signed(request, credentials));
    if (response.status < 300) return { response, problem: null, attempt };
    const said = parseProblem(await response.text());
    if (request.method !== 'HEAD' || (response.status !== 403 && response.status !== 400)) {
      return { response, problem: said, attempt };
    }
    // A HEAD has no body that would say why; the same look as a GET does.
    const { problem } = await this.#sendOnce({ ...request, method: 'GET', ...ONE_BYTE }, credentials);
    return { response, problem: problem ?? NO_PROBLEM, attempt };
  }

  async #signed(request: BucketRequest, credentials: S3Credentials): Promise<HttpRequest> {
    const { method, key, query = {}, body, sha256 = EMPTY_SHA256, what } = request;
    const path = this.#address.path(key);
    const signed = await this.#signerOf(credentials).sign(
      {
        method,
        protocol: 'https:',
        hostname: this.#address.host,
        path,
        query: { ...query },
        headers: { ...request.headers, host: this.#address.host, 'x-amz-content-sha256': sha256 },
      },
      { signingDate: new Date(this.#options.clock.now() + this.#aheadMs) },
    );
    const words = Object.entries(query).map(
      ([name, value]) => `${encodeStrictly(name)}=${encodeStrictly(value)}`,
    );
    return {
      method,
      url: `${this.#address.origin}${path}${words.length === 0 ? '' : `?${words.join('&')}`}`,
      headers: signed.headers,
      what,
      ...(body === undefined ? {} : { body: body() }),
    };
  }

  #signerOf(credentials: S3Credentials): SignatureV4 {
    if (this.#signer?.of !== credentials) {
      const { region } = this.#options.endpoint;
      // The path is encoded once, as it is sent: S3 alone signs it so.
      const signature = new SignatureV4({
        service: 's3',
        region,
        credentials,
        sha256: Sha256,
        uriEscapePath: false,
      });
      this.#signer = { of: credentials, signature };
    }
    return this.#signer.signature;
  }

  #correctClock({ headers }: HttpResponse): boolean {
    const theirs = Date.parse(headers['date'] ?? '');
    if (Number.isNaN(theirs)) return false;
    this.#aheadMs = theirs - this.#options.clock.now();
    return true;
  }
}

const ONE_BYTE = { headers: { range: 'bytes=0-0' } } as const;

/** SHA-256 in the form that the signing library asks for. */
class Sha256 {
  readonly #hash: Hash | Hmac;

  constructor(secret?: string | ArrayBuffer | ArrayBufferView) {
    this.#hash = secret === undefined ? createHash('sha256') : createHmac('sha256', bytesOf(secret));
  }

  update(data: string | ArrayBuffer | ArrayBufferView): void {
    this.#hash.update(bytesOf(data));
  }

  digest(): Promise<Uint8Array> {
    return Promise.resolve(this.#hash.digest());
  }
}

function bytesOf(data: string | ArrayBuffer | ArrayBufferView): string | Uint8Array {
  if (typeof data === 'string') return data;
  if (data instanceof ArrayBuffer) return new Uint8Array(data);
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}
