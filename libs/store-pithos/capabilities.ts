/**
 * Capabilities: found out on the real endpoint with real conflicting writes under a unique hidden
 * name, which is removed again. A precondition that is honoured still is only advisory here: the
 * server checks it before it takes its lock (pithos-api section 4.8), so commits verify afterwards.
 */
import type { Guard as GuardStrength, StoreCapabilities } from '#ports/object-store.ts';
import type { Guard, PithosClient } from './client.ts';
import { FILE_TYPE, PROBES_PREFIX } from './wire.ts';

/** Hash maps may name any number of blocks; beyond this, files are not what a folder holds (a pebibyte). */
const MAX_OBJECT_BYTES = 2 ** 50;

/** A tag that no content has. */
const WRONG_TAG = 'f'.repeat(64);

/** What the API promises, until the endpoint was tried. @param blockSize of the container, in bytes. */
export function assumedCapabilities(isVersioned: boolean, blockSize: number): StoreCapabilities {
  return {
    createOnly: 'advisory',
    replaceIf: 'advisory',
    deleteIf: 'ignored',
    versions: isVersioned,
    listingLags: false,
    listsDigests: true,
    serverSideCopy: true,
    copyCreateOnly: 'ignored',
    // Blocks that arrived are not asked for again.
    resumesUploads: true,
    guardsLarge: true,
    // An advisory guard alone leaves the moment between check and lock open.
    unprotectedWindow: !isVersioned,
    maxObjectBytes: MAX_OBJECT_BYTES,
    blockSize,
  };
}

/** @param uniqueId names the probe; nobody else's. @param blockSize of the container, in bytes. */
export async function probeCapabilities(
  client: PithosClient,
  uniqueId: string,
  isVersioned: boolean,
  blockSize: number,
): Promise<StoreCapabilities> {
  const name = PROBES_PREFIX + uniqueId;
  const put = async (guard: Guard): Promise<boolean> => {
    const map = { bytes: 0, hashes: [] };
    return (
      (await client.putHashmap(name, { map, contentType: FILE_TYPE, meta: {}, guard })).result === 'refused'
    );
  };
  let deleteIf: GuardStrength = 'ignored';
  let createOnly: GuardStrength;
  let replaceIf: GuardStrength;
  try {
    await put({ onlyIfAbsent: true });
    createOnly = (await put({ onlyIfAbsent: true })) ? 'advisory' : 'ignored';
    replaceIf = (await put({ onlyIfTag: WRONG_TAG })) ? 'advisory' : 'ignored';
    if ((await client.remove(name, WRONG_TAG)) === 'refused') deleteIf = 'advisory';
  } finally {
    await client.remove(name);
  }
  return { ...assumedCapabilities(isVersioned, blockSize), createOnly, replaceIf, deleteIf };
}
