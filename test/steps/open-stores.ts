/** The stores that scenarios run on: in memory, the Pithos server, and a real Swift where there is one. */
import { describe, it, type TestContext } from 'node:test';
import type { OpenedStore } from '#test/conformance/object-store.ts';
import { openMemory } from '#test/memory/open-memory.ts';
import { openPithos } from '#test/store-pithos/open-pithos.ts';
import { openSwift } from '#test/store-swift/fixtures.ts';
import { type Engine, type EngineOptions, startEngine } from '#test/support/engine.ts';
import { swift } from '#test/support/services.ts';

const STORES: readonly { readonly label: string; open(t: TestContext): Promise<OpenedStore | null> }[] = [
  { label: 'memory', open: () => openMemory() },
  { label: 'pithos', open: (t) => openPithos(t) },
  {
    label: 'swift',
    open: async (t) => {
      const login = await swift();
      return login === null ? null : openSwift(t, login, true);
    },
  },
];

export type Scenario = (engine: Engine, t: TestContext) => Promise<void>;

/** Declares each scenario once for every store; where a store cannot be had the test is left out and says so. */
export function describeOnStores(
  title: string,
  declare: (scenario: (name: string, run: Scenario, options?: EngineOptions) => void) => void,
): void {
  for (const { label, open } of STORES) {
    describe(`${title} on ${label}`, () => {
      declare((name, run, options = {}) => {
        it(name, async (t) => {
          const remote = await open(t);
          if (remote === null) {
            t.skip('no Swift on this machine');
            return;
          }
          await run(await startEngine(t, remote, options), t);
        });
      });
    });
  }
}
