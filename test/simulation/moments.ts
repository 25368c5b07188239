/**
 * Moments: when something of a scenario happens that is not bound to a time but to a step of the engine, such as
 * "just after the third rename of transfer-1". What is bound to a step finds windows that are a few steps wide.
 */

/** What is about to happen, or just did. */
export interface StepAt {
  readonly process: string;
  readonly verb: string;
  readonly subject: string;
}

/** What shall become of the step and its process. */
export type Verdict =
  /** The process is dead, or stands still; or the step fails. */
  { readonly kind: 'crash' | 'freeze' | 'fail' };

/** What a step of a commit is good for, as its subject tells. */
export type Matter =
  /** Moves what has the name to where a commit hides it. */
  | 'hiding'
  /** Gives the name to what a commit brings. */
  | 'placing'
  /** Of what users see. */
  | 'names';

export interface Trigger {
  /** A verb such as `fs.rename`, or the part before its point for all verbs of that part. */
  readonly verb: string;
  /** Only such steps; any when left out. */
  readonly about?: Matter;
  /** Null: any process. */
  readonly process: string | null;
  readonly where: 'before' | 'after';
  /** 0: the next such step. */
  readonly skip: number;
}

interface Armed {
  readonly trigger: Trigger;
  left: number;
  readonly strike: (at: StepAt) => Verdict | null;
}

export class Moments {
  readonly #armed = new Map<string, Armed[]>();
  #count = 0;

  /** @param strike runs once, at the moment. */
  arm(trigger: Trigger, strike: Armed['strike']): void {
    const armed = this.#armed.get(trigger.verb) ?? [];
    armed.push({ trigger, left: trigger.skip, strike });
    this.#armed.set(trigger.verb, armed);
    this.#count += 1;
  }

  clear(): void {
    this.#armed.clear();
    this.#count = 0;
  }

  /** @returns the first verdict of those whose moment this is. */
  at(where: Trigger['where'], process: string, verb: string, subject: string): Verdict | null {
    if (this.#count === 0) return null;
    const exact = this.#armed.get(verb);
    const part = this.#armed.get(verb.slice(0, verb.indexOf('.')));
    let verdict: Verdict | null = null;
    for (const armed of [exact, part]) {
      if (armed === undefined) continue;
      for (const one of [...armed]) {
        const { trigger } = one;
        if (trigger.where !== where || (trigger.process !== null && trigger.process !== process)) continue;
        if (trigger.about !== undefined && !isAbout(subject, trigger.about)) continue;
        one.left -= 1;
        if (one.left >= 0) continue;
        armed.splice(armed.indexOf(one), 1);
        this.#count -= 1;
        verdict ??= one.strike({ process, verb, subject });
      }
    }
    return verdict;
  }
}

function isAbout(subject: string, matter: Matter): boolean {
  switch (matter) {
    case 'hiding':
      return subject.endsWith('/old');
    case 'placing':
      return subject.includes('/new -> ');
    case 'names':
      return !subject.includes('.holdfast');
  }
}
