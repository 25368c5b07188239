/** XML: the answers of S3 that are documents, in our terms. Foreign input: what is missing reads as empty. */
import { XMLParser } from 'fast-xml-parser';

/** What an `<Error>` document says. */
export interface Problem {
  /** Such as `NoSuchBucket`; empty when the answer had no readable document. */
  readonly code: string;
  /** The region that the store wants to be signed for; null when it does not say. */
  readonly region: string | null;
}

export interface ListedKey {
  readonly key: string;
  readonly etag: string;
  readonly size: number;
  /** Milliseconds since the epoch; null when unreadable. */
  readonly modifiedAt: number | null;
}

export interface KeyPage {
  readonly keys: readonly ListedKey[];
  readonly isTruncated: boolean;
}

export interface ListedVersion extends ListedKey {
  readonly versionId: string;
  readonly isLatest: boolean;
  readonly isDeleted: boolean;
}

export interface VersionPage {
  /** As listed: by key, newest first. */
  readonly versions: readonly ListedVersion[];
  /** Where the next page begins; null at the end. */
  readonly next: { readonly key: string; readonly versionId: string | null } | null;
}

export interface ListedPart {
  /** From 1. */
  readonly number: number;
  readonly etag: string;
  readonly size: number;
  /** Milliseconds since the epoch; null when unreadable. */
  readonly modifiedAt: number | null;
}

export interface PartPage {
  readonly parts: readonly ListedPart[];
  /** Number to go on after; null at the end. */
  readonly next: string | null;
}

/** Children in their order, so that versions and delete markers keep theirs; nothing is taken for a number. */
const parser = new XMLParser({
  preserveOrder: true,
  parseTagValue: false,
  trimValues: false,
  ignoreAttributes: true,
  ignoreDeclaration: true,
  processEntities: true,
  htmlEntities: true,
});

interface Element {
  readonly tag: string;
  readonly children: readonly Element[];
  readonly text: string;
}

type RawNode = Readonly<Record<string, unknown>>;

/** @returns null when the text is no document. */
function parseDocument(text: string): Element | null {
  let nodes: unknown;
  try {
    nodes = parser.parse(text);
  } catch {
    return null;
  }
  return elementsOf(nodes)[0] ?? null;
}

function elementsOf(nodes: unknown): Element[] {
  if (!Array.isArray(nodes)) return [];
  return nodes.flatMap((node: RawNode) => {
    const tag = Object.keys(node).find((key) => key !== ':@' && key !== '#text');
    if (tag === undefined) return [];
    const inner = node[tag];
    return [{ tag, children: elementsOf(inner), text: textOf(inner) }];
  });
}

function textOf(nodes: unknown): string {
  if (!Array.isArray(nodes)) return '';
  return nodes.map((node: RawNode) => (node['#text'] === undefined ? '' : String(node['#text']))).join('');
}

function child(element: Element | null, tag: string): string | null {
  return element?.children.find((found) => found.tag === tag)?.text ?? null;
}

export function parseProblem(text: string): Problem {
  const root = parseDocument(text);
  const isProblem = root?.tag === 'Error';
  return {
    code: (isProblem ? child(root, 'Code') : null) ?? '',
    region: isProblem ? child(root, 'Region') : null,
  };
}

/** @returns null when the answer is no listing. */
export function parseKeys(text: string): KeyPage | null {
  const root = parseDocument(text);
  if (root?.tag !== 'ListBucketResult') return null;
  const decode = decoderOf(root);
  return {
    keys: root.children.filter(({ tag }) => tag === 'Contents').map((row) => listedKey(row, decode)),
    isTruncated: child(root, 'IsTruncated') === 'true',
  };
}

/** @returns null when the answer is no list of versions. */
export function parseVersions(text: string): VersionPage | null {
  const root = parseDocument(text);
  if (root?.tag !== 'ListVersionsResult') return null;
  const decode = decoderOf(root);
  const rows = root.children.filter(({ tag }) => tag === 'Version' || tag === 'DeleteMarker');
  const nextKey = child(root, 'NextKeyMarker');
  const isTruncated = child(root, 'IsTruncated') === 'true';
  return {
    versions: rows.map((row) => ({
      ...listedKey(row, decode),
      versionId: child(row, 'VersionId') ?? 'null',
      isLatest: child(row, 'IsLatest') === 'true',
      isDeleted: row.tag === 'DeleteMarker',
    })),
    next:
      isTruncated && nextKey !== null
        ? { key: decode(nextKey), versionId: child(root, 'NextVersionIdMarker') }
        : null,
  };
}

/** @returns the status, such as `Enabled`; empty where versioning never was switched on. */
export function parseVersioning(text: string): string {
  return child(parseDocument(text), 'Status') ?? '';
}

/** A copy may fail with status 200 and say so in its document only. @returns the copy's ETag; null when it failed. */
export function parseCopyResult(text: string): string | null {
  const root = parseDocument(text);
  return root?.tag === 'CopyObjectResult' ? plainTag(child(root, 'ETag') ?? '') : null;
}

/** @returns the id of an upload in parts; null when the answer does not tell it. */
export function parseUploadId(text: string): string | null {
  const root = parseDocument(text);
  return root?.tag === 'InitiateMultipartUploadResult' ? child(root, 'UploadId') || null : null;
}

/** @returns null when the answer is no list of parts. */
export function parseParts(text: string): PartPage | null {
  const root = parseDocument(text);
  if (root?.tag !== 'ListPartsResult') return null;
  const rows = root.children.filter(({ tag }) => tag === 'Part');
  const next = child(root, 'IsTruncated') === 'true' ? child(root, 'NextPartNumberMarker') : null;
  return {
    parts: rows.map((row) => {
      const { etag, size, modifiedAt } = listedKey(row, (key) => key);
      return { number: Number(child(row, 'PartNumber') ?? 0), etag, size, modifiedAt };
    }),
    next,
  };
}

/** The ETag of an object that parts were joined to; null when the answer says nothing of the kind, as it may with status 200. */
export function parseJoined(text: string): string | null {
  const root = parseDocument(text);
  return root?.tag === 'CompleteMultipartUploadResult' ? plainTag(child(root, 'ETag') ?? '') : null;
}

/** The document that names the parts of an object, in order. */
export function partsDocument(etags: readonly string[]): string {
  const rows = etags.map(
    (etag, index) => `<Part><PartNumber>${index + 1}</PartNumber><ETag>"${etag}"</ETag></Part>`,
  );
  return `<CompleteMultipartUpload xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${rows.join('')}</CompleteMultipartUpload>`;
}

function listedKey(row: Element, decode: (text: string) => string): ListedKey {
  const modifiedAt = Date.parse(child(row, 'LastModified') ?? '');
  return {
    key: decode(child(row, 'Key') ?? ''),
    etag: plainTag(child(row, 'ETag') ?? ''),
    size: Number(child(row, 'Size') ?? 0),
    modifiedAt: Number.isNaN(modifiedAt) ? null : modifiedAt,
  };
}

/** Encoding was asked for, as keys may hold what XML cannot; a store that does not know of it says nothing of it. */
function decoderOf(root: Element): (text: string) => string {
  if (child(root, 'EncodingType') !== 'url') return (text) => text;
  return (text) => {
    try {
      return decodeURIComponent(text.replaceAll('+', ' '));
    } catch (error) {
      if (error instanceof URIError) return text;
      throw error;
    }
  };
}

/** An ETag without its quotes. */
export function plainTag(text: string): string {
  return text.replaceAll('"', '');
}
