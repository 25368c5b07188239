/**
 * Live: what a page shows, sent as it changes (server-sent events). A page names what it shows;
 * only that is looked at, no sooner than it takes, and only what differs from what the page has
 * is sent. What fails is told to the page, and looked at again.
 */
import { createHash } from 'node:crypto';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Clock } from '#ports/clock.ts';
import type { Desk } from '#ports/desk.ts';
import { asHoldfastError } from '#ports/errors.ts';
import type { Log } from '#ports/log.ts';
import type { Visitor } from './access.ts';
import { API, failures, type UseCases } from './api/route.ts';
import { object, Type } from './api/schemas.ts';

const LOOK_MS = 1_000;
/** A look that takes long is made less often: it takes no more than this share of the time. */
const REST = 5;
/** Sent when nothing else is, so that nobody on the way ends the connection. */
const ALIVE_MS = 15_000;
const NAMES_AT_ONCE = 200;
/** Of everything. */
const AWAY = 'away';

const QUERY = object({
  fleet: Type.Optional(Type.Boolean({ description: 'The fleet in numbers, and its throughput.' })),
  workers: Type.Optional(Type.Boolean({ description: 'Every process.' })),
  pair: Type.Optional(Type.String({ maxLength: 63, description: 'What this pair does.' })),
  rows: Type.Optional(
    Type.String({
      maxLength: 64 * NAMES_AT_ONCE,
      description: 'Names of pairs in a list, separated by commas.',
    }),
  ),
});

interface Wanted {
  readonly fleet?: boolean;
  readonly workers?: boolean;
  readonly pair?: string;
  readonly rows?: string;
}

/** One thing that may have changed. */
interface Shown {
  readonly event: 'fleet' | 'throughput' | 'workers' | 'pair' | 'row' | 'gone' | 'away';
  /** What it tells of: a page holds one event of each. */
  readonly of: string;
  readonly value: unknown;
}

export interface LiveDeps {
  readonly clock: Clock;
  readonly log: Log;
  /** Whether who asked may still see it. */
  isWelcome(request: FastifyRequest): Promise<boolean>;
  useCasesOf(visitor: Visitor): UseCases;
}

export function serveLive(app: FastifyInstance, deps: LiveDeps): void {
  const ended = new AbortController();
  app.addHook('preClose', async () => ended.abort());
  app.get<{ Querystring: Wanted }>(
    `${API}/live`,
    {
      schema: {
        operationId: 'live',
        summary: 'What a page shows, as it changes: server-sent events whose data is JSON.',
        querystring: QUERY,
        response: {
          200: {
            description: 'Events until the connection ends.',
            content: { 'text/event-stream': { schema: Type.String() } },
          },
          ...failures,
        },
      },
    },
    async (request, reply) => {
      const { visitor } = request;
      if (visitor === null) throw new TypeError('the route is not guarded');
      reply.hijack();
      const gone = new AbortController();
      request.raw.once('close', () => gone.abort());
      reply.raw.writeHead(200, {
        ...(reply.getHeaders() as Record<string, string>),
        'content-type': 'text/event-stream',
        'cache-control': 'no-store',
        'x-accel-buffering': 'no',
      });
      await tell(request, deps, deps.useCasesOf(visitor).desk, {
        write: (text) => reply.raw.write(text),
        signal: AbortSignal.any([gone.signal, ended.signal]),
      });
      reply.raw.end();
    },
  );
}

interface Line {
  write(text: string): void;
  readonly signal: AbortSignal;
}

async function tell(
  request: FastifyRequest,
  deps: LiveDeps,
  desk: Desk,
  { write, signal }: Line,
): Promise<void> {
  const { clock } = deps;
  const wanted = request.query as Wanted;
  const has = new Map<string, string>();
  let wroteAt = clock.now();
  while (!signal.aborted) {
    const startedAt = clock.now();
    if (!(await deps.isWelcome(request))) return;
    for (const { event, of, value } of await look(desk, wanted, deps.log)) {
      const data = JSON.stringify(value);
      const digest = createHash('sha1').update(`${event} ${data}`).digest('base64');
      if (has.get(of) === digest) continue;
      // A page that was told of a failure is told everything anew, even what stayed the same.
      if (event === 'away') has.clear();
      else has.delete(AWAY);
      has.set(of, digest);
      write(`event: ${event}\ndata: ${data}\n\n`);
      wroteAt = clock.now();
    }
    if (clock.now() - wroteAt > ALIVE_MS) {
      write(': alive\n\n');
      wroteAt = clock.now();
    }
    await clock.sleep(Math.max(LOOK_MS, (clock.now() - startedAt) * REST), signal);
  }
}

async function look(desk: Desk, wanted: Wanted, log: Log): Promise<readonly Shown[]> {
  try {
    const shown = await Promise.all([
      wanted.fleet === true ? lookAtFleet(desk) : [],
      wanted.workers === true
        ? [{ event: 'workers', of: 'workers', value: await desk.workers() } as const]
        : [],
      wanted.pair === undefined ? [] : lookAtPair(desk, wanted.pair),
      wanted.rows === undefined ? [] : lookAtRows(desk, wanted.rows.split(',').slice(0, NAMES_AT_ONCE)),
    ]);
    return shown.flat();
  } catch (thrown) {
    const { code, grade, message } = asHoldfastError(thrown);
    log.warn({ err: message }, 'a page could not be told what is live');
    const text =
      grade === 'transient' && code !== 'local-io' ? message : 'the console could not look; its log says why';
    return [{ event: 'away', of: AWAY, value: { code, message: text } }];
  }
}

async function lookAtFleet(desk: Desk): Promise<readonly Shown[]> {
  return [
    { event: 'fleet', of: 'fleet', value: await desk.fleet() },
    { event: 'throughput', of: 'throughput', value: desk.throughput() },
  ];
}

async function lookAtPair(desk: Desk, name: string): Promise<readonly Shown[]> {
  try {
    return [{ event: 'pair', of: `pair ${name}`, value: await desk.pairLive(name) }];
  } catch (thrown) {
    if (asHoldfastError(thrown).code !== 'not-found') throw thrown;
    return [{ event: 'gone', of: `pair ${name}`, value: { name } }];
  }
}

async function lookAtRows(desk: Desk, names: readonly string[]): Promise<readonly Shown[]> {
  const rows = await desk.pairRows(names);
  const there = new Set(rows.map(({ name }) => name));
  return [
    ...rows.map((row) => ({ event: 'row', of: `row ${row.name}`, value: row }) as const),
    ...names
      .filter((name) => name !== '' && !there.has(name))
      .map((name) => ({ event: 'gone', of: `row ${name}`, value: { name } }) as const),
  ];
}
