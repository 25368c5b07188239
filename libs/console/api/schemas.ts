/**
 * Schemas: every value of the API, once. The document that browsers and programs read, the
 * check of what comes in and the shape of what goes out are all made of these; the compiler
 * holds them to the ports' own types.
 */
import { type Static, type TObject, type TProperties, type TSchema, Type } from '@sinclair/typebox';
import type {
  ActionRow,
  ConflictRow,
  ContentPreview,
  EventRow,
  FleetView,
  PairLive,
  PairRow,
  ProcessRow,
  ThroughputPoint,
} from '#ports/desk.ts';
import type {
  Check,
  ConflictView,
  DeletesAnswer,
  FleetStatus,
  HeldDeleteView,
  LimitView,
  PairStatus,
  PairView,
  PlanItem,
  ProblemsRetryView,
  ProblemView,
  RecoveryView,
  StoreView,
  SyncProgress,
  SyncTicket,
  TrashView,
  WhyView,
} from '#ports/operator.ts';

/** Compiles only while the schema says what the port's type says. */
type Exact<Port, Schema extends TSchema> = Static<Schema> extends Port ? Schema : never;
function as<Port>() {
  return <Schema extends TSchema>(schema: Exact<Port, Schema>): Schema => schema;
}

const object = <Properties extends TProperties>(properties: Properties): TObject<Properties> =>
  Type.Object(properties, { additionalProperties: false });
const orNull = <Schema extends TSchema>(schema: Schema) => Type.Union([schema, Type.Null()]);
const words = <const Words extends readonly string[]>(...all: Words) =>
  Type.Unsafe<Words[number]>({ type: 'string', enum: all });
const text = Type.String();
const count = Type.Integer({ minimum: 0 });
const size = Type.Number({ minimum: 0 });
const textMap = Type.Record(Type.String(), Type.String());

export const CONDITIONS = ['in-sync', 'syncing', 'deletes-held', 'paused', 'disabled', 'starting'] as const;
export const conditionSchema = words(...CONDITIONS);

export const errorSchema = object({ error: object({ code: text, message: text }) });

const disabled = orNull(object({ code: text, reason: text, at: text }));
const retention = object({ days: orNull(count), bytes: orNull(size) });
const pairFields = {
  name: text,
  condition: conditionSchema,
  folder: text,
  volume: text,
  store: text,
  container: text,
  policies: textMap,
  excludes: Type.Array(text),
  retention,
  disabled,
  notes: Type.Array(text),
};
const heldDeletes = orNull(
  object({ names: count, because: words('mass-delete', 'fleet-stop'), since: text }),
);

export const storeView = as<StoreView>()(
  object({ name: text, kind: words('pithos', 'swift', 's3'), url: text, secret: text, options: textMap }),
);
export const limitView = as<LimitView>()(
  object({
    store: orNull(text),
    pair: orNull(text),
    bytesPerSecond: orNull(size),
    requestsPerSecond: orNull(size),
    timetable: orNull(text),
    isHolding: Type.Boolean(),
  }),
);
export const pairView = as<PairView>()(object(pairFields));
export const pairStatus = as<PairStatus>()(
  object({
    ...pairFields,
    files: count,
    directories: count,
    bytes: size,
    candidates: count,
    decisions: count,
    decisionBytes: size,
    problems: count,
    heldDeletes,
  }),
);
export const fleetStatus = as<FleetStatus>()(
  object({
    pairs: Type.Array(pairStatus),
    fleetStop: orNull(object({ pairs: Type.Array(text), since: text })),
    queues: Type.Array(object({ queue: text, state: text, jobs: count })),
  }),
);
export const problemView = as<ProblemView>()(
  object({
    pair: text,
    name: text,
    code: text,
    text,
    firstSeenAt: text,
    lastSeenAt: text,
    attempts: count,
    nextAttemptAt: orNull(text),
  }),
);
export const problemsRetryView = as<ProblemsRetryView>()(object({ pair: text, names: count }));
export const conflictAnswer = words('keep-upstream', 'keep-mine', 'keep-both');
const givenAnswer = orNull(object({ answer: conflictAnswer, actor: text, at: text }));
export const conflictView = as<ConflictView>()(
  object({ id: text, pair: text, text, name: text, at: text, answer: givenAnswer, isOpen: Type.Boolean() }),
);
export const planItem = as<PlanItem>()(object({ name: text, action: text, reason: text, bytes: size }));
const historyFields = { at: text, kind: text, side: orNull(text), serial: orNull(text), text };
export const trashView = as<TrashView>()(
  object({
    item: text,
    name: text,
    side: text,
    kind: text,
    locator: text,
    size,
    displacedAt: text,
    expiresAt: text,
  }),
);
export const whyView = as<WhyView>()(
  object({
    name: text,
    local: text,
    remote: text,
    sync: text,
    decision: orNull(text),
    problem: orNull(text),
    kept: Type.Array(trashView),
    history: Type.Array(object(historyFields)),
  }),
);
export const heldDeleteView = as<HeldDeleteView>()(
  object({
    name: text,
    side: text,
    size: orNull(size),
    since: text,
    because: words('mass-delete', 'fleet-stop'),
  }),
);
export const deletesAnswer = as<DeletesAnswer>()(
  object({ pair: text, answer: words('approved', 'reverted'), names: count }),
);
const unreachable = object({
  name: text,
  side: text,
  kind: text,
  locator: text,
  size,
  displacedAt: text,
  text,
});
export const recoveryView = as<RecoveryView>()(
  object({
    pair: text,
    isWhole: Type.Boolean(),
    checked: count,
    missing: Type.Array(unreachable),
    untold: Type.Array(unreachable),
    failure: orNull(text),
  }),
);
export const syncTicket = as<SyncTicket>()(object({ pair: text, scan: text, poll: text, since: text }));
export const syncProgress = as<SyncProgress>()(
  object({
    quiet: Type.Boolean(),
    paused: Type.Boolean(),
    disabled: orNull(object({ code: text, reason: text })),
    scanDone: Type.Boolean(),
    pollDone: Type.Boolean(),
    filesDone: count,
    bytesDone: size,
    filesToDo: count,
    bytesToDo: size,
    problems: count,
    heldDeletes: count,
  }),
);
export const check = as<Check>()(object({ name: text, ok: Type.Boolean(), text }));

export const fleetView = as<FleetView>()(
  object({
    pairs: count,
    problems: count,
    conditions: object({
      'in-sync': count,
      syncing: count,
      'deletes-held': count,
      paused: count,
      disabled: count,
      starting: count,
    }),
    bytesRate: size,
    filesRate: size,
  }),
);
export const throughputPoint = as<ThroughputPoint>()(object({ at: count, files: count, bytes: size }));
export const pairRow = as<PairRow>()(
  object({
    name: text,
    condition: conditionSchema,
    disabledReason: orNull(text),
    folder: text,
    store: text,
    container: text,
    toDo: count,
    problems: count,
    heldDeletes: count,
    lagSeconds: orNull(count),
    files: orNull(count),
    bytes: orNull(size),
    rate: size,
  }),
);
export const pairLive = as<PairLive>()(
  object({
    name: text,
    condition: conditionSchema,
    disabledReason: orNull(text),
    files: orNull(count),
    directories: orNull(count),
    bytes: orNull(size),
    problems: count,
    heldDeletes,
    progress: object({
      filesDone: count,
      bytesDone: size,
      filesToDo: count,
      bytesToDo: size,
      bytesRate: size,
      filesRate: size,
      etaSeconds: orNull(count),
    }),
    lagSeconds: orNull(count),
    active: Type.Array(object({ name: text, action: text, size })),
    lastEvent: orNull(text),
  }),
);
const conflictSide = object({
  name: text,
  from: words('here', 'upstream'),
  size: orNull(size),
  modifiedAt: orNull(text),
  isDirectory: Type.Boolean(),
});
export const conflictRow = as<ConflictRow>()(
  object({
    id: text,
    at: text,
    text,
    winner: conflictSide,
    copy: conflictSide,
    answer: givenAnswer,
    isOpen: Type.Boolean(),
  }),
);
export const contentPreview = as<ContentPreview>()(
  Type.Union([
    object({ kind: Type.Literal('text'), text, isWhole: Type.Boolean() }),
    object({ kind: Type.Literal('image'), type: text, base64: text }),
    object({ kind: Type.Literal('none'), reason: text }),
  ]),
);
export const eventRow = as<EventRow>()(
  object({ id: text, name: orNull(text), files: Type.Integer(), ...historyFields }),
);
export const processRow = as<ProcessRow>()(
  object({
    id: text,
    app: text,
    host: text,
    pid: count,
    version: text,
    volumes: Type.Array(text),
    uptimeSeconds: count,
    silentSeconds: count,
    concurrency: count,
    busy: count,
    holds: count,
    pairs: Type.Array(text),
    rss: size,
    loopLagMs: count,
    condition: words('working', 'draining', 'silent'),
  }),
);
export const actionRow = as<ActionRow>()(
  object({ at: text, actor: text, verb: text, pair: orNull(text), text }),
);
export const heldDeleteRow = object({ name: text, side: text, size: orNull(size), since: text });

export const pageOf = <Item extends TSchema>(item: Item) =>
  object({ items: Type.Array(item), next: orNull(text) });

/** A name of a pair, a path below a folder, or what the page before gave: nothing longer is one. */
export const label = Type.String({ minLength: 1, maxLength: 63 });
export const path = Type.String({ minLength: 1, maxLength: 4096 });
export const pageQuery = {
  from: Type.Optional(Type.String({ maxLength: 4096 })),
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 200, default: 50 })),
};
export { object, Type };
