// One lock per container, first come first served: writers of a container are
// serialised, but only from the moment their write begins. Preconditions are
// checked before, which is the lost-update window this server reproduces.

export class Locks {
  readonly #tails = new Map<string, Promise<void>>();

  /** Runs the work while holding all named locks; they are taken in order of name, so callers cannot deadlock. */
  async hold<T>(names: readonly string[], work: () => Promise<T>): Promise<T> {
    const releases: (() => void)[] = [];
    try {
      for (const name of [...new Set(names)].sort()) releases.push(await this.#take(name));
      return await work();
    } finally {
      for (const release of releases) release();
    }
  }

  async #take(name: string): Promise<() => void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const before = this.#tails.get(name);
    this.#tails.set(name, promise);
    await before;
    return () => {
      if (this.#tails.get(name) === promise) this.#tails.delete(name);
      resolve();
    };
  }
}
