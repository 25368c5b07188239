/**
 * Facts: a bucket keeps no metadata, so its identity and what pairs told it are hidden objects in it. That
 * one of them is missing tells a bucket that was made anew; that the bucket is missing the store says itself.
 */
import { formatGeneration, type Generation, generationPlace, parseGeneration } from '#core/generation.ts';
import { HoldfastError } from '#ports/errors.ts';
import { assertWritten, type Client, versionsOf } from './client.ts';
import { generationKey, IDENTITY_KEY } from './names.ts';
import { textBody } from './upload.ts';

const TEXT = { 'content-type': 'text/plain' };

/** @throws HoldfastError container-missing */
export function readIdentity(client: Client): Promise<string | null> {
  return readText(client, IDENTITY_KEY);
}

/** One object holds all places, a line each. @throws HoldfastError container-missing */
export async function readGenerations(client: Client, pairId: string): Promise<readonly Generation[]> {
  return parseGenerations(await readText(client, generationKey(pairId)));
}

function parseGenerations(text: string | null): readonly Generation[] {
  return (text ?? '').split('\n').flatMap((line) => parseGeneration(line) ?? []);
}

/** Somebody else's identity stays. @throws HoldfastError as every write */
export async function writeIdentity(client: Client, identity: string, guarded: boolean): Promise<void> {
  const guard: Record<string, string> = guarded ? { 'if-none-match': '*' } : {};
  assertWritten(await client.put(IDENTITY_KEY, { ...TEXT, ...guard }, textBody(identity)));
}

/**
 * Writes one place; the others stay.
 * @param guarded whether the bucket heeds `If-Match`: then one restored since it was read keeps what it holds.
 * @throws HoldfastError store-unavailable when somebody else wrote there meanwhile; as every write
 */
export async function writeGeneration(
  client: Client,
  pairId: string,
  generation: Generation,
  guarded: boolean,
): Promise<void> {
  const key = generationKey(pairId);
  const response = await client.get(key, null, null);
  const tag = response?.headers['etag'];
  const kept = parseGenerations(response === null ? null : await response.text());
  const others = kept.filter((other) => generationPlace(other) !== generationPlace(generation));
  const guard: Record<string, string> = guarded && tag !== undefined ? { 'if-match': tag } : {};
  const text = [...others, generation].map(formatGeneration).join('\n');
  const written = await client.put(key, { ...TEXT, ...guard }, textBody(text));
  if (written.result === 'refused') {
    throw new HoldfastError(
      'store-unavailable',
      `the bucket "${client.bucket}" was told something else just now`,
    );
  }
  assertWritten(written);
}

/** @throws HoldfastError as every write */
export async function writeText(client: Client, key: string, text: string): Promise<void> {
  assertWritten(await client.put(key, TEXT, textBody(text)));
}

/** Removes a hidden object; in a bucket with versions all of them, or only those below the current one. */
export async function erase(
  client: Client,
  key: string,
  versioned: boolean,
  which: 'all' | 'displaced' = 'all',
): Promise<void> {
  if (!versioned) {
    if (which === 'all') await client.remove(key);
    return;
  }
  // The newest one last: a store may bring an older one back in its place, of which there is none then.
  for (const { versionId, isLatest } of (await versionsOf(client, key)).toReversed()) {
    if (which === 'all' || !isLatest) await client.remove(key, { version: versionId });
  }
}

/** A small object of our own; null when there is none. @throws HoldfastError container-missing */
export async function readText(client: Client, key: string): Promise<string | null> {
  const response = await client.get(key, null, null);
  return response === null ? null : (await response.text()).trim();
}
