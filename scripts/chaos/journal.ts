/**
 * Journal: what happened in a run, one JSON line each: users' acts, faults, kills, findings.
 * It is what a finding is looked into with, and what counts of the summary come from.
 */
import { appendFileSync } from 'node:fs';

export interface Journal {
  note(what: string, facts?: Readonly<Record<string, unknown>>): void;
  /** How often each thing was noted. */
  readonly counts: ReadonlyMap<string, number>;
}

export function openJournal(file: string): Journal {
  const counts = new Map<string, number>();
  let waiting: string[] = [];
  const flush = (): void => {
    if (waiting.length === 0) return;
    const lines = waiting.join('');
    waiting = [];
    appendFileSync(file, lines);
  };
  setInterval(flush, 200).unref();
  process.once('exit', flush);
  return {
    counts,
    note: (what, facts = {}) => {
      counts.set(what, (counts.get(what) ?? 0) + 1);
      waiting.push(`${JSON.stringify({ at: new Date().toISOString(), what, ...facts })}\n`);
    },
  };
}
