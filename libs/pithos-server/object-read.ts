// HEAD and GET of objects: current or pinned to a version, as data with
// unclamped ranges, as hash map, or as the list of versions. An unpinned GET
// reads twice, headers first and body later, and the two may disagree.

import { Fault } from './fault.ts';
import { blockCount } from './hash.ts';
import { parseMeta } from './metadata.ts';
import { etagOf, type Pithos, requireContainer } from './pithos.ts';
import { checkDateConditions, checkReadConditions } from './preconditions.ts';
import { type ByteRange, parseRanges } from './ranges.ts';
import { escapeXml, jsonReply, xmlReply } from './render.ts';
import { hasFlag, type PithosRequest, type Reply, replyFormat } from './request.ts';
import { decimalSeconds, httpDate, parseHttpDate, toSeconds } from './timestamps.ts';
import type { Version } from './version-store.ts';

export function readObject(pithos: Pithos, request: PithosRequest): Reply | Promise<Reply> {
  const { account, container: name, object: path } = request.target;
  const container = requireContainer(pithos, account, name).id;
  const asked = request.query.get('version');
  if (asked === 'list' && request.method === 'GET') return listVersions(pithos, request, container);
  const find = () => selectVersion(pithos, container, path, asked);
  const version = find();
  // The date is that of the newest version or deletion, even when an older version was asked for.
  const changedAt = pithos.versions.lastChange(container, path) ?? version.mtime;
  checkDateConditions(request.headers, changedAt);
  checkReadConditions(request.headers, etagOf(pithos, version));
  const headers = objectHeaders(pithos, version, changedAt);
  if (request.method === 'HEAD') return { status: 200, headers };
  const reply = (content: Version): Reply =>
    hasFlag(request, 'hashmap')
      ? hashmapReply(pithos, request, content, headers)
      : dataReply(pithos, request, content, { headers, changedAt });
  const meanwhile = asked === null ? pithos.hooks.betweenReads?.(request.info) : undefined;
  return meanwhile === undefined ? reply(find()) : meanwhile.then(() => reply(find()));
}

function selectVersion(pithos: Pithos, container: number, path: string, asked: string | null): Version {
  let version: Version | undefined;
  if (asked === null) version = pithos.versions.current(container, path);
  else if (/^\d{1,15}$/.test(asked)) version = pithos.versions.bySerial(container, path, Number(asked));
  if (version === undefined) throw new Fault(404, 'Object does not exist');
  return version;
}

function listVersions(pithos: Pithos, request: PithosRequest, container: number): Reply {
  const path = request.target.object;
  const versions = pithos.versions.readable(container, path);
  // A path that only has a deletion marker left answers with an empty list.
  if (versions.length === 0 && pithos.versions.lastChange(container, path) === undefined) {
    throw new Fault(404, 'Object does not exist');
  }
  const pairs = versions.map((version) => [version.serial, decimalSeconds(version.mtime)]);
  if (replyFormat(request, 'json') === 'xml') {
    const items = pairs.map(([serial, time]) => `<version><id>${serial}</id><time>${time}</time></version>`);
    return xmlReply(200, `<object name="${escapeXml(path)}">${items.join('')}</object>`, {});
  }
  return jsonReply(200, { versions: pairs });
}

function objectHeaders(pithos: Pithos, version: Version, changedAt: number): Record<string, string> {
  return {
    ETag: etagOf(pithos, version),
    'Content-Length': String(version.bytes),
    'Content-Type': version.type,
    'Last-Modified': httpDate(changedAt),
    'X-Object-Hash': version.hash,
    'X-Object-UUID': version.uuid,
    'X-Object-Modified-By': version.author,
    'X-Object-Version': String(version.serial),
    'X-Object-Version-Timestamp': httpDate(version.mtime),
    Available: '1',
    ...parseMeta(version.meta),
  };
}

function leavesOf(pithos: Pithos, version: Version): string[] {
  return pithos.versions.loadMap(version.hash, blockCount(version.bytes, pithos.blockSize));
}

function hashmapReply(
  pithos: Pithos,
  request: PithosRequest,
  version: Version,
  headers: Readonly<Record<string, string>>,
): Reply {
  const map = {
    block_size: pithos.blockSize,
    block_hash: 'sha256',
    bytes: version.bytes,
    hashes: leavesOf(pithos, version),
  };
  // The map is sent with the object's own Content-Type (and Content-Encoding, if someone set it).
  const body =
    replyFormat(request, 'json') === 'xml'
      ? `<?xml version="1.0" encoding="UTF-8"?><object bytes="${map.bytes}" block_size="${map.block_size}" ` +
        `block_hash="sha256">${map.hashes.map((hash) => `<hash>${hash}</hash>`).join('')}</object>`
      : JSON.stringify(map);
  return { status: 200, headers: { ...headers, 'Content-Length': String(Buffer.byteLength(body)) }, body };
}

interface ReplyHeaders {
  readonly headers: Readonly<Record<string, string>>;
  readonly changedAt: number;
}

function dataReply(pithos: Pithos, request: PithosRequest, version: Version, read: ReplyHeaders): Reply {
  const size = version.bytes;
  const ranges = parseRanges(request.headers.get('range'), size);
  const whole = { start: 0, length: size };
  if (ranges === undefined || isRangeObsolete(request.headers.get('if-range'), version, read.changedAt)) {
    return { status: 200, headers: read.headers, body: contentOf(pithos, version, whole) };
  }
  const [range] = ranges;
  if (ranges.length === 1 && range !== undefined) {
    const headers = {
      ...read.headers,
      'Content-Length': String(range.length),
      'Content-Range': contentRange(range, size),
    };
    return { status: 206, headers, body: contentOf(pithos, version, range) };
  }
  const boundary = pithos.newUuid().replaceAll('-', '');
  const { 'Content-Length': _, ...headers } = read.headers;
  return {
    status: 206,
    headers: { ...headers, 'Content-Type': `multipart/byteranges; boundary=${boundary}` },
    body: multipart(pithos, version, ranges, boundary),
  };
}

/** If-Range compares dates with sub-second times and tags with the MD5, so in practice it never holds. */
function isRangeObsolete(ifRange: string | undefined, version: Version, changedAt: number): boolean {
  if (!ifRange) return false;
  const date = /\d\d:\d\d:\d\d/.test(ifRange) ? parseHttpDate(ifRange) : undefined;
  if (date !== undefined) return toSeconds(changedAt) !== date || changedAt % 1_000_000 !== 0;
  return ifRange !== version.md5;
}

function contentRange(range: ByteRange, size: number): string {
  return `bytes ${range.start}-${range.start + range.length - 1}/${size}`;
}

async function* multipart(
  pithos: Pithos,
  version: Version,
  ranges: readonly ByteRange[],
  boundary: string,
): AsyncGenerator<Uint8Array> {
  for (const range of ranges) {
    const lines = ['', `--${boundary}`, `Content-Range: ${contentRange(range, version.bytes)}`];
    yield Buffer.from([...lines, 'Content-Transfer-Encoding: binary', '', ''].join('\r\n'));
    yield* streamOf(pithos, version, range);
  }
  yield Buffer.from(`\r\n--${boundary}--\r\n`);
}

/** One buffer when the range lies in a block that is there; a stream otherwise, which fails after the headers. */
function contentOf(
  pithos: Pithos,
  version: Version,
  range: ByteRange,
): Uint8Array | AsyncIterable<Uint8Array> {
  if (range.length === 0) return Buffer.alloc(0);
  if (version.bytes <= pithos.blockSize) {
    const block = pithos.blocks.get(version.hash, version.bytes);
    if (block !== undefined) return block.subarray(range.start, range.start + range.length);
  }
  return streamOf(pithos, version, range);
}

async function* streamOf(pithos: Pithos, version: Version, range: ByteRange): AsyncGenerator<Uint8Array> {
  const { blockSize } = pithos;
  const leaves = leavesOf(pithos, version);
  const end = range.start + range.length;
  for (let index = Math.floor(range.start / blockSize); index * blockSize < end; index++) {
    const blockStart = index * blockSize;
    const length = Math.min(blockSize, version.bytes - blockStart);
    const block = pithos.blocks.get(leaves[index]!, length);
    if (block === undefined) throw new Error(`block ${leaves[index]} is missing`);
    yield block.subarray(Math.max(0, range.start - blockStart), Math.min(length, end - blockStart));
  }
}
