/**
 * Scan: compares the whole folder with the LOCAL archive and marks every difference as a
 * candidate. It concludes nothing itself: a missing name is only a hint (invariant 6).
 * Memory is that of one page and one directory path, whatever the folder's size.
 */
import { WALK_PROBLEMS } from '#core/found-problems.ts';
import { compareNames, type Name } from '#core/name.ts';
import { sameLocalFacts } from '#core/state.ts';
import type { Archive } from '#ports/archive.ts';
import type { Clock } from '#ports/clock.ts';
import { asHoldfastError } from '#ports/errors.ts';
import type { JobQueue } from '#ports/job-queue.ts';
import type { LocalFolder, WalkItem } from '#ports/local-folder.ts';
import type { Pair } from '#ports/pair.ts';
import type { Registry } from '#ports/registry.ts';
import type { PairSides } from '#ports/sides.ts';
import { assertFolder } from './continuity.ts';
import { readIgnoreText } from './ignore-text.ts';
import { mergeByName, pages } from './merge.ts';
import { adoptTrash } from './trash.ts';

/** Rows of one page: few enough to be garbage before the heap grows for them. */
const PAGE = 1_000;
const MARK_BATCH = 1_000;
/** A commit that began this long ago and never ended was left by a process that died. */
const CRASHED_COMMIT_MS = 120_000;

export interface ScanDeps {
  readonly archive: Archive;
  readonly registry: Registry;
  readonly queue: JobQueue;
  readonly clock: Clock;
  /** How long displaced content is kept, milliseconds. */
  readonly trashMs: number;
}

export interface ScanResult {
  readonly entries: number;
  readonly candidates: number;
  readonly problems: number;
}

/**
 * @param pair as loaded just now: its `scanWanted` is the token that this scan fulfils.
 * @throws HoldfastError folder-missing, folder-unmarked, folder-denied; Restored. Nothing was concluded then.
 */
export async function scanFolder(
  pair: Pair,
  sides: PairSides,
  deps: ScanDeps,
  signal: AbortSignal,
): Promise<ScanResult> {
  const { archive, registry, queue, clock } = deps;
  const startedAt = clock.now();
  const since = await archive.time();
  const token = pair.scanWanted;
  await assertFolder(pair, sides.folder, registry);
  if ((await refreshIgnoreText(pair, sides.folder, registry)) === 'changed')
    return { entries: 0, candidates: 0, problems: 0 };

  const marks = new MarkBatch(async (names) => {
    await archive.mark(pair.id, 'local', names);
    await queue.wake(pair.volume, pair.id);
  });
  // What stood in the way of a name may have ended without a change of the name: a full scan tries them all again.
  await archive.markProblems(pair.id, WALK_PROBLEMS);
  for (const name of await sides.folder.recover(startedAt - CRASHED_COMMIT_MS)) await marks.add(name);

  let entries = 0;
  let problems = 0;
  const unreadable: Name[] = [];
  const report = async (shown: string, code: string, text: string): Promise<void> => {
    problems += 1;
    await archive.openProblem(pair.id, shown, { code, text });
  };
  try {
    await adoptTrash(pair, sides.folder, startedAt - CRASHED_COMMIT_MS, deps);
  } catch (thrown) {
    const error = asHoldfastError(thrown);
    if (error.grade !== 'permanent') throw thrown;
    await report('.holdfast/trash', 'directory-unreadable', error.message);
  }
  const walked = entriesOf(sides.folder.walk(sides.isExcluded), report, unreadable);
  const known = pages((after, limit) => archive.pageLocal(pair.id, after, limit), PAGE);
  for await (const step of mergeByName(walked, known)) {
    if (signal.aborted) return { entries, candidates: marks.total, problems };
    if (step.in === 'right') {
      const excluded = sides.isExcluded(step.right.name, step.right.state.kind === 'directory');
      if (!excluded && !unreadable.some((above) => isBelow(step.right.name, above)))
        await marks.add(step.right.name);
      continue;
    }
    entries += 1;
    if (step.in === 'left' || !sameLocalFacts(step.left.state, step.right.state, 'with-ctime'))
      await marks.add(step.left.name);
  }
  await marks.flush();
  await assertFolder(pair, sides.folder, registry);
  await archive.closeProblems(pair.id, WALK_PROBLEMS, since);
  await registry.finishScan(pair.id, token);
  return { entries, candidates: marks.total, problems };
}

/** Keeps the pair's copy of `.holdfastignore` current; a change opens the sides anew and wants a full scan and poll. */
export async function refreshIgnoreText(
  pair: Pair,
  folder: LocalFolder,
  registry: Registry,
): Promise<'same' | 'changed'> {
  const text = await readIgnoreText(folder);
  if (text === null || text === pair.ignoreText) return 'same';
  await registry.setIgnoreText(pair.id, text);
  await registry.requestSync(pair.id);
  return 'changed';
}

async function* entriesOf(
  items: AsyncIterable<WalkItem>,
  report: (shown: string, code: string, text: string) => Promise<void>,
  unreadable: Name[],
): AsyncGenerator<Extract<WalkItem, { kind: 'entry' }>> {
  for await (const item of items) {
    if (item.kind === 'entry') {
      yield item;
    } else if (item.kind === 'unsyncable') {
      await report(item.shown, item.code, item.text);
    } else {
      unreadable.push(item.name);
      await report(item.name, 'directory-unreadable', item.text);
    }
  }
}

function isBelow(name: Name, above: Name): boolean {
  return (
    name.length > above.length &&
    name.startsWith(above) &&
    name[above.length] === '/' &&
    compareNames(name, above) > 0
  );
}

/** Collects names and hands them on in batches, so that a large difference is worked on while the walk goes on. */
export class MarkBatch {
  total = 0;
  private names: Name[] = [];
  private readonly hand: (names: readonly Name[]) => Promise<void>;

  constructor(hand: (names: readonly Name[]) => Promise<void>) {
    this.hand = hand;
  }

  async add(name: Name): Promise<void> {
    this.total += 1;
    this.names.push(name);
    if (this.names.length >= MARK_BATCH) await this.flush();
  }

  async flush(): Promise<void> {
    const names = this.names;
    this.names = [];
    if (names.length > 0) await this.hand(names);
  }
}
