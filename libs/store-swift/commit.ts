/**
 * Commit: pull on Swift, which has no lock and no compare-and-set. Look, write, then prove by
 * the history of the name that ours is current and that only the base lies below it; what lies
 * between lost without anyone deciding so and is rescued. Without versions only a second look is left.
 */
import type { Name } from '#core/name.ts';
import type { RemoteState } from '#core/state.ts';
import type { HttpResponse } from '#libs/http/client.ts';
import { NOTHING_DISPLACED } from '#ports/commit.ts';
import { type Staged, StaleContent } from '#ports/content.ts';
import { asHoldfastError, HoldfastError } from '#ports/errors.ts';
import type { Twin } from '#ports/object-store.ts';
import { type Client, isLongName, tooLong } from './client.ts';
import type { CommitContext, Order, Outcome } from './commit-context.ts';
import { keepBase, keepBetween, keepCurrent, pointerTo } from './displaced.ts';
import { isBase, matches, staleOutcome } from './expectation.ts';
import { giveUp } from './give-up.ts';
import {
  kindOf,
  type Manifest,
  META_ORDER,
  manifestMark,
  type ObjectHead,
  objectHead,
  stateOf,
} from './heads.ts';
import type { Row } from './listing.ts';
import { sendSegments } from './segments.ts';
import { type LargeContent, prepareUpload, type Upload, type UploadFacts } from './upload.ts';
import { listVersions, listVersionsShowing, timestampOf, type Version } from './versions.ts';

/** A refused create of this size or more is looked at first: its bytes would travel for nothing. */
const LOOK_FIRST_BYTES = 256 * 1024;

/** @throws HoldfastError container-missing, content-too-large, content-mismatch, name-unsyncable and as every request */
export async function pull(
  context: CommitContext,
  name: Name,
  content: Staged,
  order: Order,
  hint?: Twin,
): Promise<Outcome> {
  try {
    const prepared = await prepareUpload(content, context.sizes);
    if (prepared.goes === 'in-segments') return await pullLarge(context, name, prepared.large, order, hint);
    const { upload } = prepared;
    const creates = order.expected.kind === 'absent';
    const twin = twinFor(context, upload, order, hint);
    if (creates && twin === null && context.refusesCreates && upload.size < LOOK_FIRST_BYTES)
      return await write(context, name, upload, order, null);
    const done = await commitByLook(context, name, upload, order, twin);
    return done.kind === 'done' ? done.outcome : await write(context, name, upload, order, done.before);
  } catch (thrown) {
    return staleSource(thrown);
  }
}

/** Nothing is sent for a decision that no longer holds; and as sending takes long, the name is looked at again after it. */
async function pullLarge(
  context: CommitContext,
  name: Name,
  large: LargeContent,
  order: Order,
  hint: Twin | undefined,
): Promise<Outcome> {
  const done = await commitByLook(context, name, large, order, twinFor(context, large, order, hint));
  if (done.kind === 'done') return done.outcome;
  const upload = await sendSegments(context, large);
  const now = await commitByLook(context, name, upload, order, null);
  return now.kind === 'done' ? now.outcome : write(context, name, upload, order, now.before);
}

type Look =
  | { readonly kind: 'done'; readonly outcome: Outcome }
  /** What was seen is the base; null for a create. */
  | { readonly kind: 'to-write'; readonly before: ObjectHead | null };

/** What a look at the name settles without a byte being sent. */
async function commitByLook(
  context: CommitContext,
  name: Name,
  upload: UploadFacts,
  order: Order,
  twin: Twin | null,
): Promise<Look> {
  const { client } = context;
  const before = await client.head(name);
  if (isOurs(before, upload)) {
    return { kind: 'done', outcome: await settleEarlier(context, name, upload, order, before) };
  }
  if (!matches(before, order.expected)) {
    if (before === null) await client.container();
    return { kind: 'done', outcome: await stale(context, name, order, before) };
  }
  const outcome = twin === null ? null : await copyTwin(context, name, upload, order, twin);
  return outcome === null ? { kind: 'to-write', before } : { kind: 'done', outcome };
}

function twinFor(
  context: CommitContext,
  upload: UploadFacts,
  { expected }: Order,
  hint: Twin | undefined,
): Twin | null {
  return expected.kind === 'absent' && context.versioned && isTwin(hint, upload) ? hint : null;
}

function isTwin(hint: Twin | undefined, upload: UploadFacts): hint is Twin {
  return upload.size > 0 && hint?.size === upload.size && hint.hash === upload.md5;
}

/**
 * Creates the name by a copy of the same bytes. A copy cannot be create-only: what slipped in since the look is found
 * among the versions, as after any write. @returns null when the twin is gone, or the store does not copy it.
 */
async function copyTwin(
  context: CommitContext,
  name: Name,
  upload: UploadFacts,
  order: Order,
  twin: Twin,
): Promise<Outcome | null> {
  const { client } = context;
  let version: string | null | undefined;
  try {
    const manifest = await twinManifest(context, upload, twin);
    const source = { version: twin.version, etag: twin.hash, manifest };
    const mark = manifest === null ? {} : manifestMark(upload.md5, manifest.tag);
    version = await client.copy(twin.name, source, name, { ...attributesOf(upload, order), ...mark });
  } catch (thrown) {
    if (asHoldfastError(thrown).grade === 'permanent') return null;
    return settleUnknown(context, name, upload, order, thrown);
  }
  if (version === undefined) return null;
  if (version === null) return settlePlain(context, name, upload, order, []);
  const outcome = await settle(context, name, upload, order, version, null);
  return outcome.result === 'applied' ? { ...outcome, copiedFrom: twin.name } : outcome;
}

/** A large twin may be a manifest; then no segment is touched. */
async function twinManifest(
  { client, sizes }: CommitContext,
  { size, md5 }: UploadFacts,
  { name, version }: Twin,
): Promise<Manifest | null> {
  if (sizes === null || size <= sizes.thresholdBytes) return null;
  const head = await client.head(name, version ?? undefined);
  return head?.etag === md5 && head.size === size ? head.manifest : null;
}

/** What a name is told beside its bytes; those have a length and a digest already. */
function attributesOf({ headers }: UploadFacts, order: Order): Record<string, string> {
  const { 'content-length': _length, etag: _etag, ...attributes } = headers;
  return { ...attributes, [META_ORDER]: String(order.serial) };
}

function staleSource(thrown: unknown): Outcome {
  if (!(thrown instanceof StaleContent)) throw thrown;
  return { result: 'stale', reason: thrown.message, ...NOTHING_DISPLACED };
}

function isOurs(head: ObjectHead | null, upload: UploadFacts): head is ObjectHead {
  return head !== null && head.kind === upload.kind && head.size === upload.size && head.etag === upload.md5;
}

/** @param before what was seen at the name just now and is the base; null for a create. */
async function write(
  context: CommitContext,
  name: Name,
  upload: Upload,
  order: Order,
  before: ObjectHead | null,
): Promise<Outcome> {
  const { client, versioned } = context;
  // The copy of what loses comes first: nobody may come back to make it once the source has moved on.
  const copies = before === null ? [] : await keepCurrent(context, name, order, before);
  const createOnly: Record<string, string> = before === null ? { 'if-none-match': '*' } : {};
  let response: HttpResponse;
  try {
    const mark = { [META_ORDER]: String(order.serial) };
    response = await upload.put(client, name, { ...mark, ...createOnly });
  } catch (thrown) {
    const source = upload.sourceFailure();
    if (source !== null) return staleSource(source);
    return settleUnknown(context, name, upload, order, thrown);
  }
  if (response.status === 412) return refused(context, name, upload, order, response);
  if (response.status !== 201) {
    const { version } = objectHead(response.headers);
    if (isOvertaken(response) && version !== null) await dropOrphan(client, name, version, upload);
    const failure = await putFailure(client, name, response, upload);
    return settleUnknown(context, name, upload, order, failure);
  }
  const answered = objectHead(response.headers);
  if (answered.etag !== upload.answer) {
    throw new HoldfastError('content-mismatch', 'the store received other bytes than were sent');
  }
  return versioned && answered.version !== null
    ? settle(context, name, upload, order, answered.version, before?.version ?? before?.timestamp ?? null)
    : settlePlain(context, name, upload, order, copies);
}

/** The store holds something newer by its own clock; the write became nobody's content. */
function isOvertaken(response: HttpResponse): boolean {
  return response.status === 202 || response.status === 409;
}

/** What an answer other than 201 and 412 means. */
async function putFailure(
  client: Client,
  name: Name,
  response: HttpResponse,
  upload: Upload,
): Promise<HoldfastError> {
  const failure = await response.failure();
  if (isOvertaken(response)) {
    return new HoldfastError('store-unavailable', 'the store took the write for older than what it holds');
  }
  if (response.status === 404) {
    await client.container();
    return new HoldfastError('store-unavailable', 'the container was missing for a moment');
  }
  if (response.status === 422) {
    return new HoldfastError('content-mismatch', 'the content changed on its way to the store');
  }
  if (response.status === 400 && upload.answer !== upload.md5 && !isLongName(name)) {
    return new HoldfastError(
      'store-unavailable',
      'the store misses segments of a manifest; they are sent again',
    );
  }
  if (isLongName(name) && (response.status === 400 || response.status === 503)) return tooLong(failure);
  return failure;
}

/** A 412 of a create: something is there. */
async function refused(
  context: CommitContext,
  name: Name,
  upload: Upload,
  order: Order,
  response: HttpResponse,
): Promise<Outcome> {
  const { client, versioned } = context;
  const orphan = objectHead(response.headers).version;
  if (versioned && orphan !== null) await dropOrphan(client, name, orphan, upload);
  const there = await client.head(name);
  if (isOurs(there, upload)) return settleEarlier(context, name, upload, order, there);
  return stale(context, name, order, there);
}

/** Something else is there; an earlier attempt may have displaced what nobody rescued. */
async function stale(
  context: CommitContext,
  name: Name,
  order: Order,
  there: ObjectHead | null,
): Promise<Outcome> {
  const earlier = await giveUp(context, name, 'pull', order);
  if (earlier.result !== 'applied') return earlier;
  const { conflictCopies, recovery } = earlier;
  return { ...staleOutcome(there, order.expected), conflictCopies, recovery };
}

/** With versioning the bytes of a refused write stay behind as a version that never was current. */
async function dropOrphan(client: Client, name: Name, id: string, upload: Upload): Promise<void> {
  const versions = await listVersions(client, name, (seen) => seen.some((version) => version.id <= id));
  const orphan = versions.find((version) => version.id === id);
  if (orphan === undefined || orphan.isLatest || orphan.etag !== upload.md5) return;
  // Left in place on failure: a stray version costs space, never content.
  await client.remove(name, id);
}

/**
 * The answer did not tell whether the write happened, so the object is asked. A write still
 * under way on the store's side is met by the next attempt.
 */
async function settleUnknown(
  context: CommitContext,
  name: Name,
  upload: UploadFacts,
  order: Order,
  thrown: unknown,
): Promise<Outcome> {
  const failure = asHoldfastError(thrown);
  if (failure.grade !== 'transient' || failure.code === 'content-mismatch') throw failure;
  const there = await context.client.head(name);
  if (isOurs(there, upload)) return settleEarlier(context, name, upload, order, there);
  if (matches(there, order.expected)) throw failure;
  return staleOutcome(there, order.expected);
}

/** The object already holds our content: an earlier attempt of this order, or someone else with the same bytes. */
async function settleEarlier(
  context: CommitContext,
  name: Name,
  upload: UploadFacts,
  order: Order,
  there: ObjectHead,
): Promise<Outcome> {
  if (!context.versioned || there.version === null) return applied(stateOf(there), upload, [], null);
  const versions = await listVersionsShowing(context, name, there.version, null);
  const oldest = oldestOfRun(versions, there.version, upload);
  const base = await findBase(context, name, order, oldest);
  if (order.expected.kind !== 'absent' && base === null) return applied(stateOf(there), upload, [], null);
  return settle(context, name, upload, order, oldest, base, stateOf(there));
}

/** Two attempts at once leave our content twice in a row: what they displaced lies below the older. */
function oldestOfRun(versions: readonly Version[], newestId: string, upload: UploadFacts): string {
  let oldest = newestId;
  for (const version of versions) {
    if (version.id >= oldest) continue;
    if (!isSame(version, upload)) break;
    oldest = version.id;
  }
  return oldest;
}

async function findBase(
  context: CommitContext,
  name: Name,
  order: Order,
  oursId: string,
): Promise<string | null> {
  const { expected } = order;
  if (expected.kind === 'absent' || expected.kind === 'unhandled') return null;
  if (expected.version !== null) return expected.version;
  const fits = (version: Version): boolean => version.id < oursId && isBase(version, expected);
  const versions = await listVersions(context.client, name, (seen) => seen.some(fits));
  return versions.find(fits)?.id ?? null;
}

/**
 * Judges a write that happened as version `oursId` over `baseId` (null: over nothing).
 * @param seen the current state when it was looked at already and has our content.
 */
async function settle(
  context: CommitContext,
  name: Name,
  upload: UploadFacts,
  order: Order,
  oursId: string,
  baseId: string | null,
  seen?: RemoteState,
): Promise<Outcome> {
  const { client } = context;
  const versions = await listVersionsShowing(context, name, oursId, baseId);
  const copies = await keepBetween(context, name, versions, oursId, baseId, order, upload);
  copies.push(...(await keepBase(context, name, baseId, order)));
  const recovery = pointerTo(baseId, order.expected);
  if (seen !== undefined) return applied(seen, upload, copies, recovery);
  // By its number, not by the listing's word for "current", which follows later.
  if (versions[0]?.id === oursId)
    return applied(writtenState(upload, oursId, oursId), upload, copies, recovery);
  const there = await client.head(name);
  if (there?.version === oursId || isOurs(there, upload))
    return applied(stateOf(there), upload, copies, recovery);
  return { ...staleOutcome(there, order.expected), conflictCopies: copies, recovery };
}

function isSame({ kind, size, etag }: Pick<Version, 'kind' | 'size' | 'etag'>, upload: UploadFacts): boolean {
  return kind === upload.kind && size === upload.size && etag === upload.md5;
}

async function settlePlain(
  context: CommitContext,
  name: Name,
  upload: UploadFacts,
  order: Order,
  copies: Name[],
): Promise<Outcome> {
  // Shows ours, or is behind: then the object itself is asked.
  const [row] = (await context.objects.read(name)) ?? [];
  if (row !== undefined && !row.isManifest && !row.isLink && isSame(rowContent(row), upload))
    return applied(writtenState(upload, timestampOf(row)), upload, copies, null);
  const there = await context.client.head(name);
  if (isOurs(there, upload)) return applied(stateOf(there), upload, copies, null);
  return { ...staleOutcome(there, order.expected), conflictCopies: copies };
}

function rowContent(row: Row): Pick<Version, 'kind' | 'size' | 'etag'> {
  return { kind: kindOf(row.contentType, row.bytes), size: row.bytes, etag: row.hash };
}

function writtenState(upload: UploadFacts, timestamp: string, versionId: string | null = null): RemoteState {
  const version: Record<string, string> = versionId === null ? {} : { 'x-object-version-id': versionId };
  const etag = upload.md5;
  return stateOf(objectHead({ ...upload.headers, ...version, etag, 'x-timestamp': timestamp }));
}

function applied(
  state: RemoteState,
  upload: UploadFacts,
  conflictCopies: readonly Name[],
  recovery: ReturnType<typeof pointerTo>,
): Outcome {
  const hash = upload.kind === 'file' ? upload.md5 : null;
  return { result: 'applied', state, hash, madeDirectories: [], conflictCopies, recovery };
}
