/**
 * Scenario: everything of a run that was decided before it begins, as plain data: what users do, what befalls
 * processes and servers, and how fast things are. One seed gives one scenario; shrinking leaves parts of it out.
 */
import type { Policies } from '#core/policies.ts';
import type { Trigger } from './moments.ts';

/** Kinds of the world's container. */
export type StoreWorld = 's3' | 'swift' | 'pithos' | 'careless';

export const STORE_WORLDS: readonly StoreWorld[] = ['s3', 'swift', 'pithos', 'careless'];

/** A name; one of those that are there by then; or the one that the step is about which the act waited for. */
export type Choice = string | { readonly existing: number } | { readonly ofStep: string };

export type Act =
  /** In place, as a shell's redirection does. */
  | { readonly do: 'write'; readonly side: 'here' | 'upstream'; readonly name: Choice; readonly size: number }
  /** As editors save: a new file renamed over the old one. */
  | { readonly do: 'save'; readonly side: 'here'; readonly name: Choice; readonly size: number }
  /** Another content of the same length, with the time set back. */
  | { readonly do: 'stealth'; readonly side: 'here'; readonly name: Choice }
  /** Sets the time, and writes another content of the same length after a while. */
  | { readonly do: 'rewrite'; readonly side: 'here'; readonly name: Choice; readonly afterMs: number }
  /** Opens and goes on writing for a while, whatever becomes of the name. */
  | {
      readonly do: 'keep-writing';
      readonly side: 'here';
      readonly name: Choice;
      readonly begin: 'keep' | 'empty' | 'append';
      readonly pieces: number;
      readonly everyMs: number;
      /** Writes nothing when it opens. */
      readonly waits?: true;
    }
  | { readonly do: 'touch' | 'link' | 'fifo'; readonly side: 'here'; readonly name: Choice }
  | {
      readonly do: 'empty' | 'mkdir' | 'remove' | 'remove-tree';
      readonly side: 'here' | 'upstream';
      readonly name: Choice;
    }
  | {
      readonly do: 'rename' | 'copy';
      readonly side: 'here' | 'upstream';
      readonly name: Choice;
      readonly to: Choice;
    }
  /** Everything that he sees. */
  | { readonly do: 'remove-all'; readonly side: 'here' | 'upstream'; readonly name: '' }
  /** A name that no folder can hold, or an object above others. */
  | { readonly do: 'odd'; readonly side: 'upstream'; readonly name: string };

export type Mishap =
  | { readonly kind: 'crash'; readonly process: string; readonly restartMs: number }
  | { readonly kind: 'freeze'; readonly process: string; readonly ms: number }
  /** The step itself fails; needs a trigger. */
  | { readonly kind: 'fail'; readonly process: string }
  | { readonly kind: 'empty-queue' }
  | { readonly kind: 'expire-tokens' }
  | { readonly kind: 'disk-full'; readonly ms: number }
  /** Becomes what it was then, where that can be noticed; see Backups. */
  | { readonly kind: 'restore'; readonly what: Restorable; readonly takenAtMs: number }
  /** The folder's volume is not mounted for a while. */
  | { readonly kind: 'unmount'; readonly left: 'nothing' | 'empty-directory'; readonly ms: number }
  /** An operator answers what is held by then. */
  | { readonly kind: 'answer'; readonly how: 'approve' | 'revert' };

/** A folder's files are copied back; its volume is set back as a whole, times and inodes too. */
export type Restorable = 'database' | 'files' | 'volume' | 'container';

/** Milliseconds since the run began, or a step. */
export type When = number | Trigger;

export interface Timed<What> {
  readonly when: When;
  readonly what: What;
}

export interface Settings {
  readonly store: StoreWorld;
  /** Milliseconds after midnight at which the run begins. */
  readonly startMs: number;
  readonly watchers: number;
  readonly deciders: number;
  readonly transfers: number;
  readonly policies: Policies;
  readonly settleMs: number;
  readonly mtimeGranularityNs: number;
  readonly reusesInodes: boolean;
  /** Whether processes see whether the others still run; else only time tells. */
  readonly oneMachine: boolean;
  /** Share of steps that happen at once. */
  readonly atOnce: number;
  readonly slowest: 'fs' | 'db' | 'http' | 'queue' | 'none';
  /** Share of steps that stall for seconds. */
  readonly stalls: number;
  readonly faultRate: number;
  /** Share of requests that the store refuses, spoils or breaks off. */
  readonly storeFaults: number;
  /** Longest time in milliseconds until a listing learns of a change; 0: at once. */
  readonly listingLagMs: number;
  readonly queueDuplicates: number;
  readonly queueReorders: number;
  readonly eventsLost: number;
  /** Users and mishaps end then. */
  readonly activeMs: number;
  /** Least time between generations; 10,000 when left out. */
  readonly generationMs?: number;
  /** More names than this, and more than a quarter, are a mass delete; 50 when left out. */
  readonly holdNames?: number;
  /** Downloads of so many bytes go on where an earlier attempt ended; none when left out. */
  readonly resumedBytes?: number;
  /** Content of more goes up in parts of so many bytes; all goes whole when left out. */
  readonly partBytes?: number;
  /** Share of the store's notices that are lost; it sends none when left out. */
  readonly noticesLost?: number;
}

export interface Scenario {
  readonly seed: number;
  readonly settings: Settings;
  readonly acts: readonly Timed<Act>[];
  readonly mishaps: readonly Timed<Mishap>[];
}
