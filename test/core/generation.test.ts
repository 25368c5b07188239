/** Generation: which of folder, container and database went back in time, as a table. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type Continuity,
  continuityOf,
  formatGeneration,
  generationPlace,
  generationToTell,
  type PairGenerations,
  parseGeneration,
  readGenerations,
  toldByContainer,
} from '#core/generation.ts';
import { toSerial } from '#core/serial.ts';

const SERIAL = toSerial(1n);

/** begun, told, stamp told, found, stamp found */
const CASES: readonly [string, number, number, string | null, number, string | null, Continuity][] = [
  ['a new pair that was told nothing', 0, 0, null, 0, 'i1 t1', 'kept'],
  ['what was told last', 5, 5, 'i1 t1', 5, 'i1 t1', 'kept'],
  ['told, and its process died before it said so', 5, 4, 'i1 t1', 5, 'i2 t2', 'kept'],
  ['begun, and not told yet', 5, 4, 'i1 t1', 4, 'i1 t1', 'kept'],
  ['older than what was told', 5, 4, 'i1 t1', 3, 'i1 t1', 'side-older'],
  ['a marker without a generation, where there was one', 5, 4, 'i1 t1', 0, 'i1 t1', 'side-older'],
  ['later than any that was begun', 5, 4, 'i1 t1', 6, 'i1 t1', 'database-older'],
  ['later than any, to a database that knows of none', 0, 0, null, 1, 'i1 t1', 'database-older'],
  ['a copy of the marker', 5, 5, 'i1 t1', 5, 'i2 t2', 'side-copied'],
  ['other inodes after a remount', 5, 5, 'i1 t1', 5, 'i2 t1', 'kept'],
  ['another owner since', 5, 5, 'i1 t1', 5, 'i1 t2', 'kept'],
  ['a side that has no stamp', 5, 5, null, 5, null, 'kept'],
];

for (const [title, begun, toldNumber, toldStamp, number, stamp, expected] of CASES) {
  test(`${title}: ${expected}`, () => {
    for (const side of ['local', 'remote'] as const) {
      const other = side === 'local' ? 'remote' : 'local';
      const told = { [side]: { number: toldNumber, stamp: toldStamp }, [other]: { number: 0, stamp: null } };
      const known = { begun: { number: begun, serial: SERIAL }, told: told as never };
      assert.equal(continuityOf(known, side, { number, serial: SERIAL, stamp }), expected);
    }
  });
}

test('a generation is read as it was written, and nothing else is one', () => {
  const generation = { number: 12, serial: toSerial(345n) };
  assert.deepEqual(parseGeneration(formatGeneration(generation)), generation);
  for (const text of ['', '12', '12 ', ' 12 345', '-1 3', '1.5 3', '12 345 6', '9999999999999 1', '1 1e9'])
    assert.equal(parseGeneration(text), null, text);
});

function knownOf(begun: number, told: number): PairGenerations {
  const remote = { number: told, stamp: null };
  return { begun: { number: begun, serial: SERIAL }, told: { local: { number: 0, stamp: null }, remote } };
}

class Container {
  #places = new Map<string, string>();

  tell(number: number): void {
    const generation = { number, serial: toSerial(BigInt(number)) };
    this.#places.set(generationPlace(generation), formatGeneration(generation));
  }

  /** @param told the last one that it is known to have been told, before this look. */
  found(told: number): number {
    const kept = readGenerations((place) => this.#places.get(place));
    return toldByContainer(kept, knownOf(100, told)).number;
  }

  backUp(): () => void {
    const backup = new Map(this.#places);
    return () => {
      this.#places = backup;
    };
  }
}

test('a generation told late hides none of the three told since', () => {
  const container = new Container();
  let told = 0;
  assert.equal(container.found(told), 0);
  for (const [number, expected] of [
    [5, 5],
    [7, 7],
    [8, 8],
    [5, 8],
    [6, 8],
    [9, 9],
  ] as const) {
    container.tell(number);
    assert.equal(container.found(told), expected);
    told = Math.max(told, number);
  }
});

test('a container that went back right before it was told again is not as recent as that', () => {
  for (let first = 1; first <= 5; first += 1) {
    for (let skipped = 1; skipped <= 9; skipped += 1) {
      const container = new Container();
      container.tell(first);
      const restore = container.backUp();
      const told = first + skipped;
      container.tell(told);
      assert.equal(container.found(told), told);
      for (let begun = told + 1; begun <= told + 9; begun += 1) {
        const next = generationToTell(knownOf(begun, told)) ?? assert.fail('it is behind');
        assert.ok(next.number > told && next.number <= begun);
        restore();
        container.tell(next.number);
        assert.ok(container.found(told) < told, `${first}, ${told}, restored, ${next.number}`);
      }
    }
  }
});

test('a container is told nothing that it knows, and one that was told nothing the last one begun', () => {
  assert.equal(generationToTell(knownOf(5, 5)), null);
  assert.equal(generationToTell(knownOf(0, 0)), null);
  assert.equal(generationToTell(knownOf(4, 0))?.number, 4);
});
