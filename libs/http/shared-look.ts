/**
 * Shared look: one answer for all who asked while nobody looked yet. An answer counts only when its look began after
 * the question, so whoever asks while one is under way shares the next one.
 */
export class SharedLook<Answer> {
  readonly #ask: () => Promise<Answer>;
  #running: Promise<unknown> = Promise.resolve();
  #next: Promise<Answer> | null = null;

  constructor(ask: () => Promise<Answer>) {
    this.#ask = ask;
  }

  /** What a look told that began after the call. @throws whatever the look throws, to all who share it. */
  look(): Promise<Answer> {
    this.#next ??= this.#lookNext(this.#running);
    return this.#next;
  }

  async #lookNext(running: Promise<unknown>): Promise<Answer> {
    await running;
    this.#next = null;
    const answer = this.#ask();
    this.#running = answer.catch(() => {});
    return answer;
  }
}
