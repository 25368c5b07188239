// If-Match, If-None-Match and the two date conditions, as the server evaluates
// them: one unlocked look before the write. Who is looked at (destination or
// source) is the caller's choice; DELETE and container writes never call this.

import { Fault } from './fault.ts';
import { parseHttpDate, toSeconds } from './timestamps.ts';

type Headers = ReadonlyMap<string, string>;

/** Quoted tags; without any, the whole text is one opaque tag (so an unquoted comma list never matches). */
export function parseEtags(text: string): string[] {
  const quoted = [...text.matchAll(/(?:W\/)?"((?:\\.|[^"])*)"/g)].map((match) =>
    match[1]!.replace(/\\(.)/g, '$1'),
  );
  return (quoted.length > 0 ? quoted : [text]).map((tag) => tag.toLowerCase());
}

function isHit(condition: string, etag: string): boolean {
  return condition === '*' || parseEtags(condition).includes(etag.toLowerCase());
}

/** Whether a write carries conditions at all; an empty header counts as absent. */
export function hasWriteConditions(headers: Headers): boolean {
  return Boolean(headers.get('if-match') || headers.get('if-none-match'));
}

/** Throws 412. An absent target fails If-Match and passes If-None-Match. */
export function checkWriteConditions(headers: Headers, etag: string | undefined): void {
  const ifMatch = headers.get('if-match');
  if (ifMatch && (etag === undefined || !isHit(ifMatch, etag))) {
    throw new Fault(412, 'Resource does not exist or ETag does not match');
  }
  const ifNoneMatch = headers.get('if-none-match');
  if (ifNoneMatch && etag !== undefined && isHit(ifNoneMatch, etag)) {
    throw new Fault(412, 'Resource exists or ETag matches');
  }
}

/** Throws 412 or 304; only GET and HEAD of objects come here. */
export function checkReadConditions(headers: Headers, etag: string): void {
  const ifMatch = headers.get('if-match');
  if (ifMatch !== undefined && !isHit(ifMatch, etag)) throw new Fault(412, 'Resource ETag does not match');
  const ifNoneMatch = headers.get('if-none-match');
  if (ifNoneMatch !== undefined && isHit(ifNoneMatch, etag)) throw new Fault(304, '', { ETag: etag });
}

/** Throws 304 or 412. Whole seconds: a later change within the same second stays hidden. */
export function checkDateConditions(headers: Headers, modified: number): void {
  const since = parseHttpDate(headers.get('if-modified-since'));
  if (since !== undefined && toSeconds(modified) <= since) throw new Fault(304, '');
  const unmodified = parseHttpDate(headers.get('if-unmodified-since'));
  if (unmodified !== undefined && toSeconds(modified) > unmodified) {
    throw new Fault(412, 'Resource has been modified');
  }
}
