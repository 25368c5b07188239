/**
 * Failures: what an answer that nobody expected means in the error family of the ports. S3 says more
 * in its error code than in the status; a message names both and never a header or a body (invariant 12).
 */
import { type Attempt, retryAfterMs, statusFailure } from '#libs/http/classify.ts';
import type { HttpResponse } from '#libs/http/client.ts';
import { type ErrorCode, HoldfastError } from '#ports/errors.ts';
import type { Problem } from './xml.ts';

/** A response with its error document read; the body of one without an error is still to be read or discarded. */
export interface Answer {
  readonly response: HttpResponse;
  /** Null below status 300. */
  readonly problem: Problem | null;
  readonly attempt: Attempt;
}

interface Meaning {
  readonly code: ErrorCode;
  readonly hint: string;
}

const CREDENTIALS: Meaning = {
  code: 'credentials-refused',
  hint: 'check or renew the credentials of this store',
};
const SLOW_DOWN: Meaning = { code: 'store-throttled', hint: 'it asks to slow down' };
const QUOTA: Meaning = { code: 'store-quota', hint: 'the quota or the space of the bucket is used up' };
const AGAIN: Meaning = { code: 'store-unavailable', hint: 'it is tried again' };

const MEANINGS: Readonly<Record<string, Meaning>> = {
  AccessDenied: {
    code: 'credentials-refused',
    hint: 'the credentials work, but do not allow this; see what a store needs in the README',
  },
  AllAccessDisabled: CREDENTIALS,
  InvalidAccessKeyId: CREDENTIALS,
  SignatureDoesNotMatch: {
    code: 'credentials-refused',
    hint: 'the secretAccessKey does not fit the accessKeyId, or the store is signed for under another region',
  },
  ExpiredToken: { code: 'credentials-refused', hint: 'the sessionToken has expired; renew the secret' },
  InvalidToken: { code: 'credentials-refused', hint: 'the sessionToken is not valid; renew the secret' },
  TokenRefreshRequired: { code: 'credentials-refused', hint: 'renew the sessionToken of the secret' },
  RequestTimeTooSkewed: {
    code: 'store-unavailable',
    hint: "this machine's clock differs too much from the store's; run a time service",
  },
  RequestExpired: {
    code: 'store-unavailable',
    hint: "this machine's clock differs too much from the store's; run a time service",
  },
  SlowDown: SLOW_DOWN,
  Throttling: SLOW_DOWN,
  ThrottlingException: SLOW_DOWN,
  RequestLimitExceeded: SLOW_DOWN,
  TooManyRequests: SLOW_DOWN,
  ConditionalRequestConflict: AGAIN,
  OperationAborted: AGAIN,
  // Another worker sent the part anew while it was joined here.
  InvalidPart: AGAIN,
  BadDigest: { code: 'content-mismatch', hint: 'the content changed on its way to the store' },
  XAmzContentSHA256Mismatch: {
    code: 'content-mismatch',
    hint: 'the content changed on its way to the store',
  },
  EntityTooLarge: { code: 'content-too-large', hint: 'the file is larger than the store takes' },
  QuotaExceeded: QUOTA,
  XMinioAdminBucketQuotaExceeded: QUOTA,
  XMinioStorageFull: QUOTA,
  KeyTooLongError: { code: 'name-unsyncable', hint: 'the store takes no name as long; shorten it' },
  KeyTooLong: { code: 'name-unsyncable', hint: 'the store takes no name as long; shorten it' },
  NotImplemented: { code: 'store-refused', hint: 'the store does not offer this' },
  BucketAlreadyExists: {
    code: 'store-refused',
    hint: 'the name of the bucket is taken by somebody else; choose another one',
  },
};

/** The store knows the credentials, and does not let them do this. */
export class AccessDenied extends HoldfastError {
  constructor(message: string) {
    super('credentials-refused', message);
  }
}

const OTHER_REGION = new Set(['PermanentRedirect', 'AuthorizationHeaderMalformed', 'TemporaryRedirect']);

export function failureOf({ response, problem, attempt }: Answer): HoldfastError {
  const { status, headers } = response;
  const region = problem?.region ?? headers['x-amz-bucket-region'] ?? null;
  const code = problem?.code ?? '';
  const said = `store ${attempt.host}: could not ${attempt.what}: answered ${status}${code === '' ? '' : ` ${code}`}`;
  if (OTHER_REGION.has(code) || status === 301 || status === 307) {
    const hint =
      region === null
        ? 'it is another region or endpoint of the store'
        : `it belongs to region ${region}; add the store with --option region=${region} and its endpoint`;
    return new HoldfastError('credentials-refused', `${said}; ${hint}`);
  }
  const meaning = MEANINGS[code];
  if (meaning === undefined) return named(statusFailure(attempt, status, headers), code);
  const waitMs = retryAfterMs(headers, Date.now());
  const message = `${said}; ${meaning.hint}`;
  if (code === 'AccessDenied') return new AccessDenied(message);
  return new HoldfastError(meaning.code, message, waitMs === null ? {} : { retryAfterMs: waitMs });
}

/** The same error with S3's own word for it. */
function named(failure: HoldfastError, code: string): HoldfastError {
  if (code === '') return failure;
  const { retryAfterMs: waitMs } = failure;
  const message = `${failure.message} (${code})`;
  return new HoldfastError(failure.code, message, waitMs === null ? {} : { retryAfterMs: waitMs });
}

export function bucketMissing(bucket: string): HoldfastError {
  return new HoldfastError(
    'container-missing',
    `bucket ${bucket} does not exist; check its name, or restore it`,
  );
}
