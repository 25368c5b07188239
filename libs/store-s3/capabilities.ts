/**
 * Capabilities: what this endpoint really does with conditions, found by conflicting writes on hidden names,
 * which are removed again with all their versions. A store may check a condition and write in two steps, so
 * several writers at once try what only one of them may do: a guard counts as enforced when none slipped in.
 */
import { createHash } from 'node:crypto';
import type { Clock } from '#ports/clock.ts';
import { asHoldfastError } from '#ports/errors.ts';
import type { Guard, StoreCapabilities } from '#ports/object-store.ts';
import type { Client } from './client.ts';
import { assertWritten } from './client.ts';
import { erase } from './facts.ts';
import { digestInTag } from './heads.ts';
import { probeKey } from './names.ts';
import { MAX_OBJECT_BYTES, MAX_WHOLE_BYTES, textBody } from './upload.ts';
import type { Written } from './written.ts';

/** What holds before anything was probed: nothing is promised. */
export const UNPROBED: StoreCapabilities = {
  createOnly: 'ignored',
  replaceIf: 'ignored',
  deleteIf: 'ignored',
  versions: false,
  listingLags: true,
  listsDigests: true,
  serverSideCopy: false,
  copyCreateOnly: 'ignored',
  // S3 without parts is rare, and a file that needs them is tried at worst.
  resumesUploads: true,
  guardsLarge: false,
  unprotectedWindow: true,
  maxObjectBytes: MAX_OBJECT_BYTES,
  blockSize: null,
};

const FIRST = 'first';
const WRONG_TAG = '0'.repeat(32);
const ROUNDS = 5;
const WRITERS = 4;

/** @param versioned whether the bucket says that versions are on. */
export async function probeCapabilities(
  client: Client,
  clock: Clock,
  versioned: boolean,
): Promise<StoreCapabilities> {
  const id = clock.uniqueId();
  const keys: string[] = [];
  const fresh = (): string => {
    keys.push(probeKey(`${id}-${keys.length}`));
    return keys.at(-1)!;
  };
  try {
    const key = fresh();
    const written = await client.put(key, {}, textBody(FIRST));
    assertWritten(written);
    const version = written.result === 'done' ? written.version : null;
    const listsDigests = written.result === 'done' && digestInTag(written.etag) === md5Of(FIRST);
    const head = await client.head(key);
    const createOnly = await probeCreate(client, key, fresh);
    const replaceIf = await probeReplace(client, key, fresh);
    const versions = versioned && version !== null && (await readsOldVersion(client, key, version));
    const deleteIf = await probeDelete(client, key, fresh);
    const copies = await probeCopy(client, head?.etag ?? '', fresh);
    const isGuarded = [createOnly, replaceIf, deleteIf].every((guard) => guard === 'enforced');
    const resumesUploads = (await joinAs(client, fresh(), FIRST, {})) === 'done';
    const mayGuard = resumesUploads && createOnly === 'enforced' && replaceIf === 'enforced';
    const guardsLarge = !mayGuard || (await probeJoining(client, key, fresh));
    return {
      ...UNPROBED,
      createOnly,
      replaceIf,
      deleteIf,
      versions,
      // Where conditions are not enforced, writes have no order that a listing could be trusted to show.
      listingLags: createOnly !== 'enforced' || replaceIf !== 'enforced',
      listsDigests,
      ...copies,
      resumesUploads,
      guardsLarge,
      maxObjectBytes: resumesUploads ? MAX_OBJECT_BYTES : MAX_WHOLE_BYTES,
      unprotectedWindow: !versions && !isGuarded,
    };
  } finally {
    for (const key of keys) await erase(client, key, versioned);
  }
}

/** A condition that refuses what holds, too, is of no use: then it is never sent. */
async function probeCreate(client: Client, taken: string, fresh: () => string): Promise<Guard> {
  const create = (key: string, text: string): Promise<Written> =>
    client.put(key, { 'if-none-match': '*' }, textBody(text));
  if ((await create(taken, 'second')).result !== 'refused') return 'ignored';
  if ((await create(fresh(), 'second')).result !== 'done') return 'ignored';
  return contended(async () => {
    const key = fresh();
    return winners((writer) => create(key, `${writer}`));
  });
}

async function probeReplace(client: Client, taken: string, fresh: () => string): Promise<Guard> {
  const replace = (key: string, etag: string, text: string): Promise<Written> =>
    client.put(key, { 'if-match': `"${etag}"` }, textBody(text));
  if ((await replace(taken, WRONG_TAG, 'third')).result !== 'refused') return 'ignored';
  const { key, etag } = await putFresh(client, fresh);
  if ((await replace(key, etag, 'fourth')).result !== 'done') return 'ignored';
  return contended(async () => {
    const raced = await putFresh(client, fresh);
    return winners((writer) => replace(raced.key, raced.etag, `${writer}`));
  });
}

/** Of deletes and replaces of the same content one may succeed. */
async function probeDelete(client: Client, taken: string, fresh: () => string): Promise<Guard> {
  if ((await client.remove(taken, { ifMatch: WRONG_TAG })).result !== 'refused') return 'ignored';
  if ((await client.head(taken)) === null) return 'ignored';
  const { key, etag } = await putFresh(client, fresh);
  if ((await client.remove(key, { ifMatch: etag })).result !== 'done') return 'ignored';
  return contended(async () => {
    const raced = await putFresh(client, fresh);
    return winners((writer) =>
      writer % 2 === 0
        ? client.remove(raced.key, { ifMatch: raced.etag })
        : client.put(raced.key, { 'if-match': `"${raced.etag}"` }, textBody(`${writer}`)),
    );
  });
}

/** @param etag that `FIRST` gets here. */
async function probeCopy(
  client: Client,
  etag: string,
  fresh: () => string,
): Promise<Pick<StoreCapabilities, 'serverSideCopy' | 'copyCreateOnly'>> {
  const source = fresh();
  assertWritten(await client.put(source, {}, textBody(FIRST)));
  const copy = (target: string, tag: string, isNew: boolean): Promise<Written> =>
    client.copy(source, { version: null, etag: tag }, target, { isNew }).then(asWritten);
  const target = fresh();
  const serverSideCopy =
    (await copy(target, etag, false)).result === 'done' &&
    (await copy(fresh(), WRONG_TAG, false)).result === 'refused';
  if (!serverSideCopy || (await copy(target, etag, true)).result !== 'refused')
    return { serverSideCopy, copyCreateOnly: 'ignored' };
  const copyCreateOnly = await contended(async () => {
    const key = fresh();
    return winners(() => copy(key, etag, true));
  });
  return { serverSideCopy, copyCreateOnly };
}

/** A source that is gone, or another, refuses a copy as much as a target that is taken. */
function asWritten(copied: Written | { readonly result: 'source-gone' }): Written {
  return copied.result === 'source-gone' ? { result: 'refused' } : copied;
}

/** Whether conditions hold when parts are joined as they do for a PUT. */
async function probeJoining(client: Client, taken: string, fresh: () => string): Promise<boolean> {
  if ((await joinAs(client, taken, 'fifth', { 'if-none-match': '*' })) !== 'refused') return false;
  if ((await joinAs(client, taken, 'fifth', { 'if-match': `"${WRONG_TAG}"` })) !== 'refused') return false;
  const { key, etag } = await putFresh(client, fresh);
  if ((await joinAs(client, key, 'sixth', { 'if-match': `"${etag}"` })) !== 'done') return false;
  const guard = await contended(async () => {
    const raced = fresh();
    const results = await Promise.all(
      Array.from({ length: WRITERS }, (_, writer) =>
        joinAs(client, raced, `${writer}`, { 'if-none-match': '*' }),
      ),
    );
    return results.filter((result) => result === 'done').length;
  });
  return guard === 'enforced';
}

/** An object of one part. What is refused or fails is dropped again. */
async function joinAs(
  client: Client,
  key: string,
  text: string,
  condition: Readonly<Record<string, string>>,
): Promise<Written['result']> {
  const { parts } = client;
  let uploadId: string | null = null;
  try {
    uploadId = await parts.begin(key, {});
    const etag = await parts.send(key, uploadId, 1, textBody(text), md5Of(text, 'base64'));
    const { result } = await parts.join(key, uploadId, [etag], condition);
    if (result === 'done') uploadId = null;
    return result;
  } catch (thrown) {
    if (asHoldfastError(thrown).grade === 'permanent') return 'failed';
    throw thrown;
  } finally {
    if (uploadId !== null) await parts.drop(key, uploadId);
  }
}

/** @param race gives how many of several at once did what only one of them may do. */
async function contended(race: () => Promise<number>): Promise<Guard> {
  for (let round = 0; round < ROUNDS; round += 1) {
    if ((await race()) !== 1) return 'advisory';
  }
  return 'enforced';
}

async function putFresh(client: Client, fresh: () => string): Promise<{ key: string; etag: string }> {
  const key = fresh();
  const written = await client.put(key, {}, textBody(FIRST));
  assertWritten(written);
  return { key, etag: written.result === 'done' ? written.etag : WRONG_TAG };
}

async function winners(write: (writer: number) => Promise<Written>): Promise<number> {
  const results = await Promise.all(Array.from({ length: WRITERS }, (_, writer) => write(writer)));
  return results.filter(({ result }) => result === 'done').length;
}

async function readsOldVersion(client: Client, key: string, version: string): Promise<boolean> {
  assertWritten(await client.put(key, {}, textBody('last')));
  const response = await client.get(key, version, null);
  return response !== null && (await response.text()) === FIRST;
}

function md5Of(text: string, encoding: 'hex' | 'base64' = 'hex'): string {
  return createHash('md5').update(text).digest(encoding);
}
