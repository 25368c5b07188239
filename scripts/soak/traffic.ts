/**
 * Traffic: what passed between a fleet and its store of one object's content. A part is known again by its digest,
 * whatever the store calls it, so that what was sent twice is told in the same way for all of them.
 */
import { createHash } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';

/** Smaller bodies are lists of parts and the like. */
const LEAST_PART_BYTES = 64 * 1024;

/** One request and its answer, told as they pass. */
export interface Exchange {
  sent(piece: Uint8Array): void;
  answered(status: number, headers: IncomingHttpHeaders): void;
  received(bytes: number): void;
}

interface Received {
  readonly start: number;
  readonly end: number;
}

export class Traffic {
  readonly #name: string;
  readonly #stored = new Set<string>();
  readonly #ranges: { start: number; bytes: number }[] = [];
  #sentBytes = 0;
  #storedBytes = 0;
  #repeatedBytes = 0;

  /** @param name of the object; what is asked of others is not counted as received. */
  constructor(name: string) {
    this.#name = name;
  }

  begin(url: string): Exchange {
    const hash = createHash('sha1');
    let body = 0;
    let range: { start: number; bytes: number } | null = null;
    return {
      sent: (piece) => {
        hash.update(piece);
        body += piece.length;
        this.#sentBytes += piece.length;
      },
      answered: (status, headers) => {
        if (body >= LEAST_PART_BYTES && status < 300) this.#store(hash.digest('hex'), body);
        if (!this.#isContent(url, status, headers)) return;
        range = { start: Number(/^bytes (\d+)-/.exec(headers['content-range'] ?? '')?.[1] ?? 0), bytes: 0 };
        this.#ranges.push(range);
      },
      received: (bytes) => {
        if (range !== null) range.bytes += bytes;
      },
    };
  }

  /** Bytes of bodies that were sent to the store. */
  get sentBytes(): number {
    return this.#sentBytes;
  }

  /** Of these, bytes of parts that the store had confirmed before. */
  get repeatedBytes(): number {
    return this.#repeatedBytes;
  }

  /** Of these, bytes of what the store never confirmed. */
  get unconfirmedBytes(): number {
    return this.#sentBytes - this.#storedBytes - this.#repeatedBytes;
  }

  /** Bytes of the object that the store sent. */
  get receivedBytes(): number {
    return this.#ranges.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  /** How many different bytes of the object these were. */
  get distinctBytes(): number {
    const ranges: Received[] = this.#ranges.map(({ start, bytes }) => ({ start, end: start + bytes }));
    ranges.sort((left, right) => left.start - right.start);
    let distinct = 0;
    let reached = 0;
    for (const { start, end } of ranges) {
      distinct += Math.max(0, end - Math.max(start, reached));
      reached = Math.max(reached, end);
    }
    return distinct;
  }

  #store(digest: string, bytes: number): void {
    if (this.#stored.has(digest)) {
      this.#repeatedBytes += bytes;
      return;
    }
    this.#stored.add(digest);
    this.#storedBytes += bytes;
  }

  #isContent(url: string, status: number, headers: IncomingHttpHeaders): boolean {
    if (status !== 200 && status !== 206) return false;
    const isList = /^(application\/json|application\/xml|text\/xml)/.test(headers['content-type'] ?? '');
    return !isList && url.split('?', 1)[0]?.endsWith(`/${this.#name}`) === true;
  }
}
