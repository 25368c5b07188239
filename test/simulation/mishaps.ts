/** Mishaps: what befalls processes, servers, volumes and backups, and what an operator does about it. */
import { atOnce } from '#libs/memory/step.ts';
import { type Backup, isNoticeable, takeBackup } from './backups.ts';
import type { Verdict } from './moments.ts';
import type { Mishap } from './scenario.ts';
import type { Scheduler } from './scheduler.ts';
import type { Witness } from './witness.ts';
import { isFolderAway, type Parts, ROOT } from './world.ts';

export class Mishaps {
  readonly #parts: Parts;
  readonly #scheduler: Scheduler;
  readonly #witness: Witness;
  readonly #backups = new Map<Mishap, Backup>();

  constructor(parts: Parts, scheduler: Scheduler, witness: Witness) {
    this.#parts = parts;
    this.#scheduler = scheduler;
    this.#witness = witness;
  }

  /** Before the run: has the backup taken in time that is restored later. */
  prepare(mishap: Mishap): void {
    if (mishap.kind !== 'restore') return;
    this.#scheduler.after(mishap.takenAtMs * 1_000, () => {
      if (!isFolderAway(this.#parts.disk.user()))
        this.#backups.set(mishap, takeBackup(mishap.what, this.#parts));
    });
  }

  /** @returns what becomes of the step that was waited for. */
  befall(mishap: Mishap): Verdict | null {
    const { processes, queue, container } = this.#parts;
    this.#witness.say('mishap', describeMishap(mishap), '');
    switch (mishap.kind) {
      case 'crash':
        processes.get(mishap.process)?.crash(mishap.restartMs);
        return { kind: 'crash' };
      case 'freeze':
        processes.get(mishap.process)?.freeze(mishap.ms);
        return { kind: 'freeze' };
      case 'fail':
        return { kind: 'fail' };
      case 'empty-queue':
        queue.empty();
        return null;
      case 'expire-tokens':
        container.expireTokens();
        return null;
      case 'disk-full':
        this.#fillDisk(mishap.ms);
        return null;
      case 'restore':
        this.#restore(mishap);
        return null;
      case 'unmount':
        this.#unmount(mishap.left, mishap.ms);
        return null;
      case 'answer':
        void this.#answer(mishap.how);
        return null;
    }
  }

  /** All is well again, as far as anybody but the engine can help. */
  end(): void {
    const { disk, container } = this.#parts;
    disk.capacity = Number.POSITIVE_INFINITY;
    this.#mount();
    container.settle();
  }

  #fillDisk(ms: number): void {
    const { disk } = this.#parts;
    disk.capacity = disk.used;
    this.#scheduler.after(ms * 1_000, () => {
      disk.capacity = Number.POSITIVE_INFINITY;
    });
  }

  #restore(mishap: Extract<Mishap, { kind: 'restore' }>): void {
    const backup = this.#backups.get(mishap);
    const isAway = isFolderAway(this.#parts.disk.user());
    if (backup === undefined || isAway || !isNoticeable(mishap.what, backup, this.#parts)) return;
    this.#witness.restore(mishap.what, () => backup.restore());
  }

  #unmount(left: 'nothing' | 'empty-directory', ms: number): void {
    const { disk } = this.#parts;
    if (isFolderAway(disk.user())) return;
    disk.unmount(ROOT, left);
    this.#scheduler.after(ms * 1_000, () => this.#mount());
  }

  #mount(): void {
    const { disk } = this.#parts;
    if (!isFolderAway(disk.user())) return;
    this.#witness.mount(() => disk.mount(ROOT));
  }

  async #answer(how: 'approve' | 'revert'): Promise<void> {
    const { database, pairId } = this.#parts;
    const archive = database.archive(atOnce);
    if ((await archive.unansweredHolds()).length === 0) return;
    if (how === 'approve') await archive.approveDeletes(pairId);
    else {
      this.#witness.checker.reverted();
      await archive.revertDeletes(pairId);
    }
  }
}

export function describeMishap(mishap: Mishap): string {
  switch (mishap.kind) {
    case 'crash':
      return `${mishap.process} crashes and starts again after ${mishap.restartMs} ms`;
    case 'freeze':
      return `${mishap.process} stands still for ${mishap.ms} ms`;
    case 'fail':
      return `a step of ${mishap.process} fails`;
    case 'empty-queue':
      return 'the queue loses everything';
    case 'expire-tokens':
      return 'all tokens of the store expire';
    case 'disk-full':
      return `the disk is full for ${mishap.ms} ms`;
    case 'restore':
      return `${mishap.what} restored as of ${mishap.takenAtMs} ms`;
    case 'unmount':
      return `the volume is not mounted for ${mishap.ms} ms and leaves ${mishap.left}`;
    case 'answer':
      return `an operator would ${mishap.how} what is held`;
  }
}
