/** Recent: what was learnt last, by key. Of more than are kept, the oldest are forgotten. */
export class Recent<Value> {
  readonly #most: number;
  readonly #known = new Map<string, Value>();

  /** @param most how many are kept. */
  constructor(most: number) {
    this.#most = most;
  }

  get(key: string): Value | undefined {
    return this.#known.get(key);
  }

  set(key: string, value: Value): void {
    this.#known.delete(key);
    this.#known.set(key, value);
    for (const oldest of this.#known.keys()) {
      if (this.#known.size <= this.#most) return;
      this.#known.delete(oldest);
    }
  }
}
