/**
 * Sabotages: one line each that takes a safeguard away from the real engine. The simulation must notice every one of
 * them; one that nothing notices is a check or a world that is missing. What the database promises is sabotaged in
 * the memory database, which is held to the same contract as the real one.
 */
import type { StoreWorld } from './scenario.ts';

interface Edit {
  /** Path from the root of the checkout. */
  readonly file: string;
  /** Must be found exactly once. */
  readonly from: string;
  readonly to: string;
}

export interface Sabotage extends Edit {
  readonly name: string;
  /** The same safeguard where it stands a second time: without this one nothing would be taken away. */
  readonly second?: Edit;
  /** The only kind of store where it can matter; any when left out. */
  readonly store?: StoreWorld;
}

export interface Order {
  readonly sabotage: Sabotage;
  readonly from: number;
  readonly seeds: number;
}

export interface Found {
  readonly seed: number;
  readonly message: string;
}

export function editsOf({ file, from, to, second }: Sabotage): readonly Edit[] {
  return [{ file, from, to }, ...(second === undefined ? [] : [second])];
}

/** @throws RangeError when the original is not there exactly once. */
export function edited(text: string, { file, from, to }: Edit): string {
  const parts = text.split(from);
  if (parts.length !== 2) {
    throw new RangeError(`a sabotage finds its line ${parts.length - 1} times in ${file}; write it anew`);
  }
  return parts.join(to);
}

export const SABOTAGES: readonly Sabotage[] = [
  // What shall happen.
  {
    name: 'the loser of a conflict gets no copy',
    file: 'libs/core/decide.ts',
    from: `return transfer('download', 'changed on both sides: upstream takes the name', 'conflict-copy');`,
    to: `return transfer('download', 'changed on both sides: upstream takes the name', 'recoverable');`,
  },
  {
    name: 'an edit of what upstream deleted gets no copy',
    file: 'libs/core/decide.ts',
    from: `      'deleted upstream and changed here: the change becomes a conflict copy',
      'conflict-copy',`,
    to: `      'deleted upstream and changed here: the change becomes a conflict copy',
      'recoverable',`,
  },
  {
    name: 'first contact deletes',
    file: 'libs/core/decide.ts',
    from: `  if (sameContent(state, sync)) return 'unchanged';
  return state.kind === 'absent' ? 'deleted' : 'changed';`,
    to: `  if (state.kind === 'absent') return 'deleted';
  return sameContent(state, sync) ? 'unchanged' : 'changed';`,
  },
  {
    name: 'a link here deletes upstream',
    file: 'libs/core/decide.ts',
    from: `  return none('a link, pipe, socket, device or unreadable file is not synced', 'local-unhandled');`,
    to: `  return transfer('delete-remote', 'a link is as good as nothing');`,
  },
  {
    name: 'a change upstream of what was deleted here is deleted, too',
    file: 'libs/core/decide.ts',
    from: `? transfer('download', 'deleted here, but changed upstream')`,
    to: `? transfer('delete-remote', 'deleted here, but changed upstream')`,
  },
  {
    name: 'files of one size are the same',
    file: 'libs/core/state.ts',
    from: `    return a.size === b.size && a.hash !== null && a.hash === b.hash;`,
    to: `    return a.size === b.size;`,
  },
  {
    name: 'a time that moved says nothing',
    file: 'libs/core/state.ts',
    from: `      a.mtimeNs === b.mtimeNs &&
      a.inode === b.inode &&`,
    to: `      a.inode === b.inode &&`,
  },
  {
    name: 'an object of the same size is the same',
    file: 'libs/core/state.ts',
    from: `  if (a.kind === 'file' && b.kind === 'file') return a.size === b.size && a.hash === b.hash;`,
    to: `  if (a.kind === 'file' && b.kind === 'file') return a.size === b.size;`,
  },
  // In which step.
  {
    name: 'the source is not looked at again before a delete here',
    file: 'libs/steps/commit-decision.ts',
    from: `  if (live.kind !== 'absent') return stale('the name is upstream again');`,
    to: '',
  },
  {
    name: 'the source is not looked at again before a delete upstream',
    file: 'libs/steps/commit-decision.ts',
    from: `  if (probed.result !== 'state' || probed.state.kind !== 'absent') return stale('the name is here again');`,
    to: '',
  },
  {
    name: 'an order whose source moved on is forgotten',
    file: 'libs/steps/commit-decision.ts',
    from: `    const outcome = await sides.store.giveUp(name, action === 'upload' ? 'pull' : 'remove', order);`,
    to: `    const outcome: CommitOutcome<RemoteState> = { result: 'stale', reason, conflictCopies: [], recovery: null };`,
  },
  {
    name: 'nothing sweeps',
    file: 'libs/steps/sweep.ts',
    from: `    await queue.wake(volume, pairId, { force: isSame && now - seen.at > STUCK_MS });`,
    to: '',
  },
  {
    name: 'there is no late look',
    file: 'libs/steps/trash.ts',
    from: `  const seen = await folder.lookAgain(item.name, item.pointer, (attempt) =>
    conflictName(item.name, new Date(deps.clock.now()), deps.origin, attempt),
  );`,
    to: `  const seen = 'unchanged' as Awaited<ReturnType<LocalFolder['lookAgain']>>;`,
  },
  {
    name: 'files are taken while they are still written',
    file: 'libs/steps/settle.ts',
    from: `return changedAt > now + settleMs ? now : changedAt + settleMs;`,
    to: `return changedAt > now + settleMs ? now : now;`,
    second: {
      file: 'libs/store-local/stage.ts',
      from: `    if (until !== null) return { result: 'unsettled', until };`,
      to: '',
    },
  },
  {
    name: 'what is in commit counts as absent',
    store: 'swift',
    file: 'libs/store-local/probe.ts',
    from: `  if (await isNameInCommit(folder, name)) return { result: 'in-commit' };`,
    to: '',
  },
  {
    name: 'a crashed commit is never repaired',
    file: 'libs/steps/scan.ts',
    from: `  for (const name of await sides.folder.recover(startedAt - CRASHED_COMMIT_MS)) await marks.add(name);`,
    to: '',
  },
  {
    name: 'trash that nothing tells of stays so',
    file: 'libs/steps/scan.ts',
    from: `    await adoptTrash(pair, sides.folder, startedAt - CRASHED_COMMIT_MS, deps);`,
    to: '',
  },
  {
    name: 'a scan does not miss what is gone',
    file: 'libs/steps/scan.ts',
    from: `        await marks.add(step.right.name);`,
    to: `        continue;`,
  },
  {
    name: 'a poll does not miss what is gone',
    file: 'libs/steps/poll.ts',
    from: `    if (step.in === 'both' && sameRemoteContent(step.left.state, step.right.state)) continue;`,
    to: `    if (step.in === 'right' || (step.in === 'both' && sameRemoteContent(step.left.state, step.right.state))) continue;`,
  },
  {
    name: 'a fingerprint is trusted for ever',
    file: 'libs/steps/poll.ts',
    from: `    now - memory.listedAt < FULL_LISTING_MS`,
    to: `    now >= memory.listedAt`,
    store: 'swift',
  },
  {
    name: 'recovery pointers are forgotten',
    file: 'libs/steps/transfer.ts',
    from: `      recovery === null
        ? []`,
    to: `      recovery !== undefined
        ? []`,
  },
  {
    name: 'a hash is not looked at when content arrives',
    file: 'libs/store-local/fetch.ts',
    from: `    if (content.hash !== null && hash !== content.hash) throw mismatch('another hash than promised');`,
    to: '',
    second: {
      file: 'libs/digest/verified.ts',
      from: `if (left !== 0 || (hash !== null && hash.digest('hex') !== md5)) {`,
      to: `if (left !== 0) {`,
    },
    store: 'swift',
  },
  // The folder.
  {
    name: 'what an earlier attempt left is taken over, whatever it is of',
    file: 'libs/store-local/partial.ts',
    from: `  return JSON.stringify(await readJson(attempt.directory, CONTENT)) === JSON.stringify(recordOf(content));`,
    to: `  return true;`,
    second: {
      file: 'libs/store-local/fetch.ts',
      from: `    if (content.hash !== null && hash !== content.hash) throw mismatch('another hash than promised');`,
      to: '',
    },
  },
  {
    name: 'what was hidden is not verified before it is replaced',
    file: 'libs/store-local/pull.ts',
    from: `  const wasExpected = isExpected(facts, order);`,
    to: `  const wasExpected = true;`,
  },
  {
    name: 'what was hidden is not verified before it is removed',
    file: 'libs/store-local/pull.ts',
    from: `  if (isExpected(facts, order) && isInPlace) return hidden;`,
    to: `  if (isInPlace) return hidden;`,
  },
  {
    name: 'a file that was touched is replaced',
    file: 'libs/store-local/pull.ts',
    from: `    !sameLocalFacts(current, order.expected, 'with-ctime')`,
    to: `    !sameLocalFacts(current, order.expected, 'without-ctime')`,
  },
  {
    name: 'the new file is renamed over whatever has its name',
    file: 'libs/store-local/pull.ts',
    from: `  else if (!(await succeeds(attempt.directory.link(NEW, parent, base), 'EEXIST', 'ENOENT'))) facts = null;`,
    to: `  else if (!(await succeeds(attempt.directory.rename(NEW, parent, base), 'EISDIR', 'ENOENT'))) facts = null;`,
  },
  {
    name: 'a commit begins before its journal',
    file: 'libs/store-local/pull.ts',
    from: `  await writeIntent(attempt, intent);
  if (await wasTouched(parent, base, order))`,
    to: `  if (await wasTouched(parent, base, order))`,
  },
  {
    name: 'what is displaced is unlinked instead of trashed',
    file: 'libs/store-local/trash.ts',
    from: `      const moved = displacing.from.rename(displacing.segment, itemDirectory, baseOf(name));`,
    to: `      const moved = displacing.from.unlink(displacing.segment);`,
  },
  {
    name: 'a file that changed while it was read is sent',
    file: 'libs/store-local/stage.ts',
    from: `  if (!(await fill(file, bytes, 0)) || !isUnchanged(facts, await file.facts())) return STALE;`,
    to: `  if (!(await fill(file, bytes, 0))) return STALE;`,
  },
  {
    name: 'only the first conflict name is tried',
    file: 'libs/store-local/move.ts',
    from: `const MAX_CONFLICT_ATTEMPTS = 100;`,
    to: `const MAX_CONFLICT_ATTEMPTS = 0;`,
  },
  // Swift.
  {
    name: 'absence is read from a listing',
    file: 'libs/store-swift/store.ts',
    from: `    const head = await this.#client.head(name);
    if (head === null) await`,
    to: `    const listed = await listPage(this.#client, null, 1_000);
    const head = listed.objects.some(({ rawName }) => rawName === name) ? await this.#client.head(name) : null;
    if (head === null) await`,
    store: 'swift',
  },
  {
    name: 'the answer to a write is believed',
    file: 'libs/store-swift/commit.ts',
    from: `  return versioned && answered.version !== null
    ? settle(`,
    to: `  return versioned && answered.version === ''
    ? settle(`,
    store: 'swift',
  },
  {
    name: 'nobody looks what a delete displaced',
    file: 'libs/store-swift/removal.ts',
    from: `  if (!versioned || markerId === null) return applied(copies, null);`,
    to: `  if (versioned || markerId === null) return applied(copies, null);`,
    store: 'swift',
  },
  {
    name: 'what loses is copied after it was overwritten',
    file: 'libs/store-swift/commit.ts',
    from: `  const copies = before === null ? [] : await keepCurrent(context, name, order, before);`,
    to: `  const copies = versioned || before === null ? [] : await keepCurrent(context, name, order, before);`,
    store: 'swift',
  },
  {
    name: 'a write does not look at what is there',
    file: 'libs/store-swift/commit.ts',
    from: `  if (!matches(before, order.expected)) {`,
    to: `  if (before === null && !matches(before, order.expected)) {`,
    store: 'careless',
  },
  // Pithos.
  {
    // That a write there asks for no tag would lose nothing: what came in between is found below it and rescued.
    name: 'nobody looks what an earlier attempt on Pithos wrote over',
    file: 'libs/store-pithos/commit.ts',
    from: `  const earlier = isRecorded ? null : await earlierAttempts(context, name, order);`,
    to: `  const earlier = null as Awaited<ReturnType<typeof earlierAttempts>> | null;`,
    store: 'pithos',
  },
  {
    name: 'nobody looks what a write on Pithos displaced',
    file: 'libs/store-pithos/commit.ts',
    from: `  copies.push(...(await rescueBetween(context, name, version, position.below, order, draft)));`,
    to: '',
    store: 'pithos',
  },
  {
    name: 'a delete on Pithos does not look at what it moved aside',
    file: 'libs/store-pithos/remove.ts',
    from: `  if (isBase && isContentOf(moved, order.expected)) {`,
    to: `  if (isBase || isContentOf(moved, order.expected) || moved.kind !== 'directory') {`,
    store: 'pithos',
  },
  // The database, as the memory database mirrors it.
  {
    name: 'an acknowledgement compares nothing',
    file: 'libs/memory/database/transfer.ts',
    from: `  const row = pendingRow(pair.entries, given);
  if (row?.decision?.action !== action || row.decision.displaced !== displaced) return false;`,
    to: `  const row = pair.entries.get(name) ?? null;
  if (row === null) return false;`,
  },
  {
    name: 'a serial is issued twice',
    file: 'libs/memory/database/tables.ts',
    from: `    this.#lastSerial += 1n;`,
    to: `    this.#lastSerial += this.#lastSerial % 50n === 49n ? 0n : 1n;`,
  },
  {
    name: 'a record does not look whether its entry is as it was',
    store: 'pithos',
    file: 'libs/memory/database/record.ts',
    from: `    row.localSerial === entry.localSerial &&
    row.remoteSerial === entry.remoteSerial &&
    row.syncSerial === entry.syncSerial`,
    to: `    row.name === entry.name`,
  },
  {
    // That a claim compares holders without their time would change nothing: dispatching anew ends an old claim.
    name: 'a hold never ends',
    file: 'libs/memory/database/dispatch.ts',
    from: `isDue(row, now) && !isHeld(row, now) && !waits(row)`,
    to: `isDue(row, now) && row.heldUntil === null && !waits(row)`,
  },
  // Backups, and deletes of everything.
  {
    name: 'a side that went back in time goes unnoticed',
    file: 'libs/core/generation.ts',
    from: `  if (found.number < told.number) return 'side-older';`,
    to: '',
  },
  {
    name: 'a copy of the folder counts as the folder',
    file: 'libs/core/generation.ts',
    from: `  return isTold && !isSameCarrier(told.stamp, found.stamp) ? 'side-copied' : 'kept';`,
    to: `  return isTold && told.stamp === '' ? 'side-copied' : 'kept';`,
  },
  {
    name: 'a database that went back in time goes unnoticed',
    file: 'libs/core/generation.ts',
    from: `  if (found.number > known.begun.number) return 'database-older';`,
    to: '',
  },
  {
    name: 'a container that went back in time goes unnoticed',
    file: 'libs/steps/continuity.ts',
    from: `  await assertKept(pair, 'remote', toldOf(facts, pair), registry);`,
    to: '',
  },
  {
    name: 'a union remembers what was synced',
    file: 'libs/memory/database/generations.ts',
    from: `  const emptied = Object.assign(new PairTables(), { history, pointers, problems });`,
    to: `  const emptied = Object.assign(new PairTables(), row.tables, { history, pointers, problems });`,
  },
  {
    name: 'serials go on where the backup ended',
    file: 'libs/memory/database/generations.ts',
    from: `  if (tables.lastSerial < from + LEAP / 2n) tables.leapTo(from + LEAP);`,
    to: '',
  },
  {
    name: 'a mass delete goes',
    file: 'libs/steps/guard-deletes.ts',
    from: `  if (verdict === 'go') return`,
    to: `  if (verdict !== 'wait') return`,
  },
  {
    name: 'only an emptied pair is a mass delete',
    file: 'libs/core/delete-hold.ts',
    from: `  if (deletes > policy.names && deletes * 100 > policy.percent * names) return true;`,
    to: '',
  },
  // Large content, and what stores tell.
  {
    name: 'the segments of a manifest keep their end',
    file: 'libs/store-swift/segments.ts',
    from: `  await mapToEnd(ending.flat(), PARTS_AT_ONCE, (part) => keep(context, part));`,
    to: '',
    store: 'swift',
  },
  {
    name: 'a private object that somebody tells of is synced',
    file: 'libs/store-pithos/store.ts',
    from: `isHidden(name) ? null : await this.#client.head(name);`,
    to: `await this.#client.head(name);`,
    store: 'pithos',
  },
  // Renames.
  {
    name: 'whatever is at the old name here is copied to the new one',
    file: 'libs/steps/commit-decision.ts',
    from: `    if (content.size !== remote.size || content.hash !== remote.hash) return null;`,
    to: '',
  },
];
