/** Wording: sizes, times and tables as people read them, and durations as they type them. */
import Table from 'cli-table3';
import { InvalidArgumentError } from 'commander';
import { printable } from './terminal.ts';

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'] as const;

export function sizeText(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 1023.95 && unit < UNITS.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${UNITS[unit]}`;
}

export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

export function durationText(ms: number): string {
  const seconds = ms / 1000;
  if (seconds < 60) return `${seconds < 10 ? seconds.toFixed(1) : Math.round(seconds)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${Math.floor(seconds % 60)} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** @returns bytes of a size such as `500M`, `20G` or `1.5TiB`; units are powers of 1024. @throws InvalidArgumentError */
export function parseSize(text: string): number {
  const [, amount, unit = ''] = /^(\d+(?:\.\d+)?)\s?([BKMGTP]?)(?:iB|B)?$/i.exec(text) ?? [];
  const bytes = Math.round(Number(amount) * 1024 ** Math.max(0, SIZE_UNITS.indexOf(unit.toUpperCase())));
  if (amount === undefined || !Number.isSafeInteger(bytes)) {
    throw new InvalidArgumentError('Give a number with its unit, such as 500M, 20G or 1.5T.');
  }
  return bytes;
}

const SIZE_UNITS = 'BKMGTP';

const MS_PER_UNIT = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 } as const;

/** @returns milliseconds of a duration such as `500ms`, `60s`, `5m` or `1h`. @throws InvalidArgumentError */
export function parseDuration(text: string): number {
  const [, amount, unit] = /^(\d+(?:\.\d+)?)(ms|s|m|h)$/.exec(text) ?? [];
  if (amount === undefined) {
    throw new InvalidArgumentError('Give a number with its unit, such as 500ms, 60s, 5m or 1h.');
  }
  return Number(amount) * MS_PER_UNIT[unit as keyof typeof MS_PER_UNIT];
}

/** `2026-11-22 21:43:49Z` of an ISO time. */
export function timeText(iso: string): string {
  return iso.replace('T', ' ').replace(/\.\d+Z$/, 'Z');
}

const NO_BORDERS = Object.fromEntries(
  [
    'top',
    'top-mid',
    'top-left',
    'top-right',
    'bottom',
    'bottom-mid',
    'bottom-left',
    'bottom-right',
    'left',
    'left-mid',
    'mid',
    'mid-mid',
    'right',
    'right-mid',
    'middle',
  ].map((place) => [place, '']),
);

/** A plain table without borders; columns whose heading begins with `>` are aligned to the right. */
export function tableText(headings: readonly string[], rows: readonly (readonly string[])[]): string {
  const table = new Table({
    head: headings.map((heading) => heading.replace(/^>/, '')),
    colAligns: headings.map((heading) => (heading.startsWith('>') ? 'right' : 'left')),
    chars: NO_BORDERS,
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 2, compact: true },
  });
  table.push(...rows.map((row) => row.map(printable)));
  return table
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n');
}
