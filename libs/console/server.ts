/**
 * Server: the console's routes. Pages and JSON stand on the same use cases as the command
 * line; Bull Board shows the queues below them. Health and metrics need no login, as
 * orchestrators have none, and tell no names.
 */
import type { Queue } from 'bullmq';
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import type { Registry } from 'prom-client';
import { asHoldfastError, HoldfastError } from '#ports/errors.ts';
import type { Log } from '#ports/log.ts';
import type { Operator } from '#ports/operator.ts';
import { type AccessOptions, guardConsole, type Visitor } from './access.ts';
import { serveBoards } from './boards.ts';
import { fleetPage, pairPage, stylesheet } from './pages.ts';

export interface ConsoleOptions extends AccessOptions {
  readonly operator: Operator;
  /** What the whole fleet has to do, as Prometheus reads it. */
  metrics(): Promise<Registry>;
  /** Every queue as Bull Board wants it. */
  queues(): Promise<readonly Queue[]>;
  /** Names the fleet on the board. */
  readonly environment: string;
  isReady(): Promise<boolean>;
  readonly log: Log;
}

/** Not listening yet. */
export async function createConsole(options: ConsoleOptions): Promise<FastifyInstance> {
  const app = fastify({ logger: false, forceCloseConnections: true, trustProxy: 'loopback,uniquelocal' });
  app.setErrorHandler((thrown, request, reply) => answerFailure(thrown, request, reply, options.log));
  await guardConsole(app, options);
  serveHealth(app, options);
  servePages(app, options.operator);
  await serveBoards(app, options.queues, options.environment);
  return app;
}

function serveHealth(app: FastifyInstance, { isReady, metrics }: ConsoleOptions): void {
  const open = { config: { open: true } };
  app.get('/livez', open, async () => ({ live: true }));
  app.get('/readyz', open, async (_request, reply) => {
    const ready = await isReady();
    return reply.code(ready ? 200 : 503).send({ ready });
  });
  app.get('/metrics', open, async (_request, reply) => {
    const registry = await metrics();
    return reply.type(registry.contentType).send(await registry.metrics());
  });
}

interface PairParams {
  readonly name: string;
}

function servePages(app: FastifyInstance, operator: Operator): void {
  const html = (reply: FastifyReply): FastifyReply => reply.type('text/html');
  app.get('/style.css', { config: { open: true } }, async (_request, reply) =>
    reply
      .type('text/css')
      .header('cache-control', 'max-age=3600')
      .send(await stylesheet()),
  );
  app.get('/', async (request, reply) => {
    const fleet = await operator.status(null);
    return html(reply).send(await fleetPage({ visitor: seen(request), csrf: reply.generateCsrf(), fleet }));
  });
  app.get<{ Params: PairParams }>('/pairs/:name', async (request, reply) => {
    const { name } = request.params;
    const [pair, problems] = await Promise.all([operator.pairShow(name), operator.problems(name)]);
    const view = { visitor: seen(request), csrf: reply.generateCsrf(), pair, problems };
    return html(reply).send(await pairPage(view));
  });
  const verbs = {
    sync: (name: string) => operator.sync(name),
    pause: (name: string) => operator.pairPause(name),
    resume: (name: string) => operator.pairResume(name, false),
  };
  for (const [verb, act] of Object.entries(verbs)) {
    app.post<{ Params: PairParams }>(`/pairs/:name/${verb}`, {
      preHandler: app.csrfProtection,
      handler: async (request, reply) => {
        await act(request.params.name);
        return reply.redirect(`/pairs/${encodeURIComponent(request.params.name)}`, 303);
      },
    });
  }
}

function seen(request: FastifyRequest): Visitor {
  if (request.visitor === null) throw new TypeError('the route is not guarded');
  return request.visitor;
}

/** What happened in a sentence, never a stack. */
function answerFailure(
  thrown: unknown,
  request: FastifyRequest,
  reply: FastifyReply,
  log: Log,
): FastifyReply {
  const status = statusOf(thrown);
  const error = asHoldfastError(thrown);
  if (status >= 500)
    log.error({ err: error.message, route: request.routeOptions.url }, 'a console request failed');
  const isMeantForPeople = thrown instanceof HoldfastError || status < 500;
  const message = isMeantForPeople
    ? sentenceOf(thrown)
    : 'the request failed; the log of the console says why';
  return reply.code(status).send({ error: { code: error.code, message } });
}

function sentenceOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}

function statusOf(thrown: unknown): number {
  const given = (thrown as { statusCode?: unknown }).statusCode;
  if (typeof given === 'number') return given;
  const error = asHoldfastError(thrown);
  if (error.code === 'not-found') return 404;
  return error.grade === 'usage' ? 400 : 503;
}
