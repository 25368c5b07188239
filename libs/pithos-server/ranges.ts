// The Range header as this server reads it: nothing is clamped to the object,
// so a range that reaches past the end is refused instead of shortened, and a
// malformed header is ignored instead of refused.

import { Fault } from './fault.ts';

export interface ByteRange {
  readonly start: number;
  readonly length: number;
}

/** Undefined means the whole object. Throws 416. */
export function parseRanges(header: string | undefined, size: number): ByteRange[] | undefined {
  const text = (header ?? '').replaceAll(' ', '');
  if (!text.startsWith('bytes=')) return undefined;
  const ranges: ByteRange[] = [];
  for (const part of text.slice('bytes='.length).split(',')) {
    const match = /^(\d*)-(\d*)$/.exec(part);
    if (match === null) return undefined;
    const range = resolve(match[1]!, match[2]!, size);
    if (range === undefined) return undefined;
    ranges.push(range);
  }
  if (ranges.some((range) => isUnsatisfiable(range, size))) {
    throw new Fault(416, 'Requested range exceeds object limits');
  }
  return ranges;
}

function resolve(first: string, last: string, size: number): ByteRange | undefined {
  if (first === '') return last === '' ? undefined : { start: size - Number(last), length: Number(last) };
  const start = Number(first);
  if (last === '') return { start, length: size - start };
  if (start > Number(last)) return undefined;
  return { start, length: Number(last) - start + 1 };
}

function isUnsatisfiable({ start, length }: ByteRange, size: number): boolean {
  return length <= 0 || start < 0 || start >= size || start + length > size;
}
