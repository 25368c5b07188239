/**
 * Conflict name: where losing content goes, `<stem>_<UTC timestamp>_<origin><ext>`
 * beside the winner. Deterministic, so that a repeated commit makes no second copy.
 */
import { baseOf, joinName, MAX_NAME_BYTES, MAX_SEGMENT_BYTES, type Name, parentOf } from './name.ts';

/** A longer one is no extension but part of the stem, which may be cut. */
const MAX_EXTENSION_BYTES = 32;

/** `2026-11-22T21:05:06.007Z` as `20261122T210506.007Z`: no character that a file system or shell objects to. */
export function conflictTimestamp(at: Date): string {
  return at.toISOString().replaceAll(/[-:]/g, '');
}

/**
 * The longest stem that fits is kept.
 * @param at when the losing content was displaced, or its version's own time.
 * @param origin where it came from, such as a host name; made safe here.
 * @param attempt 0 first; higher numbers give other names when the first is taken.
 */
export function conflictName(name: Name, at: Date, origin: string, attempt = 0): Name {
  const base = baseOf(name);
  const dot = base.lastIndexOf('.');
  const extension = dot > 0 && byteLength(base.slice(dot)) <= MAX_EXTENSION_BYTES ? base.slice(dot) : '';
  const stem = base.slice(0, base.length - extension.length);
  const safeOrigin = origin.replaceAll(/[^A-Za-z0-9.-]/g, '-').slice(0, 40) || 'unknown';
  const number = attempt === 0 ? '' : `-${attempt}`;
  const mark = `_${conflictTimestamp(at)}_${safeOrigin}${number}`;
  const needed = byteLength(mark + extension);
  let directory = parentOf(name);
  // Below a very long path there may be no room for any conflict name: then the nearest directory above that has it.
  while (directory !== null && roomIn(directory) < needed) directory = parentOf(directory);
  const kept = truncateBytes(stem, roomIn(directory) - needed);
  return joinName(directory, `${kept}${mark}${extension}`);
}

function roomIn(directory: Name | null): number {
  const taken = directory === null ? 0 : byteLength(directory) + 1;
  return Math.min(MAX_SEGMENT_BYTES, MAX_NAME_BYTES - taken);
}

const encoder = new TextEncoder();

function byteLength(text: string): number {
  return encoder.encode(text).length;
}

function truncateBytes(text: string, limit: number): string {
  const kept = [...text];
  while (kept.length > 0 && byteLength(kept.join('')) > limit) kept.pop();
  return kept.join('');
}
