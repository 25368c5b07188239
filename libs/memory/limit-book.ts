/** Memory limit book: what operators set, in this process. What is for a store or pair that is gone is gone with it. */
import { HoldfastError } from '#ports/errors.ts';
import type { LimitBook, LimitRule, LimitScope } from '#ports/limits.ts';
import type { Tables, Transact } from './database/tables.ts';

/** Nobody else works on the stores of a database in memory. */
const PROCESSES = 0;

export function createMemoryLimitBook(transact: Transact): LimitBook {
  return {
    read: () =>
      transact('limits', 'all', ({ tables }) => ({ rules: inOrder(living(tables)), processes: PROCESSES })),
    set: (rule) =>
      transact('setLimit', 'one', ({ tables }) => {
        if (!isThere(tables, rule))
          throw new HoldfastError(
            'not-found',
            'what the limit was for is gone; holdfast limit show lists all',
          );
        const others = tables.limits.filter(
          (each) => !(isSameScope(each, rule) && each.timetable === rule.timetable),
        );
        tables.limits = [...others, rule];
      }),
    clear: (scope, timetable) =>
      transact('clearLimits', 'some', ({ tables }) => {
        const before = living(tables);
        tables.limits = before.filter(
          (rule) => !(isSameScope(rule, scope) && (timetable === null || rule.timetable === timetable)),
        );
        return before.length - tables.limits.length;
      }),
  };
}

function living(tables: Tables): readonly LimitRule[] {
  return tables.limits.filter((rule) => isThere(tables, rule));
}

function isThere(tables: Tables, { storeId, pairId }: LimitScope): boolean {
  return (storeId === null || tables.stores.has(storeId)) && (pairId === null || tables.pairs.has(pairId));
}

function isSameScope(left: LimitScope, right: LimitScope): boolean {
  return left.storeId === right.storeId && left.pairId === right.pairId;
}

function inOrder(rules: readonly LimitRule[]): readonly LimitRule[] {
  const scopeOrder = (left: LimitScope, right: LimitScope): number =>
    (left.pairId ?? 0) - (right.pairId ?? 0) || (left.storeId ?? 0) - (right.storeId ?? 0);
  return rules.toSorted((left, right) => {
    const [one, other] = [left.timetable ?? '', right.timetable ?? ''];
    return scopeOrder(left, right) || (one < other ? -1 : one > other ? 1 : 0);
  });
}
