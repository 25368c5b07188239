/**
 * Errors: a small closed family (design section 8). The code is stable and meant for
 * matching; the message says what happened, to what, and what to do; the grade says
 * who handles it. A side that merely moved on is no error but a `stale` outcome.
 */

/** transient: retry with backoff, for ever. permanent: a problem of one name. pair: disables the pair. fatal: ends the process. usage: the operator's input is wrong. */
export type Grade = 'transient' | 'permanent' | 'pair' | 'fatal' | 'usage';

export const ERROR_GRADES = {
  // transient
  'store-unreachable': 'transient',
  'store-unavailable': 'transient',
  'store-throttled': 'transient',
  'store-protocol': 'transient',
  'content-mismatch': 'transient',
  'local-busy': 'transient',
  'local-io': 'transient',
  'disk-full': 'transient',
  'database-unreachable': 'transient',
  'queue-unreachable': 'transient',
  'fleet-unreachable': 'transient',
  // permanent, one name
  'name-unsyncable': 'permanent',
  'content-too-large': 'permanent',
  'store-quota': 'permanent',
  'store-refused': 'permanent',
  'local-denied': 'permanent',
  // the whole pair
  'credentials-refused': 'pair',
  'container-missing': 'pair',
  'container-replaced': 'pair',
  'folder-missing': 'pair',
  'folder-unmarked': 'pair',
  'folder-denied': 'pair',
  'secret-missing': 'pair',
  // The same, but the pair goes on at once, as a union of both sides.
  'folder-restored': 'pair',
  'container-restored': 'pair',
  'database-restored': 'pair',
  // the process
  'configuration-invalid': 'fatal',
  'schema-behind': 'fatal',
  'schema-newer': 'fatal',
  // the operator's input
  usage: 'usage',
  'not-found': 'usage',
  'already-exists': 'usage',
  'timed-out': 'usage',
} as const satisfies Record<string, Grade>;

export type ErrorCode = keyof typeof ERROR_GRADES;

export class HoldfastError extends Error {
  readonly code: ErrorCode;
  /** Earliest sensible retry in milliseconds from now, as the other side asked (Retry-After); null when it did not. */
  readonly retryAfterMs: number | null;

  constructor(code: ErrorCode, message: string, options: { cause?: unknown; retryAfterMs?: number } = {}) {
    super(message, options.cause === undefined ? {} : { cause: options.cause });
    this.name = 'HoldfastError';
    this.code = code;
    this.retryAfterMs = options.retryAfterMs ?? null;
  }

  get grade(): Grade {
    return ERROR_GRADES[this.code];
  }
}

/** Any thrown value as one of ours; what no adapter classified is transient, so that it is retried and shown, never lost. */
export function asHoldfastError(thrown: unknown): HoldfastError {
  if (thrown instanceof HoldfastError) return thrown;
  const text = thrown instanceof Error ? thrown.message : String(thrown);
  return new HoldfastError('local-io', `unexpected failure: ${text}`, { cause: thrown });
}
