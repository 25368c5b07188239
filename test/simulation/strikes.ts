/**
 * Strikes: acts and mishaps aimed at the windows of the commit protocols, a step wide each: just before a file is
 * hidden, just after, between two reads of it. Chance alone meets some of them once in thousands of runs.
 */
import type { Matter, Trigger } from './moments.ts';
import type { Random } from './random.ts';
import type { Act, Choice, Mishap, Settings, Timed } from './scenario.ts';

/** Share of seeds with strikes. */
const STRUCK = 0.5;
const MOST_ACTS = 5;

export interface Strikes {
  readonly acts: readonly Timed<Act>[];
  readonly mishaps: readonly Timed<Mishap>[];
}

export function drawStrikes(random: Random, names: readonly string[], settings: Settings): Strikes {
  if (!random.chance(STRUCK)) return { acts: [], mishaps: [] };
  const acts = Array.from({ length: 1 + random.below(MOST_ACTS) }, () => drawAct(random, names, settings));
  const mishaps = random.chance(0.3) ? [drawMishap(random, settings)] : [];
  if (!random.chance(0.3)) return { acts, mishaps };
  const lost = drawLostAnswer(random, names);
  return { acts: [...acts, lost.act], mishaps: [...mishaps, lost.mishap] };
}

function drawAct(random: Random, names: readonly string[], settings: Settings): Timed<Act> {
  const name: Choice = { ofStep: random.pick(names) };
  const side = 'here';
  const size = random.pick([0, 1, 1, 2, 5]);
  switch (random.below(6)) {
    case 0: {
      const edits: readonly Act[] = [
        { do: 'write', side, name, size },
        { do: 'save', side, name, size },
        { do: 'rewrite', side, name, afterMs: 0 },
        { do: 'rename', side, name, to: random.pick(names) },
        { do: 'link', side, name },
      ];
      return { when: drawTrigger(random, 'fs.rename', 'hiding', 'before', 8), what: random.pick(edits) };
    }
    case 1: {
      const newcomers: readonly Act[] = [
        { do: 'write', side, name, size },
        { do: 'mkdir', side, name },
        { do: 'save', side, name, size },
      ];
      return { when: drawTrigger(random, 'fs.link', 'placing', 'before', 15), what: random.pick(newcomers) };
    }
    case 2: {
      const act: Act = random.chance(0.5)
        ? { do: 'write', side, name, size }
        : { do: 'rewrite', side, name, afterMs: 0 };
      return { when: drawTrigger(random, 'fs.read', 'names', 'after', 60), what: act };
    }
    case 3: {
      const verb = random.pick(['http.GET', 'http.HEAD', 'db.claim']);
      return { when: drawTrigger(random, verb, null, 'after', 30), what: { do: 'stealth', side, name } };
    }
    case 4: {
      // Opened before the engine takes the name away, and written to when it is hidden or in the trash.
      const verb = random.pick(['http.GET', 'http.HEAD', 'db.claim']);
      const everyMs = Math.round(random.magnitude(20, 4_000));
      const begin = random.pick(['keep', 'append'] as const);
      const pieces = 1 + random.below(3);
      const what: Act = { do: 'keep-writing', side, name, begin, pieces, everyMs, waits: true };
      return { when: drawTrigger(random, verb, null, 'after', 30), what };
    }
    default: {
      // Seen between the two, within one tick of a coarse clock, the second change shows only to whoever waits for the next.
      const second = random.below(Math.floor(settings.activeMs / 1_000));
      const afterMs = 450 + random.below(350);
      return {
        when: second * 1_000 + random.below(150),
        what: { do: 'rewrite', side, name: { existing: random.below(20) }, afterMs },
      };
    }
  }
}

/**
 * Workers that die between the first byte of a download and its commit, and what their next attempts find: the same
 * content upstream, or another one.
 */
export function drawCutDownloads(random: Random, names: readonly string[]): Strikes {
  const acts: Timed<Act>[] = [];
  const mishaps: Timed<Mishap>[] = [];
  const process = 'transfer-1';
  for (let left = 1 + random.below(3); left > 0; left -= 1) {
    const verb = random.pick(['fs.write', 'fs.chmod', 'fs.utimes']);
    const when = drawTrigger(random, verb, null, 'before', 12, process);
    const restartMs = Math.round(random.magnitude(10, 20_000));
    mishaps.push({ when, what: { kind: 'crash', process, restartMs } });
    if (random.chance(0.5)) continue;
    const name: Choice = { ofStep: random.pick(names) };
    acts.push({ when, what: { do: 'write', side: 'upstream', name, size: random.below(6) } });
  }
  return { acts, mishaps };
}

/** The answer to a write is lost, and its source is another by then. */
function drawLostAnswer(
  random: Random,
  names: readonly string[],
): { readonly act: Timed<Act>; readonly mishap: Timed<Mishap> } {
  const when = drawTrigger(random, 'http.PUT', null, 'after', 15);
  const name: Choice = { ofStep: random.pick(names) };
  const what = random.pick<Act>([
    { do: 'write', side: 'here', name, size: random.below(3) },
    { do: 'remove', side: 'here', name },
  ]);
  return { act: { when, what }, mishap: { when, what: { kind: 'fail', process: 'transfer-1' } } };
}

/** A worker that stands still between hiding and placing, for longer than it holds what it claimed. */
function drawMishap(random: Random, { transfers }: Settings): Timed<Mishap> {
  const process = `transfer-${1 + random.below(transfers)}`;
  const when = random.chance(0.5)
    ? drawTrigger(random, 'fs.rename', 'hiding', 'after', 5, process)
    : drawTrigger(random, 'fs.link', 'placing', 'before', 10, process);
  return { when, what: { kind: 'freeze', process, ms: Math.round(random.magnitude(10_000, 120_000)) } };
}

function drawTrigger(
  random: Random,
  verb: string,
  about: Matter | null,
  where: Trigger['where'],
  often: number,
  process: string | null = null,
): Trigger {
  const skip = Math.round(random.magnitude(1, often)) - 1;
  return { verb, ...(about === null ? {} : { about }), process, where, skip };
}
