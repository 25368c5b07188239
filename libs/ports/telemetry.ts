/**
 * Telemetry: what a process tells of its work, for operators. Counts, times and words from
 * closed sets, never names of pairs or files (invariant 12). Telling is cheap and never fails.
 */
import type { Action } from '#core/decide.ts';
import type { ErrorCode } from './errors.ts';

export type Told =
  /** A worker of this queue was started, for so many jobs at once. */
  | { readonly kind: 'worker-started'; readonly queue: string; readonly concurrency: number }
  /** A worker took a job that could have been taken so long before. */
  | { readonly kind: 'job-taken'; readonly queue: string; readonly waitedMs: number }
  | {
      readonly kind: 'job-ended';
      readonly queue: string;
      readonly tookMs: number;
      readonly outcome: 'done' | 'failed' | 'handed-back';
    }
  /** One commit on a target side, from the staged content to its answer. `bytes` is 0 where no content moves. */
  | {
      readonly kind: 'transferred';
      readonly direction: Action;
      readonly outcome: 'applied' | 'stale' | 'blocked' | 'failed';
      readonly bytes: number;
      readonly tookMs: number;
    }
  /** An attempt to stage or commit failed and will be made again. */
  | { readonly kind: 'attempt-failed'; readonly code: ErrorCode }
  /** Both sides hold a change that was first seen so long before. */
  | { readonly kind: 'acknowledged'; readonly lagMs: number }
  /** A request or a piece of a body waited: for a limit that an operator set, or since the store asked to be left alone. */
  | { readonly kind: 'limited'; readonly because: 'bytes' | 'requests' | 'store'; readonly waitedMs: number }
  /** Change events named so many names. */
  | { readonly kind: 'events'; readonly names: number }
  /** Events may have been lost: a full scan follows. */
  | { readonly kind: 'events-lost' }
  /** A full scan ended; `drift` is how many names it found changed. */
  | { readonly kind: 'scanned'; readonly tookMs: number; readonly drift: number }
  | { readonly kind: 'polled'; readonly tookMs: number; readonly drift: number };

export interface Telemetry {
  tell(told: Told): void;
  /** Runs work as a named step of a trace, where traces are kept. Gives and throws what the work does. */
  span<Result>(name: string, work: () => Promise<Result>): Promise<Result>;
}
