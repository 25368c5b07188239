/**
 * Server: the console's routes. The page and the API stand on the same use cases as the command
 * line; Bull Board shows the queues below them. Health and metrics need no login, as
 * orchestrators have none, and tell no names.
 */
import swagger from '@fastify/swagger';
import type { Queue } from 'bullmq';
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import type { Registry } from 'prom-client';
import type { Clock } from '#ports/clock.ts';
import { asHoldfastError, HoldfastError } from '#ports/errors.ts';
import type { Log } from '#ports/log.ts';
import type { Overview } from '#ports/overview.ts';
import { type AccessOptions, guardConsole, type Visitor, welcome } from './access.ts';
import { addFleetChanges, addPairChanges } from './api/changes.ts';
import { documentOptions } from './api/document.ts';
import { addFleetReads, addPairReads } from './api/reads.ts';
import { API, addRoutes, holdsUntold, type UseCases } from './api/route.ts';
import { addVerbs } from './api/verbs.ts';
import { loadAssets } from './assets.ts';
import { BOARD_PATH, serveBoards } from './boards.ts';
import { serveLive } from './live.ts';
import { framePage } from './pages.ts';
import { type Provider, serveProvider } from './provider.ts';

export interface ConsoleOptions extends Omit<AccessOptions, 'assets' | 'now' | 'provider'> {
  readonly provider: Provider | null;
  readonly clock: Clock;
  /** The use cases in the name of an actor. */
  as(actor: string): UseCases;
  readonly overview: Pick<Overview, 'recordAction'>;
  /** What the whole fleet has to do, as Prometheus reads it. */
  metrics(): Promise<Registry>;
  /** Every queue as Bull Board wants it. */
  queues(): Promise<readonly Queue[]>;
  /** Names the fleet on the board. */
  readonly environment: string;
  isReady(): Promise<boolean>;
  readonly log: Log;
}

/** Pages that the script makes; each can be opened by its address. */
const PAGES = ['/', '/pairs/:name', '/problems', '/workers', '/actions', '/add'];

/** Not listening yet. */
export async function createConsole(options: ConsoleOptions): Promise<FastifyInstance> {
  const { clock, log } = options;
  const app = fastify({
    logger: false,
    forceCloseConnections: true,
    trustProxy: 'loopback,uniquelocal',
    ajv: { customOptions: { coerceTypes: 'array', removeAdditional: false } },
  });
  app.setErrorHandler((thrown, request, reply) => answerFailure(thrown, request, reply, log));
  app.setNotFoundHandler((_request, reply) =>
    reply.code(404).send({ error: { code: 'not-found', message: 'there is nothing at this address' } }),
  );
  const assets = loadAssets();
  const access = { ...options, assets: assets.base, now: () => clock.now() };
  await app.register(swagger, documentOptions());
  await guardConsole(app, access);
  if (options.provider !== null) serveProvider(app, options.provider, access, log);
  assets.serve(app);
  serveHealth(app, options);
  servePages(app, assets.base, options.environment);
  const useCasesOf = ({ name }: Visitor) => options.as(name);
  serveApi(app, useCasesOf);
  serveLive(app, { clock, log, useCasesOf, isWelcome: (request) => welcome(request, access) });
  await serveBoards(app, options.queues, options.environment);
  recordBoardActions(app, options);
  return app;
}

function serveApi(app: FastifyInstance, useCasesOf: (visitor: Visitor) => UseCases): void {
  const route = addRoutes(app, useCasesOf);
  addFleetReads(route);
  addPairReads(route);
  addFleetChanges(route);
  addPairChanges(route);
  addVerbs(app, useCasesOf);
  app.get(`${API}/openapi.json`, { schema: { hide: true } }, async () => app.swagger());
  app.addHook('preValidation', async ({ params, query, body }) => {
    if ([params, query, body].some(holdsUntold))
      throw new HoldfastError(
        'usage',
        'a text in the request holds a NUL or half a character; nothing is named so',
      );
  });
  app.addHook('onSend', async (request, reply, payload) => {
    if (request.url.startsWith(API)) reply.header('cache-control', 'no-store');
    return payload;
  });
}

function serveHealth(app: FastifyInstance, { isReady, metrics }: ConsoleOptions): void {
  const open = { config: { open: true }, schema: { hide: true } };
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

function servePages(app: FastifyInstance, assets: string, environment: string): void {
  for (const page of PAGES) {
    app.get(page, { schema: { hide: true } }, async (request, reply) => {
      const { visitor } = request;
      if (visitor === null) throw new TypeError('the route is not guarded');
      const view = { visitor, csrf: reply.generateCsrf(), assets, environment };
      return reply
        .type('text/html')
        .header('cache-control', 'no-store')
        .send(await framePage(view));
    });
  }
}

/** What was done on Bull Board is in the account too. */
function recordBoardActions(app: FastifyInstance, { overview, log }: ConsoleOptions): void {
  app.addHook('onResponse', async ({ visitor, method, url }, reply) => {
    if (visitor === null || method === 'GET' || reply.statusCode >= 300 || !url.startsWith(`${BOARD_PATH}/`))
      return;
    const text = `${method} ${url.slice(0, 200)}`;
    await overview
      .recordAction({ actor: visitor.name, verb: 'queues', pair: null, text })
      .catch((thrown) => log.error({ err: asHoldfastError(thrown).message }, 'an action was not recorded'));
  });
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
  const isOurs = thrown instanceof HoldfastError;
  const code = isOurs || status >= 500 ? error.code : status === 403 ? 'credentials-refused' : 'usage';
  const message =
    isOurs || status < 500 ? sentenceOf(thrown) : 'the request failed; the log of the console says why';
  return reply.code(status).send({ error: { code, message } });
}

function sentenceOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}

const CONFLICTING = new Set(['already-exists', 'local-busy']);

function statusOf(thrown: unknown): number {
  const given = (thrown as { statusCode?: unknown }).statusCode;
  if (typeof given === 'number') return given;
  // What nobody foresaw is a fault of ours, and said to be one.
  if (!(thrown instanceof HoldfastError)) return 500;
  const { code, grade } = thrown;
  if (code === 'not-found') return 404;
  if (CONFLICTING.has(code)) return 409;
  return grade === 'transient' ? 503 : 400;
}
