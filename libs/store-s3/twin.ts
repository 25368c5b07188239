/**
 * Twin: creating a name by a copy of the same bytes that the bucket holds already. The store copies only what
 * has the ETag that was meant, and tells that of the copy. Where it heeds no condition on the target of a copy,
 * what was there is found among the versions, as after any write that it does not guard.
 */
import type { Name } from '#core/name.ts';
import type { StoreCapabilities, Twin } from '#ports/object-store.ts';
import type { Client } from './client.ts';
import type { CommitContext, Order } from './commit-context.ts';
import { orderMark } from './heads.ts';
import type { UploadFacts } from './upload.ts';
import type { Written } from './written.ts';

/** What one copy may bring; larger content is sent. */
const MAX_COPY_BYTES = 5 * 1024 ** 3;

/** Whether a lost answer may be one of a copy that the store did not guard. */
export function mayCopyUnguarded({ serverSideCopy, copyCreateOnly, versions }: StoreCapabilities): boolean {
  return serverSideCopy && versions && copyCreateOnly !== 'enforced';
}

/** @returns the hint if a copy of it is what the order wants; null where the bytes have to be sent. */
export function twinFor(
  { serverSideCopy, copyCreateOnly, versions }: StoreCapabilities,
  upload: UploadFacts,
  order: Order,
  hint: Twin | undefined,
): Twin | null {
  if (hint === undefined || order.expected.kind !== 'absent' || upload.kind !== 'file') return null;
  if (!serverSideCopy || (!versions && copyCreateOnly !== 'enforced')) return null;
  const isSame = hint.size === upload.size && hint.hash === upload.md5;
  return isSame && upload.size > 0 && upload.size <= MAX_COPY_BYTES ? hint : null;
}

/** @returns null when the twin is gone or another by now, or the store does not copy it. */
export async function copyTwin(
  { client, capabilities }: CommitContext,
  name: Name,
  upload: UploadFacts,
  order: Order,
  twin: Twin,
): Promise<Written | null> {
  const version = capabilities.versions ? twin.version : null;
  const metadata = { ...attributesOf(upload), ...orderMark(order.serial) };
  const isNew = capabilities.copyCreateOnly !== 'ignored';
  const copyOf: CopyByTag = (etag) => client.copy(twin.name, { version, etag }, name, { metadata, isNew });
  const first = capabilities.listsDigests ? await copyOf(upload.md5) : null;
  const copied =
    first === null || first.result === 'source-gone'
      ? await copyByTag(client, upload, twin, version, copyOf)
      : first;
  if (copied === null || copied.result === 'source-gone') return null;
  // Whatever is wrong for good is about copies; of anything else a write tells as well.
  if (copied.result === 'failed' && copied.failure.grade !== 'transient') return null;
  return copied;
}

type Copied = Awaited<ReturnType<Client['copy']>>;
type CopyByTag = (etag: string) => Promise<Copied>;

/** Of what was uploaded in parts or encrypted, the ETag is no digest: then the object itself tells both. */
async function copyByTag(
  client: Client,
  upload: UploadFacts,
  { name, hash }: Twin,
  version: string | null,
  copyOf: CopyByTag,
): Promise<Copied | null> {
  const head = await client.head(name, version ?? undefined);
  if (head === null || head.etag === hash) return null;
  return head.size === upload.size && head.md5 === upload.md5 ? copyOf(head.etag) : null;
}

/** What a name is told beside its bytes; those are there already. */
function attributesOf({ headers }: UploadFacts): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).filter(([key]) => key === 'content-type' || key.startsWith('x-amz-meta-')),
  );
}
