/**
 * Commit: pull on S3. Where the store enforces conditions, one conditional PUT is the whole commit. Where it
 * does not: look, write, then see in the versions of the key what else appeared meanwhile and went out of
 * sight; that is rescued. Without versions only a second look is left.
 */
import type { Name } from '#core/name.ts';
import type { RemoteState } from '#core/state.ts';
import { NOTHING_DISPLACED, type RecoveryPointer } from '#ports/commit.ts';
import { type Staged, StaleContent } from '#ports/content.ts';
import { asHoldfastError, HoldfastError } from '#ports/errors.ts';
import type { Twin } from '#ports/object-store.ts';
import { sendParts, sentWhenPut } from './assembly.ts';
import { type CommitContext, look, type Order, type Outcome } from './commit-context.ts';
import { keepAppeared, keepCurrent, knownVersions, pointerTo, pointerToBase } from './displaced.ts';
import { isImplied, matches, staleOutcome } from './expectation.ts';
import { readIdentity } from './facts.ts';
import { giveUp } from './give-up.ts';
import { digestInTag, type ObjectHead, orderMark, stateOf } from './heads.ts';
import { keyOf } from './names.ts';
import { copyTwin, twinFor } from './twin.ts';
import { type LargeContent, prepareUpload, type Upload, type UploadFacts } from './upload.ts';
import type { Written } from './written.ts';

/** @throws HoldfastError container-missing, content-too-large, content-mismatch, name-unsyncable and as every request */
export async function pull(
  context: CommitContext,
  name: Name,
  content: Staged,
  order: Order,
  hint?: Twin,
): Promise<Outcome> {
  try {
    const sizes = context.capabilities.resumesUploads ? context.sizes : null;
    const prepared = await prepareUpload(content, sizes);
    if (prepared.goes === 'in-parts') return await pullInParts(context, name, prepared.large, order, hint);
    return await commit(context, name, prepared.upload, order, hint);
  } catch (thrown) {
    return staleSource(thrown);
  }
}

/** Nothing is sent for a decision that no longer holds. What the parts are joined to is committed like any other content. */
async function pullInParts(
  context: CommitContext,
  name: Name,
  large: LargeContent,
  order: Order,
  hint: Twin | undefined,
): Promise<Outcome> {
  const { client, capabilities } = context;
  const before = await look(client, name);
  if (isOurs(before, large)) return settleEarlier(context, name, large, order, before);
  if (!matches(before, order.expected)) {
    if (before === null) await readIdentity(client);
    if (before !== null || !isImplied(order.expected)) return stale(context, name, order, before);
  }
  const send = (): Promise<Upload> => sendParts(context, keyOf(name, 'file'), large, order);
  const mayCopy = twinFor(capabilities, large, order, hint) !== null;
  // Sent before the look that the write goes by, unless a copy may spare it.
  const upload = mayCopy ? sentWhenPut(large, send) : await send();
  const unguarded = { ...capabilities, createOnly: 'ignored', replaceIf: 'ignored' } as const;
  const guards = capabilities.guardsLarge ? context : { ...context, capabilities: unguarded };
  return commit(guards, name, upload, order, hint);
}

async function commit(
  context: CommitContext,
  name: Name,
  upload: Upload,
  order: Order,
  hint: Twin | undefined,
): Promise<Outcome> {
  const { client, capabilities } = context;
  const { expected } = order;
  // A file is created without a look: whatever is there refuses it.
  const isPlainCreate = expected.kind === 'absent' && upload.kind === 'file';
  const twin = twinFor(capabilities, upload, order, hint);
  if (twin !== null && capabilities.copyCreateOnly === 'enforced')
    return write(context, name, upload, order, { ...NOTHING, twin });
  if (isPlainCreate && twin === null && capabilities.createOnly === 'enforced')
    return write(context, name, upload, order, NOTHING);
  const isGuarded =
    twin === null && capabilities.createOnly === 'enforced' && capabilities.replaceIf === 'enforced';
  // Before the look: what appears in between is then told from what was there.
  const known = isGuarded ? NOTHING.known : await knownVersions(context, keyOf(name, upload.kind));
  // As for a plain create, a marker of the name is no matter.
  const before = twin === null ? await look(client, name) : await client.head(name);
  if (isOurs(before, upload)) return settleEarlier(context, name, upload, order, before);
  if (matches(before, expected)) return write(context, name, upload, order, { before, known, twin });
  if (before === null) {
    await readIdentity(client);
    if (isImplied(expected)) return write(context, name, upload, order, { before, known, twin });
  }
  return stale(context, name, order, before);
}

function staleSource(thrown: unknown): Outcome {
  if (!(thrown instanceof StaleContent)) throw thrown;
  return { result: 'stale', reason: thrown.message, ...NOTHING_DISPLACED };
}

function isOurs(head: ObjectHead | null, { kind, size, md5 }: UploadFacts): head is ObjectHead {
  if (head === null || head.kind !== kind) return false;
  return kind === 'directory' || (head.size === size && head.md5 === md5);
}

interface Base {
  /** What was seen at the name just now; null for a create. */
  readonly before: ObjectHead | null;
  /** Versions of the key, as of a moment before that; none where the store guards its writes. */
  readonly known: ReadonlySet<string>;
  /** What is copied instead of sending the bytes. */
  readonly twin: Twin | null;
}

const NOTHING: Base = { before: null, known: new Set(), twin: null };

async function write(
  context: CommitContext,
  name: Name,
  upload: Upload,
  order: Order,
  { before, known, twin }: Base,
): Promise<Outcome> {
  const copies = before === null ? [] : await keepCurrent(context, name, order, before);
  const replaced = before?.kind === upload.kind ? before : null;
  const other = replaced === null ? before : null;
  let put: Put;
  let copied: Put | null = null;
  try {
    copied = twin === null ? null : await putCopy(context, name, upload, order, twin, known);
    put = copied ?? (await putGuarded(context, name, upload, order, replaced, known));
    if (other !== null) put = await putBeside(context, name, upload, order, other, put);
    if (put.result === 'refused' && before === null)
      put = await putAfterDelete(context, name, upload, order, put);
  } catch (thrown) {
    const source = upload.sourceFailure();
    if (source !== null) return staleSource(source);
    return settleUnknown(context, name, upload, order, asHoldfastError(thrown));
  }
  switch (put.result) {
    case 'failed':
      return settleUnknown(context, name, upload, order, put.failure);
    case 'in-the-way':
      return { result: 'blocked', reason: BLOCKED[put.which] };
    case 'refused':
      return refused(context, name, upload, order, copies);
    case 'done':
      assertArrived(context, put.etag, upload);
      return told(
        await settle(context, name, upload, order, { before, copies, ...put }),
        put === copied && twin,
      );
  }
}

/** Tells where content came from that did not travel. */
function told(outcome: Outcome, twin: Twin | null | false): Outcome {
  return twin && outcome.result === 'applied' ? { ...outcome, copiedFrom: twin.name } : outcome;
}

/** @returns null where the bytes have to be sent after all. */
async function putCopy(
  context: CommitContext,
  name: Name,
  upload: Upload,
  order: Order,
  twin: Twin,
  known: ReadonlySet<string>,
): Promise<Put | null> {
  const copied = await copyTwin(context, name, upload, order, twin);
  const isGuarded = context.capabilities.copyCreateOnly === 'enforced';
  return copied?.result === 'done' ? { ...copied, isGuarded, known } : copied;
}

const BLOCKED = { ancestor: 'ancestor-not-directory', contents: 'directory-not-empty' } as const;

type Put = (Extract<Written, { result: 'done' }> & Judged) | Exclude<Written, { result: 'done' }>;

interface Judged {
  /** The store itself made sure of what was replaced. */
  readonly isGuarded: boolean;
  /** Versions of the key before the write, where the store did not. */
  readonly known: ReadonlySet<string>;
}

/**
 * The second half of a change between file and directory, which are two keys: the other one goes. A store that
 * holds only one of them refused the first half; then the other one has to go before it.
 */
async function putBeside(
  context: CommitContext,
  name: Name,
  upload: Upload,
  order: Order,
  other: ObjectHead,
  put: Put,
): Promise<Put> {
  if (put.result === 'failed') return put;
  const there = put.result === 'refused' ? await context.client.head(keyOf(name, upload.kind)) : null;
  if (there !== null && !isOurs(there, upload)) return put;
  if (!(await drop(context, name, other))) return { result: 'refused' };
  if (put.result === 'done') return put;
  // An earlier attempt made the first half.
  if (there !== null)
    return { result: 'done', isGuarded: true, ...NOTHING, etag: there.etag, version: there.version };
  return putGuarded(context, name, upload, order, null, NOTHING.known);
}

/** Some stores take a delete marker for an object and refuse to create over it: the versions then show what was displaced. */
async function putAfterDelete(
  context: CommitContext,
  name: Name,
  upload: Upload,
  order: Order,
  put: Put,
): Promise<Put> {
  if (!context.capabilities.versions) return put;
  const { client } = context;
  const key = keyOf(name, upload.kind);
  const known = await knownVersions(context, key);
  if ((await look(client, name)) !== null) return put;
  const written = await upload.put(client, key, orderMark(order.serial), {});
  return written.result === 'done' ? { ...written, isGuarded: false, known } : written;
}

async function putGuarded(
  context: CommitContext,
  name: Name,
  upload: Upload,
  order: Order,
  replaced: ObjectHead | null,
  known: ReadonlySet<string>,
): Promise<Put> {
  const { client, capabilities } = context;
  const guard = replaced === null ? capabilities.createOnly : capabilities.replaceIf;
  const isGuarded = guard === 'enforced';
  const key = keyOf(name, upload.kind);
  const condition: Record<string, string> =
    replaced === null ? { 'if-none-match': '*' } : { 'if-match': `"${replaced.etag}"` };
  const sent = guard === 'ignored' ? {} : condition;
  const written = await upload.put(client, key, orderMark(order.serial), sent);
  return written.result === 'done' ? { ...written, isGuarded, known } : written;
}

/** Removes the file or marker that gives way to the other kind. @returns false when it is no longer what it was. */
async function drop(
  { client, capabilities }: CommitContext,
  name: Name,
  other: ObjectHead,
): Promise<boolean> {
  const key = keyOf(name, other.kind === 'directory' ? 'directory' : 'file');
  const removed = await client.remove(
    key,
    capabilities.deleteIf === 'ignored' ? {} : { ifMatch: other.etag },
  );
  if (removed.result === 'failed') throw removed.failure;
  return removed.result === 'done' || (await client.head(key)) === null;
}

function assertArrived({ capabilities }: CommitContext, etag: string, upload: Upload): void {
  const digest = capabilities.listsDigests ? digestInTag(etag) : null;
  if (digest === null || digest === upload.md5) return;
  throw new HoldfastError('content-mismatch', 'the store received other bytes than were sent');
}

interface Effect extends Judged {
  readonly before: ObjectHead | null;
  /** Of ours; null where there are no versions. */
  readonly version: string | null;
  readonly copies: readonly Name[];
}

/** Judges a write that happened. */
async function settle(
  context: CommitContext,
  name: Name,
  upload: Upload,
  order: Order,
  { before, version, isGuarded, known, copies }: Effect,
): Promise<Outcome> {
  const { client, capabilities } = context;
  const recovery = pointerTo(context, before, order.expected);
  if (isGuarded) {
    const state = await writtenState(context, name, upload, version);
    return applied(state, upload, copies, recovery);
  }
  let kept = copies;
  if (capabilities.versions) {
    const key = keyOf(name, upload.kind);
    const oursId = version ?? (await versionWritten(context, name, upload));
    kept = [...copies, ...(await keepAppeared(context, name, key, known, oursId, order, upload))];
  }
  const there = await look(client, name);
  if (isOurs(there, upload)) return applied(stateOf(there), upload, kept, recovery);
  return { ...staleOutcome(there, order.expected), conflictCopies: kept, recovery };
}

/** Some stores do not tell the version that parts were joined to; null as well where something else is current by now. */
async function versionWritten({ client }: CommitContext, name: Name, upload: Upload): Promise<string | null> {
  const there = await look(client, name);
  return isOurs(there, upload) ? there.version : null;
}

/** The state that a probe then finds, so that it decides nothing (invariant 11). */
async function writtenState(
  { client }: CommitContext,
  name: Name,
  upload: Upload,
  version: string | null,
): Promise<RemoteState> {
  if (upload.kind === 'directory') return { kind: 'directory', version };
  const { size, md5: hash, mtimeNs } = upload;
  if (mtimeNs !== null) return { kind: 'file', size, hash, version, mtimeNs };
  const there = await client.head(name, version ?? undefined);
  return { kind: 'file', size, hash, version, mtimeNs: there?.mtimeNs ?? null };
}

/** Something else is there, or was for a moment. */
async function refused(
  context: CommitContext,
  name: Name,
  upload: Upload,
  order: Order,
  copies: readonly Name[],
): Promise<Outcome> {
  const there = await look(context.client, name);
  const outcome = isOurs(there, upload)
    ? await settleEarlier(context, name, upload, order, there)
    : await stale(context, name, order, there);
  return withCopies(outcome, copies);
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

/** The answer did not tell whether the write happened, so the object is asked. One still under way is met by the next attempt. */
async function settleUnknown(
  context: CommitContext,
  name: Name,
  upload: Upload,
  order: Order,
  failure: HoldfastError,
): Promise<Outcome> {
  if (failure.grade !== 'transient' || failure.code === 'content-mismatch') throw failure;
  const there = await look(context.client, name);
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
  const { kind } = order.expected;
  if (upload.kind === 'file' && kind === 'directory') {
    const marker = await context.client.head(keyOf(name, 'directory'));
    if (marker?.kind === 'directory') await drop(context, name, marker);
  }
  const earlier = await giveUp(context, name, 'pull', order);
  if (earlier.result === 'applied') return earlier;
  return applied(stateOf(there), upload, [], await pointerToBase(context, name, order));
}

function applied(
  state: RemoteState,
  upload: UploadFacts,
  copies: readonly Name[],
  recovery: RecoveryPointer | null,
): Outcome {
  const hash = upload.kind === 'file' ? upload.md5 : null;
  const conflictCopies = [...new Set(copies)];
  return { result: 'applied', state, hash, madeDirectories: [], conflictCopies, recovery };
}

function withCopies(outcome: Outcome, copies: readonly Name[]): Outcome {
  if (outcome.result === 'blocked' || copies.length === 0) return outcome;
  return { ...outcome, conflictCopies: [...new Set([...copies, ...outcome.conflictCopies])] };
}
