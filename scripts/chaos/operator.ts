/** Operator: answers deletes that are held, as somebody would who is asked again and again: mostly yes. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Fleet } from './fleet.ts';
import type { Journal } from './journal.ts';
import type { Ledger } from './ledger.ts';
import type { Random } from './random.ts';

const SHORTEST_PAUSE_MS = 6_000;
const LONGEST_PAUSE_MS = 20_000;
const REVERTS = 0.25;

/** @returns the names whose deletes were held; they are answered now. */
export async function answerHeldDeletes(
  fleet: Fleet,
  pair: string,
  answer: 'approve' | 'revert',
): Promise<readonly string[]> {
  const held = await fleet.json<readonly { readonly name: string }[]>('deletes', pair, 'list');
  if (held.length > 0) await fleet.json('deletes', pair, answer);
  return held.map(({ name }) => name);
}

export async function runOperator(
  fleet: Fleet,
  ledgers: readonly Ledger[],
  journal: Journal,
  random: Random,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    const pauseMs = random.between(SHORTEST_PAUSE_MS, LONGEST_PAUSE_MS);
    await sleep(pauseMs, undefined, { signal }).catch(() => undefined);
    if (signal.aborted) return;
    const ledger = random.pick(ledgers);
    const { pair } = ledger;
    const answer = random.chance(REVERTS) ? 'revert' : 'approve';
    try {
      const names = await answerHeldDeletes(fleet, pair, answer);
      if (names.length > 0) journal.note(`deletes-${answer}`, { pair, names });
      if (answer === 'revert') for (const name of names) ledger.broughtBack(name);
    } catch (thrown) {
      // The database is away: operators have to wait, too.
      journal.note('operator-refused', { thrown: String(thrown) });
    }
  }
}
