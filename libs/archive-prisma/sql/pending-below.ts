/** Pending below: whether any decision waits below a name. Each arm is one partial index: two of what waits, one of what is out. */

const ARMS = [
  'b.held_until IS NULL AND b.decision_turn <= 4',
  'b.held_until IS NULL AND b.decision_turn >= 5',
  'b.held_until IS NOT NULL',
];

/** @param name an expression for the name; the pair is $1. */
export function pendingBelow(name: string): string {
  const exists = ARMS.map(
    (arm) => `EXISTS (SELECT FROM entry b WHERE b.pair_id = $1::int AND ${arm}
    AND b.name > ${name} || '/' AND b.name < ${name} || '0')`,
  );
  return `(${exists.join('\n  OR ')})`;
}
