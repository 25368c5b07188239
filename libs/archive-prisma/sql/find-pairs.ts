/** Finds pairs with their stores: every job begins with it. */
import type { Policies } from '#core/policies.ts';
import { toSerial } from '#core/serial.ts';
import type { ErrorCode } from '#ports/errors.ts';
import type { LocalFolderFacts } from '#ports/local-folder.ts';
import type { StoreCapabilities } from '#ports/object-store.ts';
import type { Pair, StoreKind } from '#ports/pair.ts';
import { planOnce, type Session } from '../connection.ts';

const find = (where: string): string => `
SELECT p.id, p.uid, p.name, p.container, p.identity, p.container_created_at, p.folder, p.volume, p.policies, p.excludes,
  p.ignore_text, p.versioning, p.capabilities, p.folder_facts, p.trash_days, p.trash_bytes, p.paused,
  p.disabled_code, p.disabled_reason, p.disabled_at, p.union_reason, p.union_at, p.revision,
  p.scan_wanted, p.scan_done, p.poll_wanted, p.poll_done, p.generation, p.generation_serial, p.local_generation,
  p.local_stamp, p.remote_generation,
  s.id AS store_id, s.name AS store_name, s.kind AS store_kind, s.url AS store_url, s.secret_from, s.secret_at, s.options
FROM pair p JOIN store s ON s.id = p.store_id
${where} ORDER BY p.name`;

const ALL = find('');
const BY_NAME = find('WHERE p.name = $1::text');
const ON_CONTAINER = find('WHERE p.container = $1::text AND s.url = $2::text');
const BY_ID = planOnce(find('WHERE p.id = ANY($1::int[])'));

interface PairRow {
  readonly id: number;
  readonly uid: string;
  readonly name: string;
  readonly container: string;
  readonly identity: string | null;
  readonly container_created_at: string | null;
  readonly folder: string;
  readonly volume: string;
  readonly policies: Policies;
  readonly excludes: readonly string[];
  readonly ignore_text: string;
  readonly versioning: boolean;
  readonly capabilities: StoreCapabilities | null;
  readonly folder_facts: LocalFolderFacts | null;
  readonly trash_days: number | null;
  readonly trash_bytes: bigint | null;
  readonly paused: boolean;
  readonly disabled_code: ErrorCode | null;
  readonly disabled_reason: string | null;
  readonly disabled_at: Date | null;
  readonly union_reason: string | null;
  readonly union_at: Date | null;
  readonly revision: number;
  readonly scan_wanted: bigint;
  readonly scan_done: bigint;
  readonly poll_wanted: bigint;
  readonly poll_done: bigint;
  readonly generation: bigint;
  readonly generation_serial: bigint;
  readonly local_generation: bigint;
  readonly local_stamp: string | null;
  readonly remote_generation: bigint;
  readonly store_id: number;
  readonly store_name: string;
  readonly store_kind: StoreKind;
  readonly store_url: string;
  readonly secret_from: 'file' | 'env';
  readonly secret_at: string;
  readonly options: Readonly<Record<string, string>>;
}

/** In order of their names. */
export async function allPairs(session: Session): Promise<readonly Pair[]> {
  return (await session.query<PairRow>(ALL)).map(toPair);
}

export async function pairNamed(session: Session, name: string): Promise<Pair | null> {
  const [row] = await session.query<PairRow>(BY_NAME, name);
  return row === undefined ? null : toPair(row);
}

export async function pairsOnContainerOf(
  session: Session,
  { container, store }: Pair,
): Promise<readonly Pair[]> {
  return (await session.query<PairRow>(ON_CONTAINER, container, store.url)).map(toPair);
}

/** In order of their names; those that are gone are left out. */
export async function pairsOf(session: Session, ids: readonly number[]): Promise<readonly Pair[]> {
  return (await session.query<PairRow>(BY_ID, ids)).map(toPair);
}

function toPair(row: PairRow): Pair {
  const { disabled_code, disabled_reason, disabled_at, union_reason, union_at } = row;
  const isDisabled = disabled_code !== null && disabled_reason !== null && disabled_at !== null;
  return {
    id: row.id,
    uid: row.uid,
    name: row.name,
    store: {
      id: row.store_id,
      name: row.store_name,
      kind: row.store_kind,
      url: row.store_url,
      secret: { from: row.secret_from, at: row.secret_at },
      options: row.options,
    },
    container: row.container,
    identity: row.identity,
    containerCreatedAt: row.container_created_at,
    folder: row.folder,
    volume: row.volume,
    policies: row.policies,
    excludes: row.excludes,
    ignoreText: row.ignore_text,
    versioning: row.versioning,
    capabilities: row.capabilities,
    folderFacts: row.folder_facts,
    retention: { days: row.trash_days, bytes: row.trash_bytes === null ? null : Number(row.trash_bytes) },
    paused: row.paused,
    disabled: isDisabled ? { code: disabled_code, reason: disabled_reason, at: disabled_at } : null,
    union: union_reason !== null && union_at !== null ? { reason: union_reason, at: union_at } : null,
    revision: row.revision,
    scanWanted: row.scan_wanted,
    scanDone: row.scan_done,
    pollWanted: row.poll_wanted,
    pollDone: row.poll_done,
    generations: {
      begun: { number: Number(row.generation), serial: toSerial(row.generation_serial) },
      told: {
        local: { number: Number(row.local_generation), stamp: row.local_stamp },
        remote: { number: Number(row.remote_generation), stamp: null },
      },
    },
  };
}
