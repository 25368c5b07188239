/**
 * Methods: the operator's verbs as the HTTP API carries them, each with the JSON schema of
 * its arguments. Server and client share this table, so neither can offer what the other
 * does not know.
 */
import type { Operator } from '#ports/operator.ts';

const text = { type: 'string', maxLength: 4096 } as const;
const textOrNull = { type: ['string', 'null'], maxLength: 4096 } as const;
const flag = { type: 'boolean' } as const;
const texts = { type: 'array', items: text, maxItems: 1000 } as const;
const textMap = { type: 'object', additionalProperties: text, maxProperties: 100 } as const;

type Schema = Readonly<Record<string, unknown>>;

function object(properties: Readonly<Record<string, Schema>>): Schema {
  return { type: 'object', properties, required: Object.keys(properties), additionalProperties: false };
}

function partial(properties: Readonly<Record<string, Schema>>): Schema {
  return { type: 'object', properties, additionalProperties: false };
}

function list(...items: readonly Schema[]): Schema {
  // JSON Schema has no tuple without items.
  if (items.length === 0) return { type: 'array', maxItems: 0 };
  return { type: 'array', items, minItems: items.length, maxItems: items.length, additionalItems: false };
}

const countOrNull = { type: ['integer', 'null'], minimum: 0 } as const;
const RETENTION = { days: { ...countOrNull, maximum: 36_500 }, bytes: countOrNull };
const ticket = object({ pair: text, scan: text, poll: text, since: text });
const secret = object({ from: { enum: ['file', 'env'] }, at: text });

const rateOrNull = { type: ['number', 'null'], exclusiveMinimum: 0 } as const;
const LIMIT_SCOPE = {
  store: textOrNull,
  pair: textOrNull,
  times: { ...object({ days: text, between: text, zone: text }), type: ['object', 'null'] },
};

/** Arguments of each method, in order. */
export const METHOD_ARGUMENTS = {
  storeAdd: list(
    object({
      name: text,
      kind: { enum: ['pithos', 'swift', 's3'] },
      url: text,
      secret,
      options: textMap,
      check: flag,
    }),
  ),
  storeList: list(),
  storeRemove: list(text),
  limitList: list(),
  limitSet: list(object({ ...LIMIT_SCOPE, bytesPerSecond: rateOrNull, requestsPerSecond: rateOrNull })),
  limitClear: list(object(LIMIT_SCOPE)),
  pairAdd: list(
    object({
      name: text,
      folder: text,
      store: text,
      container: text,
      volume: text,
      excludes: texts,
      policies: texts,
      versioning: flag,
      create: flag,
      retention: object(RETENTION),
    }),
  ),
  pairList: list(),
  pairShow: list(text),
  pairSet: list(object({ name: text, retention: partial(RETENTION) })),
  pairPause: list(text),
  pairResume: list(text, flag),
  pairRemove: list(text),
  sync: list(text),
  progress: list(ticket),
  status: list(textOrNull),
  problems: list(textOrNull),
  problemsRetry: list(text, object({ names: { ...texts, type: ['array', 'null'] }, code: textOrNull })),
  conflicts: list(textOrNull),
  conflictResolve: list(text, text, { enum: ['keep-upstream', 'keep-mine', 'keep-both'] }),
  deletesList: list(text),
  deletesApprove: list(text),
  deletesRevert: list(text),
  plan: list(text),
  history: list(
    text,
    object({ path: textOrNull, from: textOrNull, limit: { type: 'integer', minimum: 1, maximum: 1_000 } }),
  ),
  why: list(text, text),
  trashList: list(text),
  trashRestore: list(text, object({ path: text, item: textOrNull, as: textOrNull })),
  doctor: list(),
  recovery: list(textOrNull, flag),
} as const satisfies Record<keyof Operator, Schema>;

export type Method = keyof typeof METHOD_ARGUMENTS;

export const API_PREFIX = '/api/v1';
