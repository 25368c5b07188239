/** Fixtures of the object store suite: orders, and where content may be found after a commit. */
import assert from 'node:assert/strict';
import { conflictName } from '#core/conflict-name.ts';
import { type Name, toName } from '#core/name.ts';
import { toSerial } from '#core/serial.ts';
import { ABSENT, type RemoteState } from '#core/state.ts';
import type { CommitOrder, CommitOutcome, RecoveryPointer } from '#ports/commit.ts';
import type { ListedObject, ObjectStore } from '#ports/object-store.ts';
import type { OpenedStore } from './object-store.ts';
import { readAll, stageBytes } from './staged-bytes.ts';

export type Applied = Extract<CommitOutcome<RemoteState>, { result: 'applied' }>;

export function orderFor(
  name: Name,
  expected: RemoteState,
  overrides: Partial<CommitOrder<RemoteState>> = {},
): CommitOrder<RemoteState> {
  return {
    expected,
    displaced: 'recoverable',
    serial: toSerial(1n),
    conflictName: (at, attempt) => conflictName(name, at, 'suite', attempt),
    ...overrides,
  };
}

/** Content as a source side that hashed it already would stage it. */
export function staged(
  opened: OpenedStore,
  bytes: Uint8Array,
  options: Partial<Parameters<typeof stageBytes>[1]> = {},
) {
  return stageBytes(bytes, { digest: opened.store.digest, hash: opened.hash(bytes), ...options });
}

export function assertApplied(outcome: CommitOutcome<RemoteState>): asserts outcome is Applied {
  assert.equal(
    outcome.result,
    'applied',
    JSON.stringify(outcome, (_, v) => (typeof v === 'bigint' ? `${v}` : v)),
  );
}

/** Creates one file through the store. @returns the state that its archive would remember. */
export async function create(opened: OpenedStore, rawName: string, bytes: Uint8Array): Promise<RemoteState> {
  const name = toName(rawName);
  const outcome = await opened.store.pull(name, staged(opened, bytes), orderFor(name, ABSENT));
  assertApplied(outcome);
  return outcome.state;
}

export async function bytesAt(opened: OpenedStore, rawName: string): Promise<string | null> {
  const bytes = await opened.other.get(rawName);
  return bytes === null ? null : Buffer.from(bytes).toString();
}

export async function listAll(store: ObjectStore, limit = 1000): Promise<ListedObject[]> {
  const objects: ListedObject[] = [];
  let after: string | null = null;
  do {
    const page = await store.list(after, limit);
    objects.push(...page.objects);
    after = page.next;
  } while (after !== null);
  return objects;
}

export async function namesIn(opened: OpenedStore): Promise<string[]> {
  return (await listAll(opened.store)).map((object) => object.rawName);
}

/** Bytes that a recovery pointer leads to. */
export async function recovered(
  opened: OpenedStore,
  name: Name,
  pointer: RecoveryPointer | null,
): Promise<string> {
  assert.ok(pointer !== null, 'no recovery pointer');
  if (pointer.kind === 'copy') return (await bytesAt(opened, pointer.locator)) ?? 'nothing';
  assert.ok(pointer.hash !== null);
  const { size, hash, locator } = pointer;
  const state: RemoteState = { kind: 'file', size, hash, version: locator, mtimeNs: null };
  const outcome = await opened.store.stage(name, state);
  assert.ok(outcome.result === 'staged', 'the recovery pointer leads nowhere');
  const bytes = Buffer.from(await readAll(outcome.content)).toString();
  await outcome.content.release();
  return bytes;
}

/** Every content that can be found: at any current name, or by a pointer of one of the outcomes (invariant 1). */
export async function reachable(
  opened: OpenedStore,
  name: Name,
  outcomes: readonly CommitOutcome<RemoteState>[],
): Promise<Set<string>> {
  const found = new Set<string>();
  for (const rawName of await namesIn(opened)) found.add((await bytesAt(opened, rawName)) ?? 'nothing');
  for (const outcome of outcomes) {
    if (outcome.result === 'blocked') continue;
    if (outcome.recovery !== null) found.add(await recovered(opened, name, outcome.recovery));
    for (const copy of outcome.conflictCopies) {
      assert.notEqual(await bytesAt(opened, copy), null, `reported conflict copy ${copy} does not exist`);
    }
  }
  return found;
}
