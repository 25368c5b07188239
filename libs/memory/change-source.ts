/**
 * Change source: what happens on a memory disk, told as hints the way file events are. Hints
 * are no facts: whoever carries them may lose, repeat and delay each as he likes.
 */
import { type Name, nameFault, PRIVATE_DIRECTORY } from '#core/name.ts';
import type { ChangeHint, ChangeSource } from '#ports/local-folder.ts';
import type { MemoryDisk } from './disk.ts';

/** Calls `deliver` never, once, later or more often; after the source was closed it does nothing. */
export type Courier = (hint: ChangeHint, deliver: () => void) => void;

export interface MemoryChangeSource extends ChangeSource {
  /** Tells that events were lost, as a watcher does that noticed it. */
  lose(reason: string): void;
}

const AT_ONCE: Courier = (_hint, deliver) => deliver();

/** @param root absolute path on the disk; changes of its private directory are not told. */
export function memoryChangeSource(
  disk: MemoryDisk,
  root: string,
  carry: Courier = AT_ONCE,
): MemoryChangeSource {
  let onHint: ((hint: ChangeHint) => void) | null = null;
  let stopListening = (): void => {};
  const send = (hint: ChangeHint): void => carry(hint, () => onHint?.(hint));
  return {
    async start(listener) {
      onHint = listener;
      stopListening = disk.onChange((path) => {
        const name = nameBelow(root, path);
        if (name !== null) send({ kind: 'names', names: [name] });
      });
    },
    async close() {
      stopListening();
      onHint = null;
    },
    lose: (reason) => send({ kind: 'lost', reason }),
  };
}

function nameBelow(root: string, path: string): Name | null {
  if (!path.startsWith(`${root}/`)) return null;
  const name = path.slice(root.length + 1);
  if (name === PRIVATE_DIRECTORY || name.startsWith(`${PRIVATE_DIRECTORY}/`)) return null;
  return nameFault(name) === null ? (name as Name) : null;
}
