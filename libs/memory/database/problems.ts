/** Problems: one open row per name that cannot sync. */
import { FOUND_PROBLEMS } from '#core/found-problems.ts';
import { compareNames } from '#core/name.ts';
import type { Problem, ProblemText } from '#ports/archive.ts';
import type { PairTables, Tables, Transaction } from './tables.ts';

/** @param retry what is known of attempts; the rest stays as it was. */
export function openProblem(
  { now }: Transaction,
  { problems }: PairTables,
  name: string,
  { code, text }: ProblemText,
  retry: Partial<Pick<Problem, 'attempts' | 'nextAttemptAt'>> = {},
): void {
  const at = new Date(now);
  const open = problems.get(name);
  const { attempts, nextAttemptAt } = { attempts: 0, nextAttemptAt: null, ...open, ...retry };
  const firstSeenAt = open?.code === code ? open.firstSeenAt : at;
  problems.set(name, { name, code, text, firstSeenAt, lastSeenAt: at, attempts, nextAttemptAt });
}

/** What a full look found stays: the name it is shown under may be another's, which settles now. */
export function closeProblem({ problems }: PairTables, name: string): void {
  if (!FOUND_PROBLEMS.has(problems.get(name)?.code ?? '')) problems.delete(name);
}

/** Closes problems with these codes that were last seen before. */
export function closeUnseen({ problems }: PairTables, codes: readonly string[], since: Date): void {
  for (const { name, code, lastSeenAt } of [...problems.values()]) {
    if (codes.includes(code) && lastSeenAt < since) problems.delete(name);
  }
}

/** In order of pairs and, within one, in byte order of names. @param pairId null for all pairs. */
export function problems(
  tables: Tables,
  pairId: number | null,
): readonly (Problem & { readonly pairId: number })[] {
  return [...tables.pairs.values()]
    .filter(({ pair }) => pairId === null || pair.id === pairId)
    .flatMap(({ pair, tables: { problems: open } }) =>
      [...open.values()]
        .sort((a, b) => compareNames(a.name, b.name))
        .map((problem) => ({ pairId: pair.id, ...problem })),
    );
}
