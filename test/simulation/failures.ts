/**
 * Failures: what a step that is made to fail throws, as the real adapter of that part does. Databases, queues and
 * stores may have done what was asked when the answer is lost; a file system call that fails has done nothing.
 */
import { HoldfastError } from '#ports/errors.ts';
import type { Random } from './random.ts';

export interface Failure {
  readonly error: Error;
  readonly when: 'before' | 'after';
}

const WRITES = new Set([
  'fs.create',
  'fs.write',
  'fs.mkdir',
  'fs.link',
  'fs.rename',
  'fs.unlink',
  'fs.rmdir',
  'fs.chmod',
  'fs.utimes',
  'fs.sync',
]);
const NEEDS_ROOM = new Set(['fs.create', 'fs.write', 'fs.mkdir', 'fs.link']);

/** @returns null for a step that cannot fail in the real world. */
export function failureOf(verb: string, random: Random): Failure | null {
  const part = verb.slice(0, verb.indexOf('.'));
  switch (part) {
    case 'fs': {
      if (!WRITES.has(verb)) return null;
      const code = NEEDS_ROOM.has(verb)
        ? random.pick(['ENOSPC', 'EIO', 'EACCES'])
        : random.pick(['EIO', 'EACCES']);
      return { error: systemError(code, verb), when: 'before' };
    }
    case 'db':
      return failure(random, 'database-unreachable', `the database does not answer (${verb})`);
    case 'queue':
      return failure(random, 'queue-unreachable', `the queue does not answer (${verb})`);
    default:
      return failure(random, 'store-unreachable', `the store does not answer (${verb})`);
  }
}

function failure(
  random: Random,
  code: 'database-unreachable' | 'queue-unreachable' | 'store-unreachable',
  message: string,
): Failure {
  return { error: new HoldfastError(code, message), when: random.chance(0.5) ? 'before' : 'after' };
}

function systemError(code: string, verb: string): Error {
  return Object.assign(new Error(`${code}: simulated, ${verb}`), { code });
}
