/**
 * Attempts: the private directory of each commit under way, `.holdfast/attempts/<id>/`, with
 *   new          what is being placed
 *   old          what was displaced, between its hiding and its way to trash or conflict name
 *   intent.json  the journal: written and synced before anything visible is touched
 *   content.json of what `new` is or becomes; only where that is large enough to be taken over
 * An id is `<hash of the name>-<serial>-<owner>-<unique>`, so attempts of a name are found by prefix.
 */
import { createHash } from 'node:crypto';
import type { Displaced } from '#core/decide.ts';
import { type Name, nameFault } from '#core/name.ts';
import type { Serial } from '#core/serial.ts';
import type { LocalState, SpecialKind } from '#core/state.ts';
import type { CommitOrder } from '#ports/commit.ts';
import type { Standing } from './attempt-owner.ts';
import { type OpenDirectory, systemCode } from './file-system.ts';
import { countIn, digestIn, readJson, writeJson } from './json-file.ts';
import type { OpenFolder } from './open-folder.ts';

export const NEW = 'new';
export const OLD = 'old';
export const INTENT = 'intent.json';
export const CONTENT = 'content.json';

/** More names than this are never tried; displaced content that finds them all taken goes to the trash. */
const CONFLICT_NAMES = 8;

export interface Attempt {
  readonly id: string;
  readonly directory: OpenDirectory;
}

/** What a repair must know to finish or undo the commit as its owner would have. */
export interface Intent {
  readonly name: Name;
  readonly expected: LocalState;
  readonly displaced: Displaced;
  /** Milliseconds since the epoch. */
  readonly displacedAt: number;
  readonly conflictNames: readonly Name[];
  /** Without hard links the new file is copied under its name, so a crash may leave a part of it there. */
  readonly copies: boolean;
}

export function nameHash(name: Name): string {
  return createHash('sha256').update(name).digest('hex').slice(0, 16);
}

/** Makes the directory and takes ownership; `endAttempt` or a repair removes it. */
export async function beginAttempt(folder: OpenFolder, name: Name, serial: Serial): Promise<Attempt> {
  const id = `${nameHash(name)}-${serial}-${folder.owner.tag}-${folder.clock.uniqueId()}`;
  folder.owner.begin(id);
  try {
    await folder.attempts.makeDirectory(id, 0o700);
    return { id, directory: await folder.attempts.openDirectory(id) };
  } catch (thrown) {
    folder.owner.end(id);
    throw thrown;
  }
}

/** Removes the directory with all but displaced content. @returns false when it holds that and stays. */
export async function removeAttempt(folder: OpenFolder, attempt: Attempt): Promise<boolean> {
  await unlinkIfPresent(attempt.directory, NEW);
  // Most never had a journal: what is created touches nothing visible before it is there.
  if (await removeIfEmpty(folder, attempt)) return true;
  await unlinkIfPresent(attempt.directory, CONTENT);
  await unlinkIfPresent(attempt.directory, INTENT);
  return removeIfEmpty(folder, attempt);
}

/** @returns false when it is not empty. */
async function removeIfEmpty({ attempts }: OpenFolder, { id }: Attempt): Promise<boolean> {
  try {
    await attempts.removeDirectory(id);
  } catch (thrown) {
    const code = systemCode(thrown);
    if (code === 'ENOTEMPTY' || code === 'EEXIST') return false;
    if (code !== 'ENOENT') throw thrown;
  }
  return true;
}

export async function unlinkIfPresent(directory: OpenDirectory, segment: string): Promise<void> {
  try {
    await directory.unlink(segment);
  } catch (thrown) {
    if (systemCode(thrown) !== 'ENOENT') throw thrown;
  }
}

export function intentOf(folder: OpenFolder, name: Name, order: CommitOrder<LocalState>): Intent {
  const displacedAt = folder.clock.now();
  const at = new Date(displacedAt);
  return {
    name,
    expected: order.expected,
    displaced: order.displaced,
    displacedAt,
    conflictNames: Array.from({ length: CONFLICT_NAMES }, (_, attempt) => order.conflictName(at, attempt)),
    copies: !folder.facts.hardLinks,
  };
}

export async function writeIntent(attempt: Attempt, intent: Intent): Promise<void> {
  const asText = (_key: string, value: unknown): unknown => (typeof value === 'bigint' ? `${value}` : value);
  const state: unknown = JSON.parse(JSON.stringify(intent.expected, asText));
  await writeJson(attempt.directory, INTENT, { ...intent, expected: state });
  await attempt.directory.sync();
}

/** The end of the year 9999, in milliseconds: days of the trash are told by eight digits. */
const END_OF_TIME = 253_402_300_800_000;

/** Null when nothing was to be touched yet, or when the record is torn or forged. */
export async function readIntent(attempt: Attempt): Promise<Intent | null> {
  const record = await readJson(attempt.directory, INTENT);
  if (record === null) return null;
  const { name, displaced, conflictNames, copies } = record;
  const expected = readExpected(record['expected']);
  const displacedAt = countIn(record['displacedAt']);
  if (!isName(name) || expected === null || displacedAt === null || displacedAt >= END_OF_TIME) return null;
  if (displaced !== 'recoverable' && displaced !== 'conflict-copy') return null;
  const names = Array.isArray(conflictNames) ? conflictNames.slice(0, CONFLICT_NAMES).filter(isName) : [];
  return { name, expected, displaced, displacedAt, conflictNames: names, copies: copies === true };
}

function isName(value: unknown): value is Name {
  return typeof value === 'string' && nameFault(value) === null;
}

/** Only what a hidden entry is compared with matters: kind, inode, size and mtime. */
function readExpected(value: unknown): LocalState | null {
  if (typeof value !== 'object' || value === null || !('kind' in value)) return null;
  const record = value as Record<string, unknown>;
  const { kind, inode, mtimeNs, ctimeNs, special } = record;
  if (kind === 'absent') return { kind };
  if (kind === 'directory') return { kind, inode: 0n, mtimeNs: 0n, mode: 0 };
  if (!isInteger(inode) || !isInteger(mtimeNs)) return null;
  const times = { inode: BigInt(inode), mtimeNs: BigInt(mtimeNs) };
  if (kind === 'unhandled' && isSpecial(special)) return { kind, special, ...times };
  const size = countIn(record['size']);
  const mode = countIn(record['mode']);
  if (kind !== 'file' || !isInteger(ctimeNs) || size === null || mode === null) return null;
  return { kind, ...times, ctimeNs: BigInt(ctimeNs), size, mode, hash: digestIn(record['hash']) };
}

function isInteger(value: unknown): value is string {
  return typeof value === 'string' && /^-?\d{1,30}$/.test(value);
}

function isSpecial(value: unknown): value is SpecialKind {
  return ['symlink', 'fifo', 'socket', 'device', 'unreadable'].includes(String(value));
}

const ID = /^([0-9a-f]{16})-(\d{1,19})-([\w.]{1,64})-([\w-]{1,64})$/;

/** The trash item this attempt displaces into: the same for its owner and for any repair. */
export function trashItemOf(attemptId: string): string {
  const [, hash, serial, , unique] = ID.exec(attemptId) ?? [];
  return `${serial}-${hash}-${unique}`;
}

/** Ids of all attempts, or of one name's. What is no attempt of ours is not listed. */
export async function listAttempts(folder: OpenFolder, name: Name | null): Promise<string[]> {
  const prefix = name === null ? '' : `${nameHash(name)}-`;
  const entries = await folder.attempts.list();
  return entries.map((entry) => entry.bytes).filter((id) => id.startsWith(prefix) && ID.test(id));
}

/** Null when it is gone, or something else was put in its place. */
export async function openAttempt(folder: OpenFolder, id: string): Promise<Attempt | null> {
  try {
    return { id, directory: await folder.attempts.openDirectory(id) };
  } catch (thrown) {
    if (['ENOENT', 'ENOTDIR', 'ELOOP'].includes(systemCode(thrown) ?? '')) return null;
    throw thrown;
  }
}

/**
 * Whether its owner may still be at work: known from the process, else from the age of its last step.
 * @param silentMs after which an owner that cannot be seen counts as gone.
 */
export async function isAtWork(
  folder: OpenFolder,
  attempt: Attempt,
  silentMs = folder.leaseMs,
): Promise<boolean> {
  const standing: Standing = folder.owner.standingOf(ID.exec(attempt.id)?.[3] ?? '', attempt.id);
  if (standing !== 'unknown') return standing === 'alive';
  return (await lastStepAt(attempt)) + silentMs > folder.clock.now();
}

/** Milliseconds since the epoch: writing `new` and every step move one of these times. */
export async function lastStepAt(attempt: Attempt): Promise<number> {
  const directory = await attempt.directory.facts();
  const file = await attempt.directory.lstat(NEW);
  const newest = file !== null && file.ctimeNs > directory.ctimeNs ? file.ctimeNs : directory.ctimeNs;
  return Number(newest / 1_000_000n);
}
