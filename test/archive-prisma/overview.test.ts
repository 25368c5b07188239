/**
 * What operators' pages ask of a large database: every statement answers, and none reads more
 * rows than it shows and a range of an index, by PostgreSQL's own account of it.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import pg from 'pg';
import type { Name } from '#core/name.ts';
import type { Session } from '#libs/archive-prisma/connection.ts';
import { type Database, openDatabase } from '#libs/archive-prisma/database.ts';
import { pairsOnContainerOf } from '#libs/archive-prisma/sql/find-pairs.ts';
import { movedSince } from '#libs/archive-prisma/sql/follow.ts';
import * as account from '#libs/archive-prisma/sql/list-account.ts';
import { listedPairs, pagePairs } from '#libs/archive-prisma/sql/list-pairs.ts';
import { pageActions } from '#libs/archive-prisma/sql/operator-answers.ts';
import type { Pair } from '#ports/pair.ts';
import { fillFleet } from '#test/support/large-fleet.ts';
import { LastFirst } from '#test/support/last-first.ts';
import { testDatabase } from '#test/support/services.ts';
import { SILENT } from './fixtures.ts';

const PAIRS = 1_000;
const SHOWN = 20;

const undoing = new LastFirst();
let client: pg.Client;
let database: Database;

before(async () => {
  const url = await testDatabase(undoing);
  client = new pg.Client({ connectionString: url });
  await client.connect();
  undoing.after(() => client.end());
  await fillFleet(client, { pairs: PAIRS, events: 60_000 });
  database = openDatabase({ url, poolSize: 2, log: SILENT });
  undoing.after(() => database.close());
});

after(() => undoing.undo());

interface Plan {
  readonly 'Node Type': string;
  readonly 'Relation Name'?: string;
  readonly 'Actual Rows': number;
  readonly 'Actual Loops': number;
  readonly 'Rows Removed by Filter'?: number;
  readonly 'Rows Removed by Index Recheck'?: number;
  readonly Plans?: readonly Plan[];
}

/** Rows that a statement read from tables, and the tables that it read as a whole. */
interface Cost {
  read: number;
  readonly wholes: string[];
}

function add(cost: Cost, plan: Plan): void {
  const table = plan['Relation Name'];
  if (table !== undefined) {
    const perLoop =
      plan['Actual Rows'] +
      (plan['Rows Removed by Filter'] ?? 0) +
      (plan['Rows Removed by Index Recheck'] ?? 0);
    cost.read += perLoop * plan['Actual Loops'];
    if (plan['Node Type'] === 'Seq Scan' && table !== 'store') cost.wholes.push(table);
  }
  for (const inner of plan.Plans ?? []) add(cost, inner);
}

/** What `ask` costs, by the database's own account; its answer is thrown away. */
async function costOf(ask: (session: Session) => Promise<unknown>): Promise<Cost> {
  const cost: Cost = { read: 0, wholes: [] };
  const session: Session = {
    query: async <Row>(sql: string, ...values: readonly unknown[]) => {
      const { rows } = await client.query(`EXPLAIN (ANALYZE, FORMAT JSON) ${sql}`, [...values]);
      add(cost, (rows[0] as { 'QUERY PLAN': [{ Plan: Plan }] })['QUERY PLAN'][0].Plan);
      return [] as Row[];
    },
    execute: () => Promise.reject(new Error('a page changes nothing')),
  };
  await ask(session);
  return cost;
}

const FIRST = { search: '', condition: null, withProblems: false, after: null, limit: SHOWN } as const;

/** Each with the rows it may read for each row that it shows. */
const ASKED: readonly (readonly [
  what: string,
  perRow: number,
  ask: (session: Session) => Promise<unknown>,
])[] = [
  ['the first page of pairs', 8, (session) => pagePairs(session, FIRST)],
  ['a page in the middle', 8, (session) => pagePairs(session, { ...FIRST, after: 'pair-00500' })],
  ['some pairs by name', 8, (session) => listedPairs(session, names(SHOWN))],
  [
    'the pairs of a container',
    2,
    (session) =>
      pairsOnContainerOf(session, { container: 'container-1', store: { url: 'x' } } as unknown as Pair),
  ],
  [
    'a timeline',
    2,
    (session) => account.pageHistory(session, 1, { name: null, which: 'all', before: null, limit: SHOWN }),
  ],
  [
    'a timeline of outcomes',
    8,
    (session) =>
      account.pageHistory(session, 1, { name: null, which: 'outcomes', before: null, limit: SHOWN }),
  ],
  [
    'the timeline of a name',
    2,
    (session) =>
      account.pageHistory(session, 1, { name: 'file-1' as Name, which: 'all', before: null, limit: SHOWN }),
  ],
  ['conflicts', 3, (session) => account.pageConflicts(session, 1, null, SHOWN)],
  [
    'problems of all',
    3,
    (session) =>
      account.pageProblems({ ...session }, { pairId: null, code: null, after: null, limit: SHOWN }),
  ],
  [
    'problems of all after some',
    3,
    (session) =>
      account.pageProblems(session, {
        pairId: null,
        code: null,
        after: { pairId: 500, name: 'x' },
        limit: SHOWN,
      }),
  ],
  [
    'problems of a code',
    3,
    (session) =>
      account.pageProblems(session, { pairId: null, code: 'store-quota', after: null, limit: SHOWN }),
  ],
  [
    'problems of a pair',
    3,
    (session) => account.pageProblems(session, { pairId: 1, code: null, after: null, limit: SHOWN }),
  ],
  ['the trash', 2, (session) => account.pageKept(session, 1, null, SHOWN)],
  ['what is being moved', 2, (session) => account.heldDecisions(session, 1, SHOWN)],
  ['what operators did', 2, (session) => pageActions(session, null, SHOWN)],
  ['what was moved lately', 2, (session) => movedSince(session, 59_990n, SHOWN)],
];

function names(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `pair-${String(index * 7 + 1).padStart(5, '0')}`);
}

describe('no page reads more than it shows and a range of an index', () => {
  for (const [what, perRow, ask] of ASKED) {
    it(what, async () => {
      const { read, wholes } = await costOf(ask);
      assert.deepEqual(wholes, []);
      assert.ok(read <= (SHOWN + 1) * perRow, `${read} rows were read to show ${SHOWN}`);
    });
  }
});

describe('a page of pairs', () => {
  it('goes on where the one before ended, and finds by name, condition and problems', async () => {
    const { overview } = database;
    const first = await overview.pagePairs(FIRST);
    assert.equal(first.items.length, SHOWN);
    assert.equal(first.hasMore, true);
    const second = await overview.pagePairs({ ...FIRST, after: first.items.at(-1)?.name ?? '' });
    assert.ok((second.items[0]?.name ?? '') > (first.items.at(-1)?.name ?? ''));
    const found = await overview.pagePairs({ ...FIRST, search: 'AIR-0077' });
    assert.deepEqual(
      found.items.map(({ name }) => name),
      Array.from({ length: 10 }, (_, i) => `pair-0077${i}`),
    );
    const { conditions, pairs } = await overview.totals();
    assert.equal(pairs, PAIRS);
    for (const [condition, count] of Object.entries(conditions)) {
      const query = { ...FIRST, condition: condition as 'paused', limit: PAIRS };
      const page = await overview.pagePairs(query);
      assert.equal(page.items.length, count, condition);
      assert.ok(page.items.every((item) => item.condition === condition));
    }
    const troubled = await overview.pagePairs({ ...FIRST, withProblems: true });
    assert.ok(troubled.items.length > 0 && troubled.items.every(({ problems }) => problems > 0));
  });
});
