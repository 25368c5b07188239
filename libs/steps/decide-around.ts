/**
 * Decide around: what the decision of one name cannot see of the names above and below it.
 * Nothing is sent below an object of upstream, no object is put above others, and a file here
 * gives way to a directory that upstream goes on filling (invariants 2 and 10).
 */
import { type Decision, decide, effectiveRemote } from '#core/decide.ts';
import type { Entry } from '#core/entry.ts';
import { ancestorsOf, type Name } from '#core/name.ts';
import type { Archive, ProblemText } from '#ports/archive.ts';
import type { Pair } from '#ports/pair.ts';

/** A decision, or the problem that stands in its way. */
export type Around =
  | { readonly kind: 'decided'; readonly decision: Decision }
  | { readonly kind: 'blocked'; readonly problem: ProblemText }
  /** Waits for the end of an object above it. */
  | { readonly kind: 'below-object'; readonly problem: ProblemText };

/** @param entries as they were found just now, which the archive does not remember yet. */
export async function decideAround(
  pair: Pair,
  entries: readonly Entry[],
  archive: Archive,
): Promise<ReadonlyMap<Name, Around>> {
  const decided = new Map<Name, Around>();
  const made: Name[] = [];
  for (const entry of entries) {
    const around = await decideAbove(pair, entry, archive);
    decided.set(entry.name, around);
    if (around.kind === 'decided' && makesName(entry, around.decision)) made.push(entry.name);
  }
  const found = new Map(entries.map((entry) => [entry.name, entry]));
  const above = new Set(made.flatMap(ancestorsOf));
  const unseen = [...above].filter((name) => !found.has(name));
  const objects = new Set(unseen.length === 0 ? [] : await archive.upstreamObjects(pair.id, unseen));
  for (const name of above) if (isObject(found.get(name))) objects.add(name);
  for (const name of objects.size === 0 ? [] : made) {
    const object = ancestorsOf(name).find((ancestor) => objects.has(ancestor));
    if (object !== undefined) decided.set(name, { kind: 'below-object', problem: belowObject(object) });
  }
  return decided;
}

/**
 * Marks names below an object of which none is left by now: its end may have been recorded while they were looked
 * at, when their problem was not there to be found.
 */
export async function remarkFreed(
  pair: Pair,
  around: ReadonlyMap<Name, Around>,
  archive: Archive,
): Promise<void> {
  const below = [...around].flatMap(([name, { kind }]) => (kind === 'below-object' ? [name] : []));
  if (below.length === 0) return;
  const objects = await archive.upstreamObjects(pair.id, [...new Set(below.flatMap(ancestorsOf))]);
  const freed = below.filter((name) => !ancestorsOf(name).some((above) => objects.has(above)));
  if (freed.length > 0) await archive.mark(pair.id, 'both', freed);
}

/** A file here where upstream holds a directory waits for its contents to go; those that upstream changed never will. */
async function decideAbove(pair: Pair, entry: Entry, archive: Archive): Promise<Around> {
  const decision = decide(entry, pair.policies);
  const isHeldUp = decision.kind === 'none' || (decision.kind === 'transfer' && decision.action === 'upload');
  const replacesTree = entry.local.kind === 'file' && effectiveRemote(entry).kind === 'directory';
  if (!isHeldUp || !replacesTree || !(await archive.hasUpstreamNewsBelow(pair.id, entry.name)))
    return { kind: 'decided', decision };
  if (pair.policies.direction === 'push-only') {
    const text =
      'a file here, but upstream holds objects below the name that are not synced; rename one of them';
    return { kind: 'blocked', problem: { code: 'name-file-and-directory', text } };
  }
  return {
    kind: 'decided',
    decision: {
      kind: 'transfer',
      action: 'download',
      displaced: 'conflict-copy',
      reason:
        'a file here, but upstream changed what is below the directory: the file becomes a conflict copy',
    },
  };
}

/** Whether it puts something where its target holds nothing: what is there already needs no other directory. */
function makesName(entry: Entry, decision: Decision): boolean {
  if (decision.kind !== 'transfer') return false;
  if (decision.action === 'upload') return entry.remote.kind === 'absent';
  return decision.action === 'download' && entry.local.kind === 'absent';
}

function isObject(entry: Entry | undefined): boolean {
  return entry?.remote.kind === 'file' || entry?.remote.kind === 'unhandled';
}

function belowObject(object: Name): ProblemText {
  return {
    code: 'name-file-and-directory',
    text: `upstream holds "${object}" as a file, so nothing can be below it here or there; rename one of them`,
  };
}
