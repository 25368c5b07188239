/**
 * Checker: judges one pair after users, faults and the engine have come to rest. It knows what
 * users wrote and took away (the ledger), what each side holds, and the container's history;
 * it asks the engine nothing, and shares no code with it.
 */
import type { ContainerAct } from './container-user.ts';
import { isEmptyHash } from './content.ts';
import type { Finding } from './findings.ts';
import type { Content, Ledger } from './ledger.ts';
import type { RawVersion } from './raw-container.ts';
import type { Sighting } from './reader.ts';
import type { PrivateFolder, Side } from './sides.ts';

export interface Evidence {
  readonly ledger: Ledger;
  readonly folder: Side;
  readonly container: Side;
  readonly privateFolder: PrivateFolder;
  readonly versions: ReadonlyMap<string, readonly RawVersion[]>;
  readonly acts: readonly ContainerAct[];
  readonly partial: readonly Sighting[];
  /** Whether a policy of the pair lets what is here take the name in a conflict. */
  readonly localMayWin: boolean;
}

export interface Verdict {
  readonly findings: readonly Finding[];
  readonly counts: {
    readonly contents: number;
    /** At the same name on both sides. */
    readonly live: number;
    /** Of these as conflict copies. */
    readonly conflictCopies: number;
    /** Taken away by a user who had it before him. */
    readonly removed: number;
    /** Met unseen by a user's act at the moment it came; kept in trash or versions. */
    readonly unseen: number;
    /** Taken away by a user everywhere, and still at a name. */
    readonly returned: number;
    /** A conflict copy that was made ahead of a write upstream, and kept although the write never came. */
    readonly spare: number;
  };
}

/** What the engine calls conflict copies when it is told that its origin is `chaos`. */
const CONFLICT_MARK = /_\d{8}T\d{6}\.\d{3}Z_chaos(-\d+)?(?=(\.[^./]*)?$)/;

/** A name without the marks of conflicts, in each of its segments. */
export function plainName(name: string): string {
  return name
    .split('/')
    .map((segment) => {
      let plain = segment;
      while (CONFLICT_MARK.test(plain)) plain = plain.replace(CONFLICT_MARK, '');
      return plain;
    })
    .join('/');
}

export function judge(evidence: Evidence): Verdict {
  const { ledger } = evidence;
  markRemovals(evidence);
  const names = namesByContent(evidence);
  const findings = [...differences(evidence), ...leftovers(evidence), ...partials(evidence)];
  const counts = { contents: 0, live: 0, conflictCopies: 0, removed: 0, unseen: 0, returned: 0, spare: 0 };
  const kept = keptHashes(evidence);
  for (const content of ledger.contents()) {
    counts.contents += 1;
    const at = names.get(content) ?? [];
    if (at.length > 0) {
      counts.live += 1;
      if (content.removals.length > 0) counts.returned += 1;
      if (at.some((name) => plainName(name) !== name)) counts.conflictCopies += 1;
      const twins = duplicates(ledger, content, at);
      const spare = evidence.localMayWin ? twins.filter(isSpare) : [];
      counts.spare += spare.length;
      findings.push(...twins.filter((twin) => !spare.includes(twin)));
      continue;
    }
    if (content.removals.length > 0) counts.removed += 1;
    else if (!kept.has(content.md5) && !kept.has(content.storeHash))
      findings.push(missing('lost', ledger, content));
    else if (ledger.mayHaveGoneUnseen(content)) counts.unseen += 1;
    else findings.push(missing('buried', ledger, content));
  }
  return { findings, counts };
}

/** What users took away upstream: the version just below theirs. */
function markRemovals({ ledger, versions, acts }: Evidence): void {
  const hashOf = new Map<string, string>();
  for (const [name, history] of versions)
    for (const version of history) hashOf.set(`${name} ${version.id}`, version.hash);
  for (const act of acts) {
    const history = versions.get(act.name) ?? [];
    if (act.took === null) continue;
    const below =
      act.took ??
      history.find((version) => act.made !== null && version.id < act.made && version.kind === 'file')?.id;
    if (act.took === undefined && isBelowDeletion(history, act.made)) continue;
    const hash = below === undefined ? undefined : hashOf.get(`${act.name} ${below}`);
    if (hash !== undefined && hash !== act.moved) ledger.removed(ledger.ofStoreHash(hash), act.how);
    if (act.saw !== null && act.saw !== hash) ledger.overtaken(ledger.ofStoreHash(act.saw), act.how);
  }
}

/** Whether nothing was at the name when a version was made. */
function isBelowDeletion(history: readonly RawVersion[], made: string | null): boolean {
  const below = history.find((version) => made !== null && version.id < made);
  return below === undefined || below.kind === 'deleted';
}

function namesByContent({ ledger, folder, container }: Evidence): Map<Content, string[]> {
  const names = new Map<Content, string[]>();
  for (const [name, hash] of folder.files) {
    if (container.files.get(name) !== hash) continue;
    const content = ledger.ofMd5(hash);
    if (content !== undefined) names.set(content, [...(names.get(content) ?? []), name]);
  }
  return names;
}

function keptHashes({ privateFolder, versions, folder, container }: Evidence): Set<string> {
  const kept = new Set([...privateFolder.trash, ...folder.files.values(), ...container.files.values()]);
  for (const history of versions.values()) for (const { hash } of history) kept.add(hash);
  return kept;
}

function missing(kind: 'lost' | 'buried', { pair }: Ledger, content: Content): Finding {
  const { id, writer, writtenAt, size } = content;
  const names = [...content.names];
  const where = kind === 'lost' ? 'is nowhere any more' : 'is only in the trash or a version';
  return {
    kind,
    pair,
    text: `content ${id} (${size} bytes, by ${writer} at ${writtenAt}, as ${names.join(', ')}) ${where}; no user took it away`,
    names,
  };
}

function duplicates(ledger: Ledger, content: Content, at: readonly string[]): Finding[] {
  const { pair } = ledger;
  const findings: Finding[] = [];
  const given = new Set([...content.names].map((name) => baseOf(plainName(name))));
  const seen = new Map<string, string>();
  for (const name of at) {
    if (ledger.wasBroughtBack(name)) continue;
    const plain = plainName(name);
    const twin = seen.get(plain);
    seen.set(plain, name);
    if (twin !== undefined) {
      const text = `content ${content.id} is both at ${twin} and at ${name}`;
      findings.push({ kind: 'duplicated', pair, text, names: [twin, name] });
    } else if (!given.has(baseOf(plain))) {
      const text = `content ${content.id} is at ${name}, where no user put it`;
      findings.push({ kind: 'duplicated', pair, text, names: [name] });
    }
  }
  return findings;
}

/**
 * What loses upstream is copied before it is replaced. Where the replacing was given up in between, the copy stays:
 * another conflict may count on it by then, so that taking it away could cost the content.
 */
function isSpare({ names }: Finding): boolean {
  const [first, second] = names;
  if (first === undefined || second === undefined || first === second) return false;
  return plainName(first) === second || plainName(second) === first;
}

function baseOf(name: string): string {
  return name.slice(name.lastIndexOf('/') + 1);
}

function differences({ ledger: { pair }, folder, container }: Evidence): Finding[] {
  const findings: Finding[] = [];
  const diverged = (name: string, text: string): void => {
    findings.push({ kind: 'diverged', pair, text: `${name}: ${text}`, names: [name] });
  };
  for (const [name, hash] of folder.files) {
    const there = container.files.get(name);
    if (there === undefined) diverged(name, 'is in the folder, not in the container');
    else if (there !== hash) diverged(name, `folder ${hash}, container ${there}`);
  }
  for (const name of container.files.keys()) {
    if (!folder.files.has(name)) diverged(name, 'is in the container, not in the folder');
  }
  for (const name of folder.directories) {
    if (!container.directories.has(name)) diverged(name, 'a directory of the folder only');
  }
  for (const name of container.directories) {
    if (!folder.directories.has(name)) diverged(name, 'a directory of the container only');
  }
  return findings;
}

function leftovers({ ledger: { pair }, privateFolder }: Evidence): Finding[] {
  const { attempts } = privateFolder;
  if (attempts.length === 0) return [];
  return [{ kind: 'stuck', pair, text: `commits left behind: ${attempts.join(', ')}`, names: [] }];
}

function partials({ ledger, folder, container, partial }: Evidence): Finding[] {
  const { pair } = ledger;
  const findings: Finding[] = partial.map(({ side, name, hash, size, at, sample }) => ({
    kind: 'partial',
    pair,
    text: `${side} ${name} at ${at}: ${size} bytes (${hash}) that nobody wrote whole: ${JSON.stringify(sample)}`,
    names: [name],
  }));
  for (const [side, { files }] of [['folder', folder] as const, ['container', container] as const]) {
    for (const [name, hash] of files) {
      if (ledger.ofMd5(hash) !== undefined || (isEmptyHash(hash) && ledger.mayBeEmpty(name))) continue;
      const text = `${side} ${name} holds at the end what nobody wrote whole (${hash})`;
      findings.push({ kind: 'partial', pair, text, names: [name] });
    }
  }
  return findings;
}
