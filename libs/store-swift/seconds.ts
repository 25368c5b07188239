/**
 * Seconds: decimal seconds since the epoch, the form in which Swift writes version ids and
 * timestamps (5 digits) and rclone writes `mtime` (9 digits), to nanoseconds and back.
 */

/** @returns `1700000000.123456789`, the value rclone writes as X-Object-Meta-Mtime. */
export function formatSeconds(ns: bigint): string {
  const sign = ns < 0n ? '-' : '';
  const positive = ns < 0n ? -ns : ns;
  const fraction = String(positive % 1_000_000_000n).padStart(9, '0');
  return `${sign}${positive / 1_000_000_000n}.${fraction}`;
}

/** @returns nanoseconds, digits beyond the ninth cut; null for anything that is no decimal number. */
export function parseSeconds(text: string | undefined): bigint | null {
  const match = /^(-?)(\d{1,15})(?:\.(\d+))?$/.exec(text ?? '');
  if (match === null) return null;
  const [, sign = '', whole = '', fraction = ''] = match;
  const ns = BigInt(whole) * 1_000_000_000n + BigInt(fraction.padEnd(9, '0').slice(0, 9));
  return sign === '-' ? -ns : ns;
}

/** Time of a version id, which is the write's own timestamp, perhaps with an offset after `_`. */
export function versionTime(versionId: string): Date {
  const ns = parseSeconds(versionId.split('_')[0]) ?? 0n;
  return new Date(Number(ns / 1_000_000n));
}
