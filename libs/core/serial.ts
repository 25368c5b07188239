/**
 * Serial: number of one recorded version of one name, from one database sequence.
 * It only grows and is never issued twice (invariant 4).
 */

declare const serialBrand: unique symbol;
export type Serial = bigint & { readonly [serialBrand]: true };

/** The serial of an archive that never recorded anything for a name. */
export const NO_SERIAL = 0n as Serial;

export function toSerial(value: bigint): Serial {
  if (value < 0n) throw new RangeError('a serial is never negative');
  return value as Serial;
}

/** The later issued of two serials. */
export function laterSerial(left: Serial, right: Serial): Serial {
  if (left > right) return left;
  return right;
}
