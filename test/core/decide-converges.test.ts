/** Decisions over time: users act on both sides of a model, decisions follow, nothing is lost and it ends. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { decide } from '#core/decide.ts';
import type { Policies } from '#core/policies.ts';
import { sameContent } from '#core/state.ts';
import { MODEL_NAMES, Model, type Thing } from './model.ts';
import { seeded } from './seed.ts';

/** Undisturbed, a name needs one round, its conflict copy a second, and a quiet third proves the end. */
const ROUNDS = 4;

const policies: fc.Arbitrary<Policies> = fc.record({
  conflict: fc.constantFrom('upstream', 'newest', 'local'),
  deleteVsEdit: fc.constantFrom('upstream', 'edit-wins'),
  direction: fc.constantFrom('both', 'push-only', 'pull-only'),
});

interface Step {
  /** `same` puts one new content on both sides; `decide` lets decisions be carried out meanwhile. */
  readonly act: 'file' | 'same' | 'directory' | 'unhandled' | 'delete' | 'decide';
  readonly side: 'here' | 'upstream';
  readonly name: (typeof MODEL_NAMES)[number];
  readonly at: number;
  readonly hashed: boolean;
}

const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.record({
    act: fc.constantFrom('file', 'file', 'same', 'directory', 'unhandled', 'delete', 'decide', 'decide'),
    side: fc.constantFrom('here', 'upstream'),
    name: fc.constantFrom(...MODEL_NAMES),
    at: fc.nat(5),
    hashed: fc.boolean(),
  }),
  { maxLength: 14 },
);

/** @param chosen null leaves the steps without decisions. */
function play(model: Model, played: readonly Step[], chosen: Policies | null): void {
  for (const [index, { act, side, name, at, hashed }] of played.entries()) {
    const thing: Thing = { content: `content ${index}`, mtimeNs: BigInt(at) };
    switch (act) {
      case 'decide':
        if (chosen !== null) model.round(chosen);
        assert.deepEqual(model.lost(), []);
        break;
      case 'delete':
        model.put(side, name, null);
        break;
      case 'directory':
      case 'unhandled':
        model.put(side, name, act);
        break;
      case 'same':
        model.put(side === 'here' ? 'upstream' : 'here', name, thing, hashed);
        model.put(side, name, thing, hashed);
        break;
      case 'file':
        model.put(side, name, thing, hashed);
    }
  }
}

test('whatever users do, no content is lost and deciding ends', (t) => {
  fc.assert(
    fc.property(policies, steps, (chosen, played) => {
      const model = new Model();
      play(model, played, chosen);
      for (let round = 1; model.round(chosen) > 0; round += 1) {
        assert.deepEqual(model.lost(), []);
        assert.ok(round < ROUNDS, `still deciding after ${round} rounds`);
      }
      assert.deepEqual(model.lost(), []);
    }),
    seeded(t, 3000),
  );
});

test('when deciding ends, both sides of a two-way pair are equal but for what cannot be synced', (t) => {
  fc.assert(
    fc.property(policies, steps, (chosen, played) => {
      const model = new Model();
      const both: Policies = { ...chosen, direction: 'both' };
      play(model, played, both);
      while (model.round(both) > 0);
      for (const name of new Set([...model.here.keys(), ...model.upstream.keys()])) {
        const { local, remote } = model.entry(name);
        const isSpecial = local.kind === 'unhandled' || remote.kind === 'unhandled';
        assert.ok(isSpecial || sameContent(local, remote), `${name}: ${local.kind}, ${remote.kind}`);
      }
    }),
    seeded(t, 2000),
  );
});

test('a side that may not be written stays exactly as its users left it', (t) => {
  fc.assert(
    fc.property(policies, steps, (chosen, played) => {
      for (const direction of ['push-only', 'pull-only'] as const) {
        const model = new Model();
        const alone = new Model();
        const oneWay: Policies = { ...chosen, direction };
        play(model, played, oneWay);
        play(alone, played, null);
        model.round(oneWay);
        const side = direction === 'push-only' ? 'here' : 'upstream';
        assert.deepEqual(model[side], alone[side]);
      }
    }),
    seeded(t, 1000),
  );
});

test('equal input gives equal decisions', (t) => {
  fc.assert(
    fc.property(policies, steps, (chosen, played) => {
      const model = new Model();
      play(model, played, chosen);
      for (const name of MODEL_NAMES) {
        const entry = model.entry(name);
        const decision = decide(entry, chosen);
        assert.deepEqual(decide(structuredClone(entry), { ...chosen }), decision);
      }
    }),
    seeded(t, 500),
  );
});
