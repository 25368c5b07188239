/**
 * Classify: turns what HTTP gave into the error family of the ports (design section 8).
 * A message names the store's host, what was attempted and the status; never a URL's
 * query, a header or a body, which may carry secrets (invariant 12).
 */
import { StaleContent } from '#ports/content.ts';
import { type ErrorCode, HoldfastError } from '#ports/errors.ts';

export interface Attempt {
  /** Host of the store, without path or query. */
  readonly host: string;
  /** In words, such as `list container photos`; shown to operators. */
  readonly what: string;
}

/** Header names are in lower case. */
export type ResponseHeaders = Readonly<Record<string, string | undefined>>;

export interface StatusMeaning {
  /** What a 413 means for this request; default `store-quota`. */
  readonly tooLarge?: 'store-quota' | 'content-too-large';
}

/**
 * Milliseconds to wait from a Retry-After header (RFC 9110 section 10.2.3: seconds or an HTTP date).
 * @param now milliseconds since the epoch.
 * @returns null when the header is missing or unreadable; never negative.
 */
export function retryAfterMs(headers: ResponseHeaders, now: number): number | null {
  const text = headers['retry-after']?.trim();
  if (text === undefined || text === '') return null;
  if (/^\d+$/.test(text)) return Number(text) * 1000;
  const at = Date.parse(text);
  return Number.isNaN(at) ? null : Math.max(0, at - now);
}

/** The error of a response whose status nobody expected. */
export function statusFailure(
  attempt: Attempt,
  status: number,
  headers: ResponseHeaders,
  meaning: StatusMeaning = {},
): HoldfastError {
  const waitMs = retryAfterMs(headers, Date.now());
  const code = codeOfStatus(status, waitMs, meaning);
  const hint = HINTS[code] ?? '';
  return new HoldfastError(
    code,
    `store ${attempt.host}: could not ${attempt.what}: answered ${status}${hint}`,
    waitMs === null ? {} : { retryAfterMs: waitMs },
  );
}

const HINTS: Partial<Record<ErrorCode, string>> = {
  'store-throttled': ' and asks to slow down',
  'credentials-refused': '; check or renew the credentials of this store',
  'store-quota': '; the quota or the space of the container is used up',
  'content-too-large': '; the file is larger than the store takes',
};

/** Whether the store asks to be asked less. A 503 that says for how long does; any other may be a failure of one node. */
export function isThrottling(status: number | undefined, waitMs: number | null): boolean {
  // 498 is Swift's rate limiter (its default since 2010).
  return status === 429 || status === 498 || (status === 503 && waitMs !== null);
}

function codeOfStatus(status: number, waitMs: number | null, meaning: StatusMeaning): ErrorCode {
  if (isThrottling(status, waitMs)) return 'store-throttled';
  // 507 is a full disk or quota, not a failure that passes by itself.
  if (status === 507) return 'store-quota';
  if (status === 408 || status >= 500) return 'store-unavailable';
  if (status === 401 || status === 403) return 'credentials-refused';
  if (status === 413) return meaning.tooLarge ?? 'store-quota';
  if (status >= 400) return 'store-refused';
  return 'store-protocol';
}

/**
 * The error of a request that got no whole response. What a body source threw (StaleContent, an error of ours)
 * is handed through, so that the caller sees why its own content failed.
 */
export function networkFailure(attempt: Attempt, thrown: unknown): Error {
  if (thrown instanceof HoldfastError || thrown instanceof StaleContent) return thrown;
  const code = systemCode(thrown);
  const reason = code ?? (thrown instanceof Error ? thrown.name : 'unknown failure');
  if (code === 'UND_ERR_REQ_CONTENT_LENGTH_MISMATCH') {
    return new HoldfastError(
      'content-mismatch',
      `store ${attempt.host}: could not ${attempt.what}: the content is not as long as announced`,
      { cause: thrown },
    );
  }
  return new HoldfastError(
    'store-unreachable',
    `store ${attempt.host}: could not ${attempt.what}: no complete answer (${reason})`,
    { cause: thrown },
  );
}

/** The error of a response that does not follow the store's own protocol. */
export function protocolFailure(attempt: Attempt, problem: string, cause?: unknown): HoldfastError {
  return new HoldfastError(
    'store-protocol',
    `store ${attempt.host}: could not ${attempt.what}: ${problem}`,
    cause === undefined ? {} : { cause },
  );
}

/** The body of a response as JSON. @throws HoldfastError store-protocol when it is none. */
export function parseJson(attempt: Attempt, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (thrown) {
    throw protocolFailure(attempt, 'the answer is no JSON', thrown);
  }
}

/** The `code` of a system or undici error, also where it is wrapped as a cause. */
function systemCode(thrown: unknown): string | null {
  for (let error = thrown; error instanceof Error; error = error.cause) {
    if ('code' in error && typeof error.code === 'string') return error.code;
  }
  return null;
}
