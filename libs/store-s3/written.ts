/** Written: how a write or a delete ended, told from its answer. What it may mean a commit must judge itself. */
import type { HttpResponse } from '#libs/http/client.ts';
import type { HoldfastError } from '#ports/errors.ts';
import { type Answer, bucketMissing, failureOf } from './failures.ts';
import { plainTag } from './xml.ts';

/** How a conditional write or delete ended. */
export type Written =
  | { readonly result: 'done'; readonly etag: string; readonly version: string | null }
  /** The condition does not hold, or another write was under way; nothing was done. */
  | { readonly result: 'refused' }
  /** The store cannot hold an object and others below it (gateways to file systems): one of them is there. */
  | { readonly result: 'in-the-way'; readonly which: 'ancestor' | 'contents' }
  | { readonly result: 'failed'; readonly failure: HoldfastError };

/** Codes of gateways to file systems and of stores that think in files. */
const IN_THE_WAY: Readonly<Record<string, 'ancestor' | 'contents'>> = {
  ObjectParentIsFile: 'ancestor',
  XMinioParentIsObject: 'ancestor',
  ExistingObjectIsDirectory: 'contents',
  XMinioObjectExistsAsDirectory: 'contents',
};
const CONFLICTS = new Set(['ConditionalRequestConflict', 'OperationAborted']);

/** @throws HoldfastError container-missing */
export async function writtenOf(answer: Answer, bucket: string): Promise<Written> {
  const { response, problem } = answer;
  if (problem === null) {
    await response.discard();
    return { result: 'done', etag: plainTag(response.headers['etag'] ?? ''), version: versionOf(response) };
  }
  if (problem.code === 'NoSuchBucket') throw bucketMissing(bucket);
  if (response.status === 412 || response.status === 404 || CONFLICTS.has(problem.code))
    return { result: 'refused' };
  const which = IN_THE_WAY[problem.code];
  if (which !== undefined) return { result: 'in-the-way', which };
  return { result: 'failed', failure: failureOf(answer) };
}

export function versionOf({ headers }: HttpResponse): string | null {
  return headers['x-amz-version-id'] ?? null;
}
