/**
 * Capabilities: what this endpoint really does with preconditions, found by conflicting writes
 * on one hidden name, which is removed again with all its versions. Swift checks a create before
 * the write and not atomically with it, so nothing here is ever called enforced.
 */

import { PRIVATE_DIRECTORY } from '#core/name.ts';
import type { HttpResponse } from '#libs/http/client.ts';
import type { Clock } from '#ports/clock.ts';
import { HoldfastError } from '#ports/errors.ts';
import type { Guard, StoreCapabilities } from '#ports/object-store.ts';
import { type Client, failureOf } from './client.ts';
import { manifestMark, objectHead } from './heads.ts';
import { MAX_OBJECT_BYTES, MAX_WHOLE_BYTES, manifestTag } from './upload.ts';
import { listVersions } from './versions.ts';

const FIRST = Buffer.from('first');
const SECOND = Buffer.from('second');
const FIRST_MD5 = '8b04d5e3775d298e78455efc5ca404d5';
const WRONG_ETAG = '0'.repeat(32);

/** What holds before anything was probed: nothing is promised. */
export const UNPROBED: StoreCapabilities = {
  createOnly: 'ignored',
  replaceIf: 'ignored',
  deleteIf: 'ignored',
  versions: false,
  listingLags: true,
  listsDigests: true,
  serverSideCopy: false,
  // Its conditions are about the source.
  copyCreateOnly: 'ignored',
  resumesUploads: false,
  guardsLarge: true,
  unprotectedWindow: true,
  maxObjectBytes: MAX_WHOLE_BYTES,
  blockSize: null,
};

/** @param versioned whether the container says that versioning is on. */
export async function probeCapabilities(
  client: Client,
  clock: Clock,
  versioned: boolean,
): Promise<StoreCapabilities> {
  const name = `${PRIVATE_DIRECTORY}/probe-${clock.uniqueId()}`;
  const copy = `${name}-copy`;
  try {
    const written = await expectCreated(name, await client.put(name, {}, () => FIRST));
    const version = objectHead(written.headers).version;
    const created = await client.put(name, { 'if-none-match': '*' }, () => SECOND);
    const copied = await client.copy(name, { version, etag: FIRST_MD5 }, copy).catch(notCopied);
    const replaced = await client.put(name, { 'if-match': WRONG_ETAG }, () => SECOND);
    const deleted = await client.remove(name, null, { 'if-match': WRONG_ETAG });
    const resumesUploads = await takesManifests(client, copy, versioned);
    const versions = versioned && version !== null && (await readsOldVersion(client, name, version));
    return {
      ...UNPROBED,
      createOnly: guardOf(created.status),
      replaceIf: guardOf(replaced.status),
      deleteIf: guardOf(deleted.status),
      versions,
      serverSideCopy: copied !== undefined,
      resumesUploads,
      maxObjectBytes: resumesUploads ? MAX_OBJECT_BYTES : MAX_WHOLE_BYTES,
      unprotectedWindow: !versions,
    };
  } finally {
    await erase(client, name, versioned);
    await erase(client, copy, versioned);
  }
}

/**
 * Whether static large objects are what Holdfast makes of them: an object is one segment of a manifest that takes its place.
 * A store that knows no manifests would take their text for content.
 */
async function takesManifests(client: Client, name: string, versioned: boolean): Promise<boolean> {
  const segment = `${name}-segment`;
  try {
    await expectCreated(segment, await client.put(segment, {}, () => FIRST));
    const rows = [{ path: client.path(segment), etag: FIRST_MD5, size_bytes: FIRST.length }];
    const tag = manifestTag([{ md5: FIRST_MD5 }]);
    const manifest = Buffer.from(JSON.stringify(rows));
    const headers = { 'content-length': String(manifest.length), etag: tag, ...manifestMark(FIRST_MD5, tag) };
    const written = await client.put(name, headers, () => manifest, 'manifest');
    if (written.status !== 201) return false;
    const head = await client.head(name);
    return head?.manifest?.tag === tag && head.etag === FIRST_MD5 && head.size === FIRST.length;
  } finally {
    await erase(client, segment, versioned);
  }
}

function guardOf(status: number): Guard {
  return status === 412 ? 'advisory' : 'ignored';
}

async function expectCreated(name: string, response: HttpResponse): Promise<HttpResponse> {
  if (response.status !== 201) throw await failureOf(response, name);
  return response;
}

function notCopied(thrown: unknown): undefined {
  if (thrown instanceof HoldfastError && thrown.grade === 'permanent') return undefined;
  throw thrown;
}

async function readsOldVersion(client: Client, name: string, version: string): Promise<boolean> {
  const response = await client.get(name, version, {});
  const bytes = await response.bytes();
  return response.status === 200 && FIRST.equals(bytes);
}

/** Removes a name with its history. A DELETE of what is absent would itself leave a marker, so only versions are named. */
async function erase(client: Client, name: string, versioned: boolean): Promise<void> {
  if (!versioned) {
    await client.remove(name, null);
    return;
  }
  for (const version of await listVersions(client, name)) await client.remove(name, version.id);
}
