/**
 * Plan: what has to be done so that the pairs are those of the file. Pure: decided first, then
 * shown or carried out. What cannot be changed in place is said and left alone: to pair a
 * folder with another container is a decision about data.
 */
import type { PairView } from '#ports/operator.ts';
import type { WantedPair } from './read.ts';

export type Step =
  | { readonly action: 'add'; readonly pair: string; readonly wanted: WantedPair }
  | {
      readonly action: 'change';
      readonly pair: string;
      readonly wanted: WantedPair;
      readonly changes: readonly Change[];
    }
  /** Only where everything else is to go. */
  | { readonly action: 'remove'; readonly pair: string }
  /** There, and not in the file. */
  | { readonly action: 'leave'; readonly pair: string }
  /** There, and different in what cannot be changed. */
  | { readonly action: 'refuse'; readonly pair: string; readonly changes: readonly Change[] };

export interface Change {
  readonly field: string;
  readonly from: string;
  readonly to: string;
}

export interface PairsPlan {
  readonly steps: readonly Step[];
  /** Pairs that are as the file wants them. */
  readonly unchanged: number;
}

/** @param realFolder where a folder of the file really is, as the pair remembers it. */
export function planPairs(
  wanted: readonly WantedPair[],
  there: readonly PairView[],
  options: { readonly prune: boolean; realFolder(folder: string): string },
): PairsPlan {
  const byName = new Map(there.map((view) => [view.name, view]));
  const steps: Step[] = [];
  let unchanged = 0;
  for (const pair of wanted) {
    const view = byName.get(pair.name);
    const step =
      view === undefined
        ? ({ action: 'add', pair: pair.name, wanted: pair } as const)
        : compare(pair, view, options.realFolder);
    if (step === null) unchanged += 1;
    else steps.push(step);
  }
  const names = new Set(wanted.map(({ name }) => name));
  for (const { name } of there) {
    if (!names.has(name)) steps.push({ action: options.prune ? 'remove' : 'leave', pair: name });
  }
  return { steps, unchanged };
}

function compare(pair: WantedPair, view: PairView, realFolder: (folder: string) => string): Step | null {
  const folder = pair.folder === view.folder ? pair.folder : realFolder(pair.folder);
  const policies = Object.entries(pair.policies);
  const fixed = [
    change('folder', view.folder, folder),
    change('store', view.store, pair.store),
    change('container', view.container, pair.container),
    change('volume', view.volume, pair.volume),
    change('exclude', view.excludes.join(' '), pair.exclude.join(' ')),
    ...policies.map(([key, value]) => change(`policy ${key}`, view.policies[key] ?? '', value)),
    ...Object.entries(view.policies)
      .filter(([key]) => pair.policies[key] === undefined)
      .map(([key, value]) => change(`policy ${key}`, value, DEFAULTS[key] ?? value)),
  ].flat();
  if (fixed.length > 0) return { action: 'refuse', pair: pair.name, changes: fixed };
  const changes = [
    change('trashDays', shown(view.retention.days), shown(pair.trashDays)),
    change('trashBytes', shown(view.retention.bytes), shown(pair.trashBytes)),
    // A disabled pair may be paused as well, which nothing tells; it is left as it is.
    view.condition === 'disabled'
      ? []
      : change('paused', String(view.condition === 'paused'), String(pair.paused)),
  ].flat();
  return changes.length === 0 ? null : { action: 'change', pair: pair.name, wanted: pair, changes };
}

/** What `pair add` gives where nothing is said. */
const DEFAULTS: Readonly<Record<string, string>> = {
  conflict: 'upstream',
  'delete-vs-edit': 'upstream',
  direction: 'both',
};

function shown(value: number | null): string {
  return value === null ? 'default' : String(value);
}

function change(field: string, from: string, to: string): readonly Change[] {
  return from === to ? [] : [{ field, from, to }];
}
