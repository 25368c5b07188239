/** Turns that a test hands out one by one: once they are held, nothing happens before it is told to. */
import assert from 'node:assert/strict';
import { setImmediate as otherWork } from 'node:timers/promises';
import { atOnce, type Step } from '#libs/memory/step.ts';

export interface ManualTurns {
  readonly step: Step;
  /** From now on every step waits; until now each ran at once. */
  hold(): void;
  /** Verbs and subjects of the steps that wait, oldest first. */
  waiting(): Promise<string[]>;
  /** Runs the oldest waiting step with this verb, then whatever follows from it up to the next steps. */
  run(verb: string): Promise<void>;
  /** Makes it fail, before its effect or after it. */
  fail(verb: string, when: 'before' | 'after'): Promise<void>;
  /** Runs everything until nothing waits. */
  runAll(): Promise<void>;
}

interface Waiting {
  readonly verb: string;
  readonly subject: string;
  run(): void;
  fail(when: 'before' | 'after'): void;
}

export function createManualTurns(): ManualTurns {
  const queue: Waiting[] = [];
  let isHeld = false;
  const step: Step = (verb, subject, effect) => {
    if (!isHeld) return atOnce(verb, subject, effect);
    return new Promise((resolve, reject) => {
      const broken = Object.assign(new Error('the connection broke'), { code: 'ECONNRESET' });
      queue.push({
        verb,
        subject,
        run: () => {
          try {
            resolve(effect());
          } catch (thrown) {
            reject(thrown);
          }
        },
        fail: (when) => {
          if (when === 'after') effect();
          reject(broken);
        },
      });
    });
  };
  const take = async (verb: string): Promise<Waiting> => {
    await otherWork();
    const index = queue.findIndex((waiting) => waiting.verb === verb);
    const [found] = index < 0 ? [] : queue.splice(index, 1);
    assert.ok(
      found !== undefined,
      `no ${verb} waits, but ${queue.map((waiting) => waiting.verb).join(', ')}`,
    );
    return found;
  };
  return {
    step,
    hold: () => {
      isHeld = true;
    },
    waiting: async () => {
      await otherWork();
      return queue.map((waiting) => `${waiting.verb} ${waiting.subject}`);
    },
    run: async (verb) => {
      (await take(verb)).run();
      await otherWork();
    },
    fail: async (verb, when) => {
      (await take(verb)).fail(when);
      await otherWork();
    },
    runAll: async () => {
      for (;;) {
        await otherWork();
        const next = queue.shift();
        if (next === undefined) return;
        next.run();
      }
    },
  };
}
