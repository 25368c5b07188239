/**
 * Random: streams of numbers from one seed. Each concern draws from a stream of its own, named by a label, so that
 * what one of them leaves out (an action dropped while shrinking) does not change what the others draw.
 */

export class Random {
  #state: number;

  constructor(seed: number, label: string) {
    let hash = 0x811c9dc5 ^ seed;
    for (let index = 0; index < label.length; index += 1) {
      hash = Math.imul(hash ^ label.charCodeAt(index), 0x01000193);
    }
    this.#state = hash | 0;
    // Seeds and labels that differ in one bit would begin with similar numbers.
    for (let round = 0; round < 4; round += 1) this.next();
  }

  /** Uniform in [0, 1). */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  }

  chance(probability: number): boolean {
    return this.next() < probability;
  }

  /** An integer from 0 up to but without `below`. */
  below(below: number): number {
    return Math.floor(this.next() * below);
  }

  pick<Item>(items: readonly Item[]): Item {
    return items[this.below(items.length)] as Item;
  }

  /** Spread evenly over the orders of magnitude between two positive numbers. */
  magnitude(from: number, to: number): number {
    return from * (to / from) ** this.next();
  }
}
