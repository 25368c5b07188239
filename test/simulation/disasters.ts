/** Disasters: backups restored, volumes not mounted, everything deleted at once; in a part of all seeds. */
import type { Random } from './random.ts';
import type { Act, Mishap, Settings, Timed } from './scenario.ts';

/** Share of seeds with a disaster. */
const STRUCK = 0.3;

export interface Disasters {
  readonly settings: Partial<Settings>;
  readonly acts: readonly Timed<Act>[];
  readonly mishaps: readonly Timed<Mishap>[];
}

export function drawDisasters(random: Random, { activeMs }: Settings): Disasters {
  if (!random.chance(STRUCK)) return { settings: {}, acts: [], mishaps: [] };
  const holds = random.chance(0.5) ? { holdNames: 2 + random.below(3) } : {};
  switch (random.below(5)) {
    case 0: {
      const side = random.pick(['here', 'upstream'] as const);
      const when = Math.round(activeMs * (0.3 + 0.5 * random.next()));
      const what: Act = { do: 'remove-all', side, name: '' };
      return { settings: holds, acts: [{ when, what }], mishaps: drawAnswers(random, when) };
    }
    case 1: {
      const when = random.below(activeMs);
      const left = random.pick(['nothing', 'empty-directory'] as const);
      const ms = Math.round(random.magnitude(100, 60_000));
      return { settings: holds, acts: [], mishaps: [{ when, what: { kind: 'unmount', left, ms } }] };
    }
    default: {
      const generationMs = Math.round(random.magnitude(500, 10_000));
      const takenAtMs = Math.round(activeMs * 0.6 * random.next());
      const when = Math.round(takenAtMs + (activeMs - takenAtMs) * random.next());
      const restored = random.pick(['database', 'files', 'volume', 'container'] as const);
      const mishap: Mishap = { kind: 'restore', what: restored, takenAtMs };
      return {
        settings: {
          ...holds,
          generationMs,
          activeMs: Math.max(activeMs, MOST_OFTEN_TOLD_MS),
          // A union believes a listing; one that shows what was deleted lately is not told from the truth there yet.
          listingLagMs: 0,
        },
        acts: [],
        mishaps: [{ when, what: mishap }, ...drawAnswers(random, when)],
      };
    }
  }
}

/** Sides are told of a generation by scans and polls: in less time nothing could be noticed. */
const MOST_OFTEN_TOLD_MS = 25_000;

function drawAnswers(random: Random, after: number): readonly Timed<Mishap>[] {
  if (random.chance(0.5)) return [];
  const when = after + Math.round(random.magnitude(5_000, 40_000));
  return [{ when, what: { kind: 'answer', how: random.pick(['approve', 'revert'] as const) } }];
}
