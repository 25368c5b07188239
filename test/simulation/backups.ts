/**
 * Backups: the database, the folder or the container becomes what it was earlier, as after a restore. Only restores
 * that Holdfast promises to notice happen here (libs/core/generation.ts): of a younger backup nothing tells.
 */
import type { DatabaseSnapshot } from '#libs/memory/database.ts';
import type { DiskSnapshot } from '#libs/memory/disk.ts';
import type { Restorable } from './scenario.ts';
import { objectsOf } from './sight.ts';
import { type Parts, ROOT } from './world.ts';

/** Of a folder or container, or of all that the database remembers. */
export interface Backup {
  /** Generation that the database had begun by then. */
  readonly begun: number;
  restore(): void;
}

export function takeBackup(what: Restorable, parts: Parts): Backup {
  const begun = parts.database.pair(parts.pairId)?.generations.begun.number ?? 0;
  return { begun, restore: restorer(what, parts) };
}

/** Whether Holdfast must notice when this backup is restored now. */
export function isNoticeable(what: Restorable, { begun }: Backup, { database, pairId }: Parts): boolean {
  const told = database.pair(pairId)?.generations.told;
  if (told === undefined) return false;
  const { local, remote } = told;
  switch (what) {
    case 'database':
      // Whatever was acknowledged since the last generation makes one more begin, perhaps before a side is looked at.
      return Math.min(local.number, remote.number) > begun + 1;
    case 'files':
      // What is copied back carries another stamp, however young it is.
      return local.number > 0 && local.number >= begun;
    case 'volume':
      return local.number > begun;
    case 'container':
      return remote.number > begun;
  }
}

function restorer(what: Restorable, { database, disk, container }: Parts): () => void {
  switch (what) {
    case 'database': {
      const snapshot: DatabaseSnapshot = database.snapshot();
      return () => database.restore(snapshot);
    }
    case 'files':
    case 'volume': {
      const snapshot: DiskSnapshot = disk.snapshot(ROOT);
      return () => disk.restore(ROOT, snapshot, what);
    }
    case 'container': {
      const { raw } = container;
      const objects = objectsOf(container);
      const told = raw.told();
      return () => {
        for (const [name, bytes] of objectsOf(container)) {
          const before = objects.get(name);
          if (before === undefined || (before === null) !== (bytes === null)) raw.remove(name);
        }
        const now = objectsOf(container);
        for (const [name, bytes] of objects) {
          if (bytes === null) {
            if (!now.has(name)) raw.putDirectory(name);
          } else if (Buffer.compare(now.get(name) ?? NO_BYTES, bytes) !== 0 || !now.has(name))
            raw.put(name, bytes);
        }
        raw.tellAgain(told);
        // A restored container lists what it holds.
        container.settle();
      };
    }
  }
}

const NO_BYTES = new Uint8Array();
