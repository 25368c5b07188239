/** Owners: how simulated processes tell from an attempt's name whether its owner is still at work. */
import type { AttemptOwner } from '#libs/store-local/attempt-owner.ts';
import type { Life } from './process.ts';

export interface Owners {
  /** By tag. */
  readonly processes: Map<string, { readonly life: Life; readonly atWork: Set<string> }>;
  /** Whether processes see each other; else an owner that is another process is unknown. */
  readonly oneMachine: boolean;
}

export function attemptOwner(owners: Owners, life: Life): AttemptOwner & { exit(): void } {
  const tag = life.process.uniqueId().replaceAll('-', '.');
  const atWork = new Set<string>();
  owners.processes.set(tag, { life, atWork });
  return {
    tag,
    begin: (attemptId) => void atWork.add(attemptId),
    end: (attemptId) => void atWork.delete(attemptId),
    standingOf: (ownerTag, attemptId) => {
      const other = owners.processes.get(ownerTag);
      if (other === undefined) return 'dead';
      if (ownerTag === tag) return atWork.has(attemptId) ? 'alive' : 'dead';
      if (!owners.oneMachine) return 'unknown';
      // As with the real one: only a process itself knows which attempts it left.
      return other.life.isAlive ? 'unknown' : 'dead';
    },
    exit: () => atWork.clear(),
  };
}
