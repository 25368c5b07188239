/**
 * Poll: compares the container's listing with the REMOTE archive, page by page. A listing
 * may lag and its pages are separate reads, so what differs or is missing becomes a
 * candidate only (invariant 6); names never seen before are recorded as listed, because
 * the pinned download verifies them anyway.
 */
import { LISTING_PROBLEMS } from '#core/found-problems.ts';
import { type Name, nameFault } from '#core/name.ts';
import { ABSENT, type RemoteState, sameRemoteContent } from '#core/state.ts';
import type { Archive } from '#ports/archive.ts';
import type { JobQueue } from '#ports/job-queue.ts';
import type { ListedObject } from '#ports/object-store.ts';
import type { Pair } from '#ports/pair.ts';
import type { Registry } from '#ports/registry.ts';
import type { PairSides } from '#ports/sides.ts';
import { assertContainer } from './continuity.ts';
import { mergeByName, pages } from './merge.ts';

/** Rows of one page: few enough to be garbage before the heap grows for them. */
const PAGE = 1_000;
const LIST_LIMIT = 2_000;
const RECORD_BATCH = 1_000;

export interface PollDeps {
  readonly archive: Archive;
  readonly registry: Registry;
  readonly queue: JobQueue;
}

export interface PollResult {
  readonly objects: number;
  readonly candidates: number;
}

/**
 * @param pair as loaded just now: its `pollWanted` is the token that this poll fulfils.
 * @throws HoldfastError container-missing, container-replaced, credentials-refused, store-*; Restored. Nothing was concluded then.
 */
export async function pollContainer(
  pair: Pair,
  sides: PairSides,
  deps: PollDeps,
  signal: AbortSignal,
): Promise<PollResult> {
  const { archive, registry, queue } = deps;
  const since = await archive.time();
  const token = pair.pollWanted;
  await assertContainer(pair, sides.store, registry);

  let news: { name: Name; state: RemoteState }[] = [];
  let candidates = 0;
  const flush = async (): Promise<void> => {
    const objects = news;
    news = [];
    if (objects.length === 0) return;
    await archive.recordListed(pair.id, objects);
    await queue.wake(pair.volume, pair.id);
  };

  let objects = 0;
  const listed = listedNames(sides, (shown, code, text) =>
    archive.openProblem(pair.id, shown, { code, text }),
  );
  const known = pages((after, limit) => archive.pageRemote(pair.id, after, limit), PAGE);
  for await (const step of mergeByName(listed, known)) {
    if (signal.aborted) return { objects, candidates };
    const name = step.in === 'right' ? step.right.name : step.left.name;
    const seen = step.in === 'right' ? step.right.state : step.left.state;
    if (step.in !== 'right') objects += 1;
    if (sides.isExcluded(name, seen.kind === 'directory')) continue;
    if (step.in === 'both' && sameRemoteContent(step.left.state, step.right.state)) continue;
    candidates += 1;
    news.push({ name, state: step.in === 'right' ? ABSENT : step.left.state });
    if (news.length >= RECORD_BATCH) await flush();
  }
  await flush();
  await archive.closeProblems(pair.id, LISTING_PROBLEMS, since);
  await registry.finishPoll(pair.id, token);
  if (pair.pollDone === 0n) await queue.wake(pair.volume, pair.id);
  return { objects, candidates };
}

/** The listing as names; raw names that cannot be synced are reported instead (invariant 10). */
async function* listedNames(
  sides: PairSides,
  report: (shown: string, code: string, text: string) => Promise<void>,
): AsyncGenerator<{ name: Name; state: RemoteState }> {
  let after: string | null = null;
  for (;;) {
    const page: { readonly objects: readonly ListedObject[]; readonly next: string | null } =
      await sides.store.list(after, LIST_LIMIT);
    for (const { rawName, state } of page.objects) {
      const fault = nameFault(rawName);
      if (fault === null) yield { name: rawName as Name, state };
      else if (!sides.isExcluded(rawName as Name, state.kind === 'directory'))
        await report(
          printable(rawName),
          `object-${fault}`,
          `the object name cannot be held by a folder (${fault}); rename it upstream`,
        );
    }
    if (page.next === null) return;
    after = page.next;
  }
}

/** Control characters and broken Unicode as escapes, so that any name can be shown and stored. */
export function printable(raw: string): string {
  return raw
    .replaceAll(
      /[\u0000-\u001f\u007f]/g,
      (character) => `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`,
    )
    .replaceAll(/\p{Surrogate}/gu, (character) => `\\u${character.charCodeAt(0).toString(16)}`);
}

export interface FingerprintMemory {
  readonly fingerprint: string;
  readonly firstSeenAt: number;
  readonly listedAt: number;
}

/** A fingerprint has a resolution of one second (pithos-api section 3.2): a listing vouches for it only when begun later than this. */
const FINGERPRINT_RESOLUTION_MS = 2_000;
const FULL_LISTING_MS = 600_000;

/**
 * Whether a poll may be left out because the container looks as it did at the last full listing.
 * Only a hint-saving shortcut: it needs a store whose fingerprint moves with every change, and ends after ten minutes.
 */
export function maySkipListing(
  memory: FingerprintMemory | undefined,
  fingerprint: string,
  now: number,
): boolean {
  return (
    memory !== undefined &&
    memory.fingerprint === fingerprint &&
    memory.listedAt - memory.firstSeenAt >= FINGERPRINT_RESOLUTION_MS &&
    now - memory.listedAt < FULL_LISTING_MS
  );
}
