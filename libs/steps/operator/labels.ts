/** Labels: names that operators give to stores, pairs and volumes. */
import { HoldfastError } from '#ports/errors.ts';

const LABEL = /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/;

/** @throws HoldfastError usage */
export function assertLabel(what: 'store' | 'pair', label: string): void {
  if (LABEL.test(label)) return;
  throw new HoldfastError(
    'usage',
    `"${label}" cannot name a ${what}; use 1 to 63 letters, digits, dots, dashes and underscores, beginning with a letter or digit`,
  );
}

/** Volume names become part of queue names, which take no more than this. @throws HoldfastError usage */
export function assertVolume(volume: string): void {
  if (/^[A-Za-z0-9-]{1,63}$/.test(volume)) return;
  throw new HoldfastError(
    'usage',
    `"${volume}" cannot name a volume; use 1 to 63 letters, digits and dashes`,
  );
}
