/**
 * Digest column: a digest as few bytes of a bytea, since each entry has up to three. One in hex,
 * as nearly all are, takes half the characters; any other is kept as it is. Both begin with
 * a byte that says which. Goes to and comes from the database in bytea's text form.
 */

const HEX = '\\x00';
const TEXT = '\\x01';
const LOWERCASE_HEX = /^(?:[0-9a-f]{2})+$/;

/** @param digest null where there is none. Equal digests have equal columns, and the other way round. */
export function digestColumn(digest: string | null): string | null {
  if (digest === null) return null;
  return LOWERCASE_HEX.test(digest) ? `${HEX}${digest}` : `${TEXT}${Buffer.from(digest).toString('hex')}`;
}

/** @throws RangeError for bytes that no version of this code wrote */
export function digestOf(column: string | null): string | null {
  if (column === null) return null;
  if (column.startsWith(HEX)) return column.slice(HEX.length);
  if (column.startsWith(TEXT)) return Buffer.from(column.slice(TEXT.length), 'hex').toString();
  throw new RangeError('the database holds a digest of an unknown form');
}
