/** Violation: what ends a run. */
/** An invariant that does not hold; ends the run. */
export class Violation extends Error {
  /** Its number in SPEC.md. */
  readonly invariant: number;
  /** The same for all violations of one kind, whatever the names and contents. */
  readonly kind: string;

  /** @param what happened, without names; @param about what it happened to. */
  constructor(invariant: number, what: string, about: string) {
    super(`invariant ${invariant}: ${what}: ${about}`);
    this.name = 'Violation';
    this.invariant = invariant;
    this.kind = `${invariant} ${what}`;
  }
}
