// Faults on demand. A rule picks requests by method, kind and path and says
// what goes wrong: before the handler runs, after it has committed, or in the
// body on its way out. Rules are tried in order and used up by count.

import type { Reply, RequestInfo } from './request.ts';

const ACTIONS = [
  'latency',
  'status',
  'drop-before',
  'drop-mid-upload',
  '500-after-commit',
  'drop-after-commit',
  'truncate-body',
  'corrupt-body',
] as const;

export type Action = (typeof ACTIONS)[number];

export interface Rule {
  readonly action: Action;
  readonly method?: string;
  /** Operation such as `object.put-hashmap`. */
  readonly kind?: string;
  /** Regular expression tried on the decoded path followed by `?query`. */
  readonly pathPattern?: string;
  /** Delay of `latency`. */
  readonly ms?: number;
  /** Of `status` (default 503) and `500-after-commit` (default 500). */
  readonly status?: number;
  /** Extra reply headers of `status`, such as Retry-After. */
  readonly headers?: Readonly<Record<string, string>>;
  /** How often the rule applies; default 1, negative for always. */
  readonly count?: number;
  /** How many matching requests pass before the rule applies; default 0. */
  readonly skip?: number;
}

interface LiveRule {
  readonly rule: Rule;
  readonly pattern: RegExp | undefined;
  skip: number;
  left: number;
}

/** What the rules decided for one request. */
export interface Verdict {
  readonly delayMs: number;
  /** The first applicable rule that is not a delay. */
  readonly rule: Rule | undefined;
}

export class Injector {
  #live: LiveRule[] = [];

  /** Returns a function that takes the rule back. */
  add(rule: Rule): () => void {
    if (!ACTIONS.includes(rule.action)) throw new Error(`unknown action ${String(rule.action)}`);
    const pattern = rule.pathPattern === undefined ? undefined : new RegExp(rule.pathPattern);
    const live: LiveRule = { rule, pattern, skip: rule.skip ?? 0, left: rule.count ?? 1 };
    this.#live.push(live);
    return () => {
      this.#live = this.#live.filter((other) => other !== live);
    };
  }

  clear(): void {
    this.#live = [];
  }

  /** Rules not yet used up. */
  pending(): Rule[] {
    return this.#live.map(({ rule, left, skip }) => ({ ...rule, count: left, skip }));
  }

  /** Uses up one count of each rule that applies. */
  judge(info: RequestInfo, path: string): Verdict {
    if (this.#live.length === 0) return { delayMs: 0, rule: undefined };
    let delayMs = 0;
    let chosen: Rule | undefined;
    for (const live of this.#live) {
      const { rule, pattern } = live;
      if (rule.method !== undefined && rule.method.toUpperCase() !== info.method) continue;
      if (rule.kind !== undefined && rule.kind !== info.kind) continue;
      if (pattern !== undefined && !pattern.test(path)) continue;
      if (rule.action !== 'latency' && chosen !== undefined) continue;
      if (live.skip > 0) {
        live.skip--;
        continue;
      }
      live.left--;
      if (rule.action === 'latency') delayMs += rule.ms ?? 0;
      else chosen = rule;
    }
    this.#live = this.#live.filter((live) => live.left !== 0);
    return { delayMs, rule: chosen };
  }
}

/** The reply with one flipped bit in its first body byte; lengths stay right. */
export function corrupted(reply: Reply): Reply {
  if (reply.body === undefined) return reply;
  return { ...reply, body: corruptStream(bodyChunks(reply.body)) };
}

async function* corruptStream(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let isDone = false;
  for await (const chunk of chunks) {
    if (isDone || chunk.length === 0) {
      yield chunk;
      continue;
    }
    const copy = Buffer.from(chunk);
    copy[0] = copy[0]! ^ 1;
    isDone = true;
    yield copy;
  }
}

/** The first half of each chunk run, then an end without the rest: the sender must cut the connection. */
export async function* firstHalf(reply: Reply): AsyncGenerator<Uint8Array> {
  const total = Number(reply.headers['Content-Length'] ?? bodySize(reply.body));
  let left = Math.floor((Number.isFinite(total) ? total : 0) / 2);
  for await (const chunk of bodyChunks(reply.body ?? '')) {
    if (left <= 0) return;
    yield chunk.subarray(0, left);
    left -= chunk.length;
  }
}

function bodySize(body: Reply['body']): number {
  if (typeof body === 'string') return Buffer.byteLength(body);
  return body instanceof Uint8Array ? body.length : 0;
}

export async function* bodyChunks(body: NonNullable<Reply['body']>): AsyncGenerator<Uint8Array> {
  if (typeof body === 'string') yield Buffer.from(body);
  else if (body instanceof Uint8Array) yield body;
  else yield* body;
}
