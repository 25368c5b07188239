/**
 * Download: a handle pinned to one content by version id, where known, and MD5. A whole read
 * is verified before its last chunk is handed out, so that nobody applies other bytes.
 */

import type { Name } from '#core/name.ts';
import type { RemoteState } from '#core/state.ts';
import { received } from '#libs/digest/verified.ts';
import type { HttpResponse } from '#libs/http/client.ts';
import { type StagedFile, StaleContent } from '#ports/content.ts';
import { HoldfastError } from '#ports/errors.ts';
import { type Client, failureOf } from './client.ts';
import { type Manifest, objectHead } from './heads.ts';

type FileState = RemoteState & { readonly kind: 'file' };

/** Costs no request until it is read; `mode` and the exact `mtimeNs` are known after the first answer. */
export function stageDownload(client: Client, name: Name, expected: FileState): StagedFile {
  let mtimeNs = expected.mtimeNs;
  let mode: number | null = null;

  /** ETag of the content; of a large object not its MD5, which is found out when the store says so. */
  let tag = expected.hash;

  const open = async (start: number, end: number): Promise<HttpResponse> => {
    const partial = start > 0 || end < expected.size;
    const send = (): Promise<HttpResponse> =>
      client.get(name, expected.version, {
        'if-match': tag,
        ...(partial ? { range: `bytes=${start}-${end - 1}` } : {}),
      });
    let response = await send();
    if (response.status === 412 && tag === expected.hash) {
      const manifest = await manifestOf(client, name, expected);
      if (manifest !== null) {
        await response.discard();
        tag = manifest.tag;
        response = await send();
      }
    }
    if (response.status === 200 || response.status === 206) {
      const head = objectHead(response.headers);
      mtimeNs = head.mtimeNs;
      mode = head.mode;
      return response;
    }
    if (response.status !== 404 && response.status !== 412) throw await failureOf(response, name);
    await response.discard();
    await refuseSymlink(client, name, expected, response.status);
    throw new StaleContent('the object was replaced or removed');
  };

  return {
    kind: 'file',
    size: expected.size,
    hash: expected.hash,
    digest: { algorithm: 'md5' },
    get mtimeNs() {
      return mtimeNs;
    },
    get mode() {
      return mode;
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

/** That of ours which holds the expected content. */
async function manifestOf(client: Client, name: Name, expected: FileState): Promise<Manifest | null> {
  const head = await client.head(name, expected.version ?? undefined);
  return head?.etag === expected.hash && head.size === expected.size ? head.manifest : null;
}

/**
 * In a versioned container a user's symlink looks like its target, but the version it shows is not
 * its own: without this look its download would be stale for ever.
 */
async function refuseSymlink(client: Client, name: Name, expected: FileState, status: number): Promise<void> {
  if (status !== 404 || expected.version === null) return;
  const head = await client.head(name);
  if (head?.version === expected.version) {
    throw new HoldfastError('store-refused', 'the object is a symlink upstream and is left alone');
  }
}
