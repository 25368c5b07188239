// Creating, changing and deleting objects. PUT and POST check preconditions in
// an early unlocked look; two writers with the same ETag can both pass, are
// then serialised by the lock, and both get 201. DELETE checks nothing.

import { createHash } from 'node:crypto';
import { Fault } from './fault.ts';
import { blockCount, cutIntoBlocks, EMPTY_HASH } from './hash.ts';
import { mergeMeta, sentObjectMeta } from './metadata.ts';
import { checkQuota, commit, etagOf, type Pithos, requireContainer } from './pithos.ts';
import { checkWriteConditions, hasWriteConditions, parseEtags } from './preconditions.ts';
import { jsonReply } from './render.ts';
import {
  bodyBlocks,
  bodyLength,
  hasFlag,
  integerParameter,
  MAX_UPLOAD_BYTES,
  type PithosRequest,
  type Reply,
  readText,
  requireContentType,
} from './request.ts';
import { MICROS_PER_SECOND } from './timestamps.ts';
import type { Version } from './version-store.ts';

/** The precondition look of PUT: at the URL, where a missing container counts as a missing object. */
export function checkPutConditions(pithos: Pithos, request: PithosRequest): void {
  if (!hasWriteConditions(request.headers)) return;
  const { account, container: name, object } = request.target;
  const container = pithos.tables.containers.find(account, name);
  const current = container === undefined ? undefined : pithos.versions.current(container.id, object);
  checkWriteConditions(request.headers, current === undefined ? undefined : etagOf(pithos, current));
}

export async function putData(pithos: Pithos, request: PithosRequest): Promise<Reply> {
  checkPutConditions(pithos, request);
  const meta = sentObjectMeta(request.headers);
  bodyLength(request);
  const type = requireContentType(request);
  const expected = request.headers.get('etag');
  const md5 = expected || pithos.settings.md5Mode ? createHash('md5') : undefined;
  const leaves: string[] = [];
  let bytes = 0;
  for await (const block of bodyBlocks(request, pithos.blockSize)) {
    bytes += block.length;
    if (bytes > MAX_UPLOAD_BYTES) throw new Fault(413, 'Upload is too large');
    md5?.update(block);
    leaves.push(pithos.blocks.put(block));
  }
  const checksum = md5?.digest('hex') ?? '';
  if (expected && parseEtags(expected)[0] !== checksum) throw new Fault(422, 'Object ETag does not match');
  if (leaves.length === 0) leaves.push(EMPTY_HASH);
  return writeContent(pithos, request, { leaves, bytes, type, md5: checksum, meta });
}

export async function putHashmap(pithos: Pithos, request: PithosRequest): Promise<Reply> {
  checkPutConditions(pithos, request);
  const meta = sentObjectMeta(request.headers);
  bodyLength(request);
  const type = requireContentType(request);
  const { bytes, hashes } = parseHashmap(await readText(request), pithos.blockSize);
  // The MD5 of a map is not sent by the client; only MD5 mode bothers to compute it from the blocks.
  const md5 =
    pithos.settings.md5Mode && pithos.blocks.missing(hashes).length === 0
      ? mapMd5(pithos, hashes, bytes)
      : '';
  return writeContent(pithos, request, { leaves: hashes, bytes, type, md5, meta });
}

interface Content {
  readonly leaves: readonly string[];
  readonly bytes: number;
  readonly type: string;
  readonly md5: string;
  readonly meta: Readonly<Record<string, string>>;
}

function writeContent(pithos: Pithos, request: PithosRequest, content: Content): Promise<Reply> {
  const { leaves, bytes, type, md5, meta } = content;
  return commit(pithos, request, [request.target.container], ([container]) => {
    const missing = pithos.blocks.missing(leaves);
    if (missing.length > 0) return jsonReply(409, missing);
    const hash = pithos.versions.saveMap(leaves);
    const draft = { path: request.target.object, hash, bytes, type, md5, author: request.user.userId, meta };
    const version = pithos.versions.write(container!, draft, pithos.clock());
    checkQuota(pithos, container!);
    return {
      status: 201,
      headers: { ETag: etagOf(pithos, version), 'X-Object-Version': String(version.serial) },
    };
  });
}

function parseHashmap(body: string, blockSize: number): { bytes: number; hashes: string[] } {
  let parsed: unknown;
  try {
    parsed = JSON.parse(body);
  } catch {
    throw new Fault(400, 'Invalid data formatting');
  }
  const { bytes, hashes } = (parsed ?? {}) as { bytes?: unknown; hashes?: unknown };
  if (typeof bytes !== 'number' || !Number.isSafeInteger(bytes) || bytes < 0 || !Array.isArray(hashes)) {
    throw new Fault(400, 'Invalid data formatting');
  }
  const leaves = hashes.map((hash: unknown) => {
    if (typeof hash !== 'string' || !/^[0-9a-fA-F]{64}$/.test(hash)) throw new Fault(400, 'Bad hash');
    return hash.toLowerCase();
  });
  if (bytes === 0) {
    const isEmpty = leaves.length === 0 || (leaves.length === 1 && leaves[0] === EMPTY_HASH);
    if (!isEmpty) throw new Fault(400, 'Hashes do not fit an empty object');
    return { bytes, hashes: [EMPTY_HASH] };
  }
  // Neither block_size nor block_hash is looked at; only the count must fit.
  if (leaves.length !== blockCount(bytes, blockSize)) throw new Fault(400, 'Wrong number of hashes');
  return { bytes, hashes: leaves };
}

function mapMd5(pithos: Pithos, hashes: readonly string[], bytes: number): string {
  const md5 = createHash('md5');
  hashes.forEach((hash, index) => {
    // The server takes size modulo block size for the last block, so a full last block is left out.
    const length = index === hashes.length - 1 ? bytes % pithos.blockSize : pithos.blockSize;
    md5.update(pithos.blocks.get(hash, length) ?? Buffer.alloc(length));
  });
  return md5.digest('hex');
}

/** POST: metadata (202, a new version with the same hash) or, with a Content-Range, data (204). */
export async function postObject(pithos: Pithos, request: PithosRequest): Promise<Reply> {
  const { account, container: name, object } = request.target;
  const container = requireContainer(pithos, account, name);
  const current = requireCurrent(pithos, container.id, object);
  if (hasWriteConditions(request.headers)) checkWriteConditions(request.headers, etagOf(pithos, current));
  const sent = sentObjectMeta(request.headers);
  const contentRange = request.headers.get('content-range');
  if (contentRange !== undefined && request.headers.get('content-type') === 'application/octet-stream') {
    return patchData(pithos, request, current, contentRange);
  }
  const isReplacing = !hasFlag(request, 'update');
  if (!isReplacing && Object.keys(sent).length === 0) return { status: 202, headers: {} };
  return commit(pithos, request, [name], ([locked]) => {
    const newest = requireCurrent(pithos, locked!.id, object);
    const meta = isReplacing ? sent : mergeMeta(newest.meta, sent);
    const draft = { ...newest, author: request.user.userId, meta };
    const version = pithos.versions.write(locked!, draft, pithos.clock());
    return { status: 202, headers: { 'X-Object-Version': String(version.serial) } };
  });
}

function requireCurrent(pithos: Pithos, container: number, path: string): Version {
  const current = pithos.versions.current(container, path);
  if (current === undefined) throw new Fault(404, 'Object does not exist');
  return current;
}

/** Writes bytes into the content as it was before the lock: concurrent appends lose data, as on the real server. */
async function patchData(
  pithos: Pithos,
  request: PithosRequest,
  base: Version,
  contentRange: string,
): Promise<Reply> {
  const match = /^bytes\s+(?:(\d+)-(\d*)|\*)\/(?:\*|\d+)$/.exec(contentRange.trim());
  if (match === null) throw new Fault(416, 'Invalid Content-Range header');
  const offset = match[1] === undefined ? base.bytes : Number(match[1]);
  if (offset > base.bytes) throw new Fault(416, 'Supplied offset is beyond object limits');
  bodyLength(request);
  const parts: Buffer[] = [];
  for await (const block of bodyBlocks(request, pithos.blockSize)) parts.push(block);
  const patch = Buffer.concat(parts);
  const leaves = pithos.versions.loadMap(base.hash, blockCount(base.bytes, pithos.blockSize));
  const blocks = leaves.map((leaf, index) => {
    const length = Math.min(pithos.blockSize, base.bytes - index * pithos.blockSize);
    return pithos.blocks.get(leaf, length) ?? Buffer.alloc(length);
  });
  const content = Buffer.alloc(Math.max(base.bytes, offset + patch.length));
  content.set(Buffer.concat(blocks));
  content.set(patch, offset);
  const written = cutIntoBlocks(content, pithos.blockSize).map((block) => pithos.blocks.put(block));
  const meta = hasFlag(request, 'update')
    ? mergeMeta(base.meta, sentObjectMeta(request.headers))
    : sentObjectMeta(request.headers);
  const reply = await writeContent(pithos, request, {
    leaves: written,
    bytes: content.length,
    type: base.type,
    md5: '',
    meta,
  });
  return { ...reply, status: 204 };
}

/** DELETE: no precondition is ever looked at. A malformed `until` turns the purge into a real deletion. */
export async function deleteObject(pithos: Pithos, request: PithosRequest): Promise<Reply> {
  const { container: name, object } = request.target;
  const until = integerParameter(request, 'until');
  const delimiter = request.query.get('delimiter');
  return commit(pithos, request, [name], ([container]) => {
    const { id } = container!;
    if (until !== undefined) {
      if (pithos.versions.lastChange(id, object) === undefined) throw new Fault(404, 'Object does not exist');
      pithos.versions.purgePath(id, object, until * MICROS_PER_SECOND, pithos.clock());
      return { status: 204, headers: {} };
    }
    requireCurrent(pithos, id, object);
    const paths = [object];
    if (delimiter) paths.push(...pathsBelow(pithos, id, object, delimiter));
    for (const path of paths) pithos.versions.remove(container!, path, request.user.userId, pithos.clock());
    return { status: 204, headers: {} };
  });
}

/** Current paths below `path`, not counting itself. */
export function pathsBelow(pithos: Pithos, container: number, path: string, delimiter: string): string[] {
  const prefix = path.endsWith(delimiter) ? path : path + delimiter;
  return pithos.versions.pathsUnder(container, prefix).filter((below) => below !== path);
}
