/**
 * Commit: writes under a name by pithos-api section 4.9. The store checks a precondition before
 * it takes its lock, so every write carries one and is verified afterwards: the version below
 * ours must be the one we meant to replace; whatever slipped in between is rescued as a conflict
 * copy. Each write is marked with its order, so that a repeat after a crash knows its own work.
 */
import type { Name } from '#core/name.ts';
import type { RemoteState } from '#core/state.ts';
import {
  type CommitOrder,
  type CommitOutcome,
  NOTHING_DISPLACED,
  type RecoveryPointer,
} from '#ports/commit.ts';
import type { Staged } from '#ports/content.ts';
import { HoldfastError } from '#ports/errors.ts';
import type { Log } from '#ports/log.ts';
import type { Twin } from '#ports/object-store.ts';
import { containerMissing, type Guard, type PithosClient } from './client.ts';
import { type BlockPlan, NO_BLOCKS, planBlocks, uploadBlocks } from './upload.ts';
import {
  type ContentIdentity,
  DIRECTORY_TYPE,
  FILE_TYPE,
  formatMode,
  formatMtime,
  isContentOf,
  META_MODE,
  META_MTIME,
  META_ORDER,
  type ObjectFacts,
  sameIdentity,
  stateOf,
} from './wire.ts';

export type Order = CommitOrder<RemoteState>;
export type Outcome = CommitOutcome<RemoteState>;

export interface CommitContext {
  readonly client: PithosClient;
  readonly log: Log;
  readonly blockSize: number;
  /** Displaced content stays readable as a version. */
  readonly isVersioned: boolean;
}

/** What a pull is about to write. */
interface Draft extends ContentIdentity {
  readonly kind: 'file' | 'directory';
  readonly plan: BlockPlan;
  readonly mtimeNs: bigint | null;
  readonly meta: Readonly<Record<string, string>>;
  /** Whether the store lacked any of its blocks. */
  isSent: boolean;
}

/** Rounds of "these blocks are missing": more than one only when blocks vanish or bodies are damaged. */
const MAX_BLOCK_ROUNDS = 3;
/** How far back the work of an earlier attempt is looked for. */
const MAX_VERSIONS_SEARCHED = 20;
const MAX_CONFLICT_ATTEMPTS = 50;

/**
 * Writes the content if the store still holds `order.expected` (recipe 1).
 * @throws HoldfastError container-missing, store-quota, transient ones when nothing is known to have happened.
 * @throws StaleContent when the source moved on; then nothing is visible of it.
 */
export async function commitContent(
  context: CommitContext,
  name: Name,
  content: Staged,
  order: Order,
  twin?: Twin,
): Promise<Outcome> {
  const draft = await draftOf(context, content);
  const outcome = await commitDraft(context, name, content, order, draft);
  // The store is asked for no block that it has, so that nothing is to be copied.
  const isTwin = !draft.isSent && draft.bytes > 0 && twin?.size === draft.bytes && twin.hash === draft.hash;
  return isTwin && outcome.result === 'applied' ? { ...outcome, copiedFrom: twin.name } : outcome;
}

async function commitDraft(
  context: CommitContext,
  name: Name,
  content: Staged,
  order: Order,
  draft: Draft,
): Promise<Outcome> {
  const { expected } = order;
  const current = expected.kind === 'absent' ? null : await context.client.head(name);
  if (expected.kind !== 'absent') {
    const settled = await outcomeOfCurrent(context, name, order, draft, current);
    if (settled !== null) return settled;
  }
  const isRecorded = current !== null && 'version' in expected && expected.version === `${current.version}`;
  const earlier = isRecorded ? null : await earlierAttempts(context, name, order);
  // Without an object, as where only its contents imply a directory, there is none to replace.
  const position: Position =
    current === null
      ? { below: earlier?.newest ?? 0, guard: { onlyIfAbsent: true }, base: null }
      : { below: current.version, guard: { onlyIfTag: current.tag }, base: current };
  return withCopies(await write(context, name, content, order, draft, position), earlier?.copies ?? []);
}

async function draftOf(context: CommitContext, content: Staged): Promise<Draft> {
  const meta: Record<string, string> = {};
  if (content.mtimeNs !== null) meta[META_MTIME] = formatMtime(content.mtimeNs);
  if (content.mode !== null) meta[META_MODE] = formatMode(content.kind, content.mode);
  const plan = content.kind === 'file' ? await planBlocks(content, context.blockSize) : NO_BLOCKS;
  const { kind, mtimeNs } = content;
  return { kind, hash: plan.hash, bytes: plan.bytes, plan, mtimeNs, meta, isSent: false };
}

interface Position {
  /** Serial of the newest version that the write may displace without a rescue; 0 for none. */
  readonly below: number;
  readonly guard: Guard;
  /** What is replaced; null when nothing is. */
  readonly base: ObjectFacts | null;
}

async function write(
  context: CommitContext,
  name: Name,
  content: Staged,
  order: Order,
  draft: Draft,
  position: Position,
): Promise<Outcome> {
  const copies: Name[] = [];
  if (order.displaced === 'conflict-copy' && position.base?.kind === 'file') {
    copies.push(...(await keepCopy(context, name, position.base.version, order)));
  }
  const version = await putDraft(context, name, content, order, draft, position);
  if (version === 'refused') {
    const current = await context.client.head(name);
    const settled = await outcomeOfCurrent(context, name, order, draft, current);
    return withCopies(
      settled ?? (await stale(context, name, order, 'another writer was at this name')),
      copies,
    );
  }
  copies.push(...(await rescueBetween(context, name, version, position.below, order, draft)));
  const state = await writtenState(context, name, draft, version);
  return applied(context, order, draft, state, position.below, copies);
}

/** The outcome with copies that were made on the way to it. */
export function withCopies(outcome: Outcome, copies: readonly Name[]): Outcome {
  if (outcome.result === 'blocked' || copies.length === 0) return outcome;
  return { ...outcome, conflictCopies: [...new Set([...copies, ...outcome.conflictCopies])] };
}

/** The PUT with its block rounds. An unknown outcome is looked up before it is reported as failure (recipe 4). */
async function putDraft(
  context: CommitContext,
  name: Name,
  content: Staged,
  order: Order,
  draft: Draft,
  position: Position,
): Promise<number | 'refused'> {
  const { client } = context;
  const mark = markOf(order, position.below);
  const put = {
    map: { bytes: draft.bytes, hashes: draft.plan.hashes },
    contentType: draft.kind === 'directory' ? DIRECTORY_TYPE : FILE_TYPE,
    meta: { ...draft.meta, [META_ORDER]: mark },
    guard: position.guard,
  };
  for (let round = 0; round <= MAX_BLOCK_ROUNDS; round += 1) {
    try {
      const result = await client.putHashmap(name, put);
      if (result.result === 'created') return result.version;
      if (result.result === 'refused') return 'refused';
      if (content.kind === 'directory') break;
      draft.isSent = true;
      await uploadBlocks(client, content, draft.plan, result.hashes);
    } catch (error) {
      if (!mayHaveHappened(error)) throw error;
      const current = await client.head(name);
      if (current !== null && sameIdentity(current, draft) && current.mark === mark) return current.version;
      throw error;
    }
  }
  throw new HoldfastError(
    'store-protocol',
    `container ${client.container}: blocks of ${name} were uploaded, but the store still misses some`,
  );
}

export function mayHaveHappened(error: unknown): boolean {
  // Any status may follow a commit, since quota is confirmed after it (pithos-api section 4.9, recipe 4).
  return error instanceof HoldfastError && error.code.startsWith('store-');
}

function markOf(order: Order, below: number): string {
  return `${order.serial}-${below}`;
}

/** The version that a marked write was to replace; null when this order did not write it. */
function baseInMark(facts: ObjectFacts, order: Order): number | null {
  const [serial, base] = facts.mark?.split('-') ?? [];
  return serial === String(order.serial) && base !== undefined && /^\d+$/.test(base) ? Number(base) : null;
}

/** What is to be said when the name holds `current`; null when the write may go ahead. */
async function outcomeOfCurrent(
  context: CommitContext,
  name: Name,
  order: Order,
  draft: Draft,
  current: ObjectFacts | null,
): Promise<Outcome | null> {
  if (current !== null && sameIdentity(current, draft))
    return alreadyThere(context, name, order, draft, current);
  if (current === null && (await context.client.headContainer()) === null) {
    throw containerMissing(context.client.container);
  }
  const isImplied =
    order.expected.kind === 'directory' && current === null && order.expected.version === null;
  if (order.expected.kind !== 'absent' && (isImplied || isContentOf(current, order.expected))) return null;
  const found = current === null ? 'nothing' : `a ${current.kind} of version ${current.version}`;
  return stale(context, name, order, `the store holds ${found} instead of what was decided on`);
}

/** The content is current: by an earlier attempt of this order, or by somebody who wrote the same. */
async function alreadyThere(
  context: CommitContext,
  name: Name,
  order: Order,
  draft: Draft,
  current: ObjectFacts,
): Promise<Outcome> {
  const below = baseInMark(current, order);
  // Nobody of ours wrote it, so nothing was displaced by us.
  if (below === null) return applied(context, order, draft, stateOf(current), 0, []);
  const copies: Name[] = [];
  const wasReplaced = order.expected.kind === 'file' && below > 0;
  if (order.displaced === 'conflict-copy' && wasReplaced) {
    copies.push(...(await keepCopy(context, name, below, order)));
  }
  copies.push(...(await rescueBetween(context, name, current.version, below, order, draft)));
  return applied(context, order, draft, stateOf(current), below, copies);
}

/** Before giving up: an earlier attempt of this order may have displaced something and been displaced in turn. */
async function stale(context: CommitContext, name: Name, order: Order, reason: string): Promise<Outcome> {
  const { copies } = await earlierAttempts(context, name, order);
  return { result: 'stale', reason, conflictCopies: copies, recovery: null };
}

interface Earlier {
  /** Serial of the newest version of the name; 0 for none. */
  readonly newest: number;
  readonly copies: readonly Name[];
  /** The version that the first of them was to replace; null when none wrote. */
  readonly displaced: number | null;
}

/**
 * What earlier attempts of this order wrote, and nobody heard of. What they displaced unnoticed is rescued: whoever
 * came upon their work since may have replaced or removed it, so it need not be at the name any more.
 */
async function earlierAttempts(context: CommitContext, name: Name, order: Order): Promise<Earlier> {
  const { client } = context;
  const expected = order.expected.kind === 'absent' ? null : order.expected.version;
  const rows = await client.versions(name);
  const newer = rows.filter((row) => expected === null || row.serial > Number(expected));
  const copies: Name[] = [];
  let displaced: number | null = null;
  for (const row of newer.slice(-MAX_VERSIONS_SEARCHED)) {
    const facts = await client.head(name, row.serial);
    const below = facts === null ? null : baseInMark(facts, order);
    if (facts === null || below === null) continue;
    displaced ??= below;
    if (order.displaced === 'conflict-copy' && order.expected.kind === 'file' && below > 0) {
      copies.push(...(await keepCopy(context, name, below, order)));
    }
    copies.push(...(await rescueBetween(context, name, row.serial, below, order, facts)));
  }
  return { newest: rows.at(-1)?.serial ?? 0, copies: [...new Set(copies)], displaced };
}

/** For an order whose source moved on: its effect stands when the mark of an earlier attempt is at the name. */
export async function giveUpContent(context: CommitContext, name: Name, order: Order): Promise<Outcome> {
  const current = await context.client.head(name);
  const { copies, displaced } = await earlierAttempts(context, name, order);
  const recovery =
    displaced === null || displaced === 0 ? null : recoveryOf(context, order.expected, displaced);
  if (current === null || baseInMark(current, order) === null) {
    return { result: 'stale', reason: 'its source moved on', conflictCopies: copies, recovery };
  }
  const hash = current.kind === 'file' ? current.hash : null;
  return {
    result: 'applied',
    state: stateOf(current),
    hash,
    madeDirectories: [],
    conflictCopies: copies,
    recovery,
  };
}

function applied(
  context: CommitContext,
  order: Order,
  draft: Draft,
  state: RemoteState,
  below: number,
  conflictCopies: readonly Name[],
): Outcome {
  return {
    result: 'applied',
    state,
    hash: draft.kind === 'file' ? draft.hash : null,
    madeDirectories: [],
    conflictCopies: [...new Set(conflictCopies)],
    recovery: below > 0 ? recoveryOf(context, order.expected, below) : NOTHING_DISPLACED.recovery,
  };
}

/** The same state that a probe finds, so that it decides nothing (invariant 11). */
async function writtenState(
  context: CommitContext,
  name: Name,
  draft: Draft,
  serial: number,
): Promise<RemoteState> {
  const version = String(serial);
  if (draft.kind === 'directory') return { kind: 'directory', version };
  const facts = draft.mtimeNs === null ? stateOf(await context.client.head(name, serial)) : null;
  const mtimeNs = facts?.kind === 'file' ? facts.mtimeNs : draft.mtimeNs;
  return { kind: 'file', size: draft.bytes, hash: draft.hash, version, mtimeNs };
}

/** Pointer to displaced content; null where the store keeps no versions or nothing was displaced. */
export function recoveryOf(
  context: CommitContext,
  displaced: RemoteState,
  version: number | null,
): RecoveryPointer | null {
  if (!context.isVersioned || displaced.kind !== 'file' || version === null) return null;
  return { kind: 'version', locator: String(version), size: displaced.size, hash: displaced.hash };
}

async function newestSerial(context: CommitContext, name: Name): Promise<number> {
  return (await context.client.versions(name)).at(-1)?.serial ?? 0;
}

/**
 * Rescues what slipped in between `below` and our `version`. Repeated writes of the same content are skipped over;
 * of several versions in between only the newest needs it, since its writer had replaced the others itself.
 */
export async function rescueBetween(
  context: CommitContext,
  name: Name,
  version: number,
  below: number,
  order: Order,
  ours: ContentIdentity,
): Promise<readonly Name[]> {
  const rows = await context.client.versions(name);
  const between = rows.filter((row) => row.serial > below && row.serial < version).reverse();
  for (const row of between) {
    const facts = await context.client.head(name, row.serial);
    if (facts === null || sameIdentity(facts, ours)) continue;
    if (isContentOf(facts, order.expected)) return [];
    return facts.kind === 'file' ? keepCopy(context, name, row.serial, order) : [];
  }
  return [];
}

/** Puts one version of a name beside it, create-only, without moving a byte; the same copy made earlier counts. */
export async function keepCopy(
  context: CommitContext,
  name: Name,
  version: number,
  order: Order,
): Promise<readonly Name[]> {
  const { client, log } = context;
  const [facts, map, rows] = await Promise.all([
    client.head(name, version),
    client.hashmap(name, version),
    client.versions(name),
  ]);
  if (facts === null || map === null) {
    log.warn({ name, version }, 'a displaced version is gone from the store and could not be copied');
    return [];
  }
  const writtenNs = rows.find((row) => row.serial === version)?.writtenNs ?? facts.writtenNs ?? 0n;
  const at = new Date(Number(writtenNs / 1_000_000n));
  return putCopy(context, name, facts, map.hashes, order, (attempt) => order.conflictName(at, attempt));
}

/**
 * Creates an object from stored blocks under the first proposed name that is free or already holds it. Somebody may
 * take the name between the store's look and its write: what he wrote there is copied to the next name.
 */
export async function putCopy(
  context: CommitContext,
  name: Name,
  facts: ObjectFacts,
  hashes: readonly string[],
  order: Order,
  propose: (attempt: number) => Name,
): Promise<readonly Name[]> {
  const meta: Record<string, string> = {};
  if (facts.mtimeNs !== null) meta[META_MTIME] = formatMtime(facts.mtimeNs);
  if (facts.mode !== null) meta[META_MODE] = formatMode('file', facts.mode);
  const map = { bytes: facts.bytes, hashes: facts.bytes === 0 ? [] : hashes };
  for (let attempt = 0; attempt < MAX_CONFLICT_ATTEMPTS; attempt += 1) {
    const target = propose(attempt);
    const below = await newestSerial(context, target);
    const put = {
      map,
      contentType: FILE_TYPE,
      meta: { ...meta, [META_ORDER]: markOf(order, below) },
      guard: { onlyIfAbsent: true } as const,
    };
    const rescue = (version: number, from: number): Promise<readonly Name[]> =>
      copyBetween(context, target, version, from, order, (later) => propose(attempt + 1 + later));
    const result = await context.client.putHashmap(target, put);
    if (result.result === 'created') return [target, ...(await rescue(result.version, below))];
    if (result.result === 'missing') break;
    const there = await context.client.head(target);
    if (there === null || !sameIdentity(there, { kind: 'file', bytes: facts.bytes, hash: facts.hash }))
      continue;
    // An earlier attempt made it, and may not have come to look what it wrote over.
    const from = baseInMark(there, order);
    return from === null ? [target] : [target, ...(await rescue(there.version, from))];
  }
  throw new HoldfastError(
    'store-protocol',
    `container ${context.client.container}: found no free name for a conflict copy of ${name}`,
  );
}

/** Copies the newest content that came between two versions of a name. */
async function copyBetween(
  context: CommitContext,
  name: Name,
  version: number,
  below: number,
  order: Order,
  propose: (attempt: number) => Name,
): Promise<readonly Name[]> {
  const { client } = context;
  const rows = (await client.versions(name)).filter((row) => row.serial > below && row.serial < version);
  const newest = rows.at(-1);
  if (newest === undefined) return [];
  const [facts, map] = await Promise.all([
    client.head(name, newest.serial),
    client.hashmap(name, newest.serial),
  ]);
  return facts?.kind === 'file' && map !== null
    ? putCopy(context, name, facts, map.hashes, order, propose)
    : [];
}
