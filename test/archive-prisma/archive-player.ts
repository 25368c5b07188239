/**
 * Archive player: plays calls on one database and tells its answers in a form that two
 * databases share: numbers that a database issued become the order in which they were first
 * told, times become hours from now.
 */
import type { WaitingAges } from '#core/delete-hold.ts';
import type { Entry } from '#core/entry.ts';
import { NO_SERIAL, type Serial } from '#core/serial.ts';
import type { Candidate, ProbeRecord, Release, SideEffects, TrashedContent } from '#ports/archive.ts';
import { doneWith, type OpenedArchive, unionOf } from '#test/conformance/archive-fixtures.ts';
import {
  type Call,
  type Effects,
  type Found,
  HOUR_MS,
  NAMES,
  REMEMBERED,
  type ReleaseCall,
} from './archive-calls.ts';

/** A new marking hurries what waits; after this it did, on a slow server too. */
const HURRY_MS = 5_000;
/** Sorts of issued numbers, by the properties that hold them. */
const ISSUED: Readonly<Record<string, string>> = {
  serial: 'serial',
  localSerial: 'serial',
  remoteSerial: 'serial',
  syncSerial: 'serial',
  marking: 'marking',
  oldestMarking: 'marking',
  pairId: 'pair',
};

export class Player {
  readonly #on: OpenedArchive;
  readonly #issued = new Map<string, Map<unknown, number>>();
  /** Newest first, all three. */
  #candidates: readonly Candidate[] = [];
  #pending: readonly Entry[] = [];
  #trash: readonly TrashedContent[] = [];

  constructor(on: OpenedArchive) {
    this.#on = on;
  }

  /** Plays one call, lets a little time pass and looks. @returns what was answered and seen. */
  async play(call: Call): Promise<unknown> {
    const answer = await this.#call(call);
    await this.#on.passTime(HURRY_MS);
    const { archive, pair } = this.#on;
    const entries = await archive.load(pair.id, NAMES);
    const candidates = await archive.candidates(pair.id, 5);
    this.#candidates = [...candidates, ...this.#candidates].slice(0, REMEMBERED);
    const pending = entries.filter(({ decision }) => decision !== null);
    this.#pending = [...pending, ...this.#pending].slice(0, REMEMBERED);
    return this.#told({ answer, entries, candidates });
  }

  /** Everything that the ports tell about the pair. */
  async account(): Promise<unknown> {
    const { archive, registry, pair, clock } = this.#on;
    const { revision, scanWanted, scanDone, pollWanted, pollDone, union, generations } =
      (await registry.loadPair(pair.id)) ?? pair;
    const below = await Promise.all(
      NAMES.map(async (each) => [
        await archive.hasWorkBelow(pair.id, each),
        await archive.hasUpstreamNewsBelow(pair.id, each),
        await archive.history(pair.id, each, 5),
      ]),
    );
    return this.#told({
      pair: { revision, scanWanted, scanDone, pollWanted, pollDone, union, generations },
      below,
      local: await archive.pageLocal(pair.id, 'a', 4),
      remote: await archive.pageRemote(pair.id, null, 4),
      objects: await archive.upstreamObjects(pair.id, NAMES),
      work: await archive.work(),
      counts: await archive.counts(pair.id),
      deletes: await this.#deletes(),
      problems: await archive.problems(null),
      history: await archive.history(pair.id, null, 5),
      transferred: await archive.transferred(pair.id, new Date(clock.now() - 1.25 * HOUR_MS)),
      trash: await archive.trash(pair.id, null),
      due: await archive.dueTrash(pair.volume, 5),
    });
  }

  #call(call: Call): Promise<unknown> {
    const { archive, registry, pair } = this.#on;
    switch (call.call) {
      case 'mark':
        return archive.mark(pair.id, call.sides, call.names);
      case 'markBelow':
        return archive.markBelow(pair.id, call.sides, call.name);
      case 'markProblems':
        return archive.markProblems(pair.id, call.exceptCodes);
      case 'recordListed': {
        const objects = call.names.map((name) => ({ name, state: call.state }));
        return archive.recordListed(pair.id, objects);
      }
      case 'record':
        return this.#record(call);
      case 'dispatch':
        return archive.dispatch(pair.id, call.window, call.holdHours * HOUR_MS);
      case 'claim':
        return archive.claim(pair.id, this.#items(call.places), call.holder, call.holdHours * HOUR_MS);
      case 'acknowledge': {
        const done = at(this.#pending, call.places).map((entry) => ({ ...doneWith(entry), hash: call.hash }));
        return archive.acknowledge(pair.id, eachOnce(done, nameOf), this.#effects(call.effects));
      }
      case 'release': {
        const releases = eachOnce(this.#releases(call.items), nameOf);
        return archive.release(pair.id, releases, this.#effects(call.effects));
      }
      case 'forgetDispatched':
        return archive.forgetDispatched();
      case 'letDeletesGo':
        return this.#letDeletesGo(call.uncounted);
      case 'takeBackDeletes':
        return archive.takeBackDeletes();
      case 'holdDeletes':
      case 'endHold':
      case 'lookAgainAtDeletes':
      case 'approveDeletes':
      case 'revertDeletes':
        return archive[call.call](pair.id);
      case 'openProblem':
        return archive.openProblem(pair.id, call.shown, call.problem);
      case 'closeProblems':
        return this.#closeProblems(call);
      case 'settleTrash':
        return this.#settleTrash(call.place, call.as);
      case 'finishPoll':
        return registry.finishPoll(pair.id, 1n);
      case 'enable':
        return registry.enable(pair.id);
      case 'setPaused':
        return registry.setPaused(pair.id, call.paused);
      case 'disable':
        return registry.disable(pair.id, 'folder-missing', call.reason);
      case 'startUnion':
        return this.#startUnion(call);
      case 'beginGenerations':
        return registry.beginGenerations(call.minAgeHours * HOUR_MS);
      case 'confirmGeneration':
        return registry.confirmGeneration(pair.id, call.side, {
          number: call.number,
          stamp: `s${call.number}`,
        });
      case 'passTime':
        return this.#on.passTime(call.hours * HOUR_MS);
    }
  }

  async #letDeletesGo(uncounted: number): Promise<boolean> {
    const { archive, pair } = this.#on;
    const { waiting } = await archive.countDeletes(pair.id, { windowMs: HOUR_MS, names: 0 });
    return archive.letDeletesGo(pair.id, waiting + uncounted);
  }

  async #deletes(): Promise<unknown> {
    const { archive, pair } = this.#on;
    const windowMs = 2.75 * HOUR_MS;
    const { heldSince, local, remote } = await archive.waitingDeletes(pair.id);
    const hours = (ages: WaitingAges | null): readonly number[] | null =>
      ages === null ? null : [ages.youngestMs, ages.oldestMs].map((ms) => Math.round(ms / HOUR_MS));
    return {
      heldSince: heldSince === null ? null : new Date(heldSince),
      waiting: [hours(local), hours(remote)],
      counts: await archive.countDeletes(pair.id, { windowMs, names: 2 }),
      renames: await archive.countRenames(pair.id, windowMs),
      moves: [
        [...(await archive.movedHere(pair.id, NAMES))].sort(),
        [...(await archive.movedUpstream(pair.id, NAMES))].sort(),
      ],
      holds: (await archive.unansweredHolds()).length,
      held: await archive.pageHeldDeletes(pair.id, 'a', 3),
    };
  }

  async #startUnion({ reason, ahead }: Extract<Call, { call: 'startUnion' }>): Promise<unknown> {
    const { registry, pair } = this.#on;
    const { generations } = (await registry.loadPair(pair.id)) ?? pair;
    const { number, serial } = generations.begun;
    const generation = { number: number + ahead, serial, stamp: 'found' };
    const found = ahead === 0 ? null : ({ side: 'local', generation } as const);
    return registry.startUnion(pair.id, unionOf({ generations }, { reason, found }));
  }

  async #record({ found, events }: Extract<Call, { call: 'record' }>): Promise<unknown> {
    const { archive, pair } = this.#on;
    const serials = await archive.issueSerials(3 * found.length);
    const records = found.flatMap((each, index) => {
      const [candidate] = at(this.#candidates, [each.place]);
      return candidate === undefined ? [] : [this.#probeRecord(candidate, each, serials.slice(3 * index))];
    });
    const history = events.map((name, index) => {
      return { name, kind: 'observed', side: 'local', serial: null, text: `event ${index}` } as const;
    });
    const once = eachOnce(records, ({ candidate }) => candidate.entry.name);
    return archive.record(pair.id, once, history);
  }

  #probeRecord(candidate: Candidate, found: Found, serials: readonly Serial[]): ProbeRecord {
    const [ofLocal = NO_SERIAL, ofRemote = NO_SERIAL, serial = NO_SERIAL] = serials;
    const { local, remote, outcome, problem } = found;
    const base = {
      candidate,
      local: local === null ? null : { state: local, serial: ofLocal },
      remote: remote === null ? null : { state: remote, serial: ofRemote },
      problem,
    };
    switch (outcome.kind) {
      case 'settled':
        return { ...base, outcome };
      case 'acknowledged':
        return { ...base, outcome: { ...outcome, serial } };
      case 'later':
        return { ...base, outcome: { kind: 'later', at: this.#inHours(outcome.inHours) } };
      case 'decided': {
        const { action, displaced } = outcome;
        const decision = { serial, action, displaced, reason: 'because', attempts: 0 };
        return { ...base, outcome: { kind: 'decided', decision } };
      }
    }
  }

  #releases(items: readonly { readonly place: number; readonly as: ReleaseCall }[]): readonly Release[] {
    return items.flatMap(({ place, as }) =>
      this.#items([place]).map((item): Release => {
        if (as.kind === 'stale') return { ...item, outcome: { ...as, reason: 'moved on' } };
        if (as.kind === 'refused') return { ...item, outcome: as };
        const { kind, inHours, counts, problem } = as;
        return { ...item, outcome: { kind, at: this.#inHours(inHours), counts, problem, reason: 'failed' } };
      }),
    );
  }

  #effects({ candidates, pointers, conflicts }: Effects): SideEffects {
    const serial = this.#pending[0]?.decision?.serial ?? NO_SERIAL;
    return {
      candidates,
      recovery: pointers.map(({ name, locator, lookInHours, expiresInHours }) => ({
        name,
        side: 'local',
        serial,
        pointer: { kind: 'trash', locator, size: 1, hash: null },
        lookAgainAt: lookInHours === null ? null : this.#inHours(lookInHours),
        expiresAt: this.#inHours(expiresInHours),
      })),
      history: conflicts.map((name) => ({ name, kind: 'conflict', side: 'local', serial, text: 'kept' })),
    };
  }

  async #closeProblems({ codes, unseenForHours }: Call & { readonly call: 'closeProblems' }): Promise<void> {
    const { archive, pair } = this.#on;
    const now = (await archive.time()).getTime();
    await archive.closeProblems(pair.id, codes, new Date(now - unseenForHours * HOUR_MS));
  }

  async #settleTrash(place: number, as: 'looked' | 'gone'): Promise<void> {
    const { archive, pair } = this.#on;
    this.#trash = [...(await archive.trash(pair.id, null)), ...this.#trash].slice(0, REMEMBERED);
    for (const { id } of at(this.#trash, [place])) await archive.settleTrash(id, as);
  }

  #items(places: readonly number[]): { name: Entry['name']; serial: Serial }[] {
    return at(this.#pending, places).flatMap(({ name, decision }) =>
      decision === null ? [] : [{ name, serial: decision.serial }],
    );
  }

  #inHours(hours: number): number {
    return this.#on.clock.now() + hours * HOUR_MS;
  }

  #told(value: unknown, key = ''): unknown {
    const sort = ISSUED[key];
    if (sort !== undefined && value !== null && value !== NO_SERIAL) return this.#orderOf(sort, value);
    if (value instanceof Date) return Math.round((value.getTime() - this.#on.clock.now()) / HOUR_MS) || 0;
    if (value instanceof Set) return [...value].sort();
    if (Array.isArray(value)) return value.map((item) => this.#told(item));
    if (typeof value !== 'object' || value === null) return value;
    // Ids of events and pointers only order them, which the lists show.
    const named = Object.entries(value).filter(([name]) => name !== 'id');
    const sorted = named.sort(([left], [right]) => (left < right ? -1 : 1));
    return Object.fromEntries(sorted.map(([name, item]) => [name, this.#told(item, name)]));
  }

  #orderOf(sort: string, value: unknown): string {
    const seen = this.#issued.get(sort) ?? new Map<unknown, number>();
    this.#issued.set(sort, seen);
    const order = seen.get(value) ?? seen.size + 1;
    seen.set(value, order);
    return `${sort} ${order}`;
  }
}

/** What stands at these places, counted round. */
function at<Item>(items: readonly Item[], places: readonly number[]): readonly Item[] {
  return places.flatMap((place) => {
    const item = items[place % Math.max(items.length, 1)];
    return item === undefined ? [] : [item];
  });
}

/** As callers do: they give each name once. */
function eachOnce<Item>(items: readonly Item[], name: (item: Item) => string): readonly Item[] {
  return [...new Map(items.map((item) => [name(item), item])).values()];
}

function nameOf(item: { readonly name: string }): string {
  return item.name;
}
