/**
 * Download: a handle pinned to one content, by version where known and always by its digest. A whole read is
 * verified before its last chunk is handed out, so that nobody applies other bytes.
 */

import type { Name } from '#core/name.ts';
import type { RemoteState } from '#core/state.ts';
import { received } from '#libs/digest/verified.ts';
import type { HttpResponse } from '#libs/http/client.ts';
import { type StagedFile, StaleContent } from '#ports/content.ts';
import type { Client } from './client.ts';
import { objectHead } from './heads.ts';

type FileState = RemoteState & { readonly kind: 'file' };

/** Costs no request until it is read; `mode` and the exact `mtimeNs` are known after the first answer. */
export function stageDownload(
  client: Client,
  name: Name,
  expected: FileState,
  listsDigests: boolean,
): StagedFile {
  let refined: { readonly mtimeNs: bigint | null; readonly mode: number | null } = {
    mtimeNs: expected.mtimeNs,
    mode: null,
  };
  const open = async (start: number, end: number): Promise<HttpResponse> => {
    const isWhole = start === 0 && end === expected.size;
    const response = await client.get(name, expected.version, isWhole ? null : `bytes=${start}-${end - 1}`);
    if (response === null) throw new StaleContent('the object was replaced or removed');
    const head = objectHead(name, response.headers, listsDigests);
    if (head.kind === 'file' && head.size === expected.size && head.md5 === expected.hash) {
      refined = head;
      return response;
    }
    await response.discard();
    throw new StaleContent('the object was replaced');
  };
  return {
    kind: 'file',
    size: expected.size,
    hash: expected.hash,
    digest: { algorithm: 'md5' },
    get mtimeNs() {
      return refined.mtimeNs;
    },
    get mode() {
      return refined.mode;
    },
    async *read(start = 0, end = expected.size) {
      const isWhole = start === 0 && end === expected.size;
      if (start >= end && !isWhole) return;
      const response = await open(start, end);
      try {
        yield* received(response.body, end - start, isWhole ? expected.hash : null);
      } finally {
        await response.discard();
      }
    },
    release: () => Promise.resolve(),
  };
}
