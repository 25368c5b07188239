import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Name } from '#core/name.ts';
import type { RecordedHistoryEvent } from '#ports/archive.ts';
import type { EventRow, PageView } from '#ports/desk.ts';
import { HoldfastError } from '#ports/errors.ts';
import type { Overview } from '#ports/overview.ts';
import type { Pair } from '#ports/pair.ts';
import type { Registry } from '#ports/registry.ts';
import { readHistory } from '#steps/operator/timeline.ts';

const FILES = 6_000;

/** Two uploads, a renamed directory with more events than are read at once, and one upload more. */
function recorded(): readonly RecordedHistoryEvent[] {
  const events: RecordedHistoryEvent[] = [];
  const tell = (name: string, text: string, kind: RecordedHistoryEvent['kind'] = 'acknowledged'): void => {
    const id = BigInt(events.length + 1);
    events.push({ id, at: new Date(0), name: name as Name, kind, side: 'remote', serial: null, text });
  };
  tell('first', 'uploaded 1 bytes');
  tell('second', 'uploaded 2 bytes');
  for (let index = 0; index < FILES; index += 1) {
    tell(`b/${index}`, 'a new file', 'observed');
    tell(`b/${index}`, `moved from "a/${index}": the store copied it, no byte was sent`);
  }
  for (let index = 0; index < FILES; index += 1) tell(`a/${index}`, 'deleted upstream');
  tell('a', 'deleted upstream');
  tell('last', 'uploaded 3 bytes');
  return events;
}

const events = recorded();
const overview: Pick<Overview, 'pageHistory'> = {
  pageHistory: async (_pairId, { name, which, before, limit }) => {
    const found = events.filter(
      (event) =>
        (before === null || event.id < before) &&
        (name === null || event.name === name) &&
        (which === 'all' || event.kind !== 'observed'),
    );
    return { items: found.toReversed().slice(0, limit), hasMore: found.length > limit };
  },
};
const registry: Pick<Registry, 'findPair'> = { findPair: async () => ({ id: 1 }) as Pair };
const read = (from: string | null, limit: number, path: string | null = null): Promise<PageView<EventRow>> =>
  readHistory({ overview: overview as Overview, registry: registry as Registry }, 'docs', {
    path,
    from,
    limit,
  });

describe('history as it is read', () => {
  it('has a renamed directory as one line, on whatever page it is', async () => {
    for (const limit of [1, 2, 3, 50]) {
      const texts: string[] = [];
      let from: string | null = null;
      do {
        const page: PageView<EventRow> = await read(from, limit);
        texts.push(...page.items.map(({ text }) => text));
        assert.ok(page.items.length <= limit);
        from = page.next;
      } while (from !== null);
      assert.deepEqual(
        texts,
        ['uploaded 3 bytes', 'renamed "a/" to "b/" (6,000 files)', 'uploaded 2 bytes', 'uploaded 1 bytes'],
        `pages of ${limit}`,
      );
    }
  });

  it('has all that happened to one path as it was recorded', async () => {
    const page = await read(null, 50, 'b/7');
    assert.deepEqual(
      page.items.map(({ kind, files }) => [kind, files]),
      [
        ['acknowledged', 1],
        ['observed', 1],
      ],
    );
  });

  it('refuses what is neither a path nor a page', async () => {
    await assert.rejects(read('x', 5), (error) => error instanceof HoldfastError && error.code === 'usage');
    await assert.rejects(
      read(null, 5, 'a//b'),
      (error) => error instanceof HoldfastError && error.code === 'usage',
    );
  });
});
