/**
 * Front: the one HTTP port of `holdfast up`. It answers from the first moment: alive at
 * once, ready when every process is, and the operator's verbs as soon as the database is.
 * Everything else is the console's, which has accounts of its own.
 */
import { createServer, type IncomingMessage } from 'node:http';
import fastify, { type FastifyInstance } from 'fastify';
import { Gauge, Registry } from 'prom-client';
import { TOKEN_PREFIX } from '#libs/console/accounts.ts';
import { API_PREFIX, METHOD_ARGUMENTS, type Method } from '#libs/operator-http/methods.ts';
import { serveOperator } from '#libs/operator-http/server.ts';
import { HoldfastError } from '#ports/errors.ts';
import type { Log } from '#ports/log.ts';
import type { Operator } from '#ports/operator.ts';
import type { ChildCondition } from './child.ts';
import { forward } from './forward.ts';

export interface FrontOptions {
  /** 0 picks a free one. */
  readonly port: number;
  readonly token: string;
  readonly log: Log;
  /** Null until there is one. */
  readonly operator: () => Operator | null;
  /** All processes; empty until they are started. */
  readonly children: () => readonly ChildCondition[];
  /** Where the console listens on this machine; null before it was started. */
  readonly consolePort: () => number | null;
}

export interface Front {
  readonly url: string;
  readonly port: number;
  close(): Promise<void>;
}

const HOST = '127.0.0.1';

/** @throws HoldfastError already-exists when the port is taken, local-denied when it may not be used */
export async function openFront(options: FrontOptions): Promise<Front> {
  const app = fastify({
    logger: false,
    forceCloseConnections: true,
    serverFactory: (handle) =>
      createServer((asked, answer) =>
        isForUp(asked) ? handle(asked, answer) : forward(asked, answer, options.consolePort()),
      ),
  });
  serveOperator(app, whenThere(options.operator), options.token, options.log);
  serveHealth(app, options.children);
  try {
    await app.listen({ host: HOST, port: options.port });
  } catch (thrown) {
    await app.close();
    throw portFailure(options.port, thrown);
  }
  const address = app.server.address();
  const port = typeof address === 'object' && address !== null ? address.port : options.port;
  return { url: `http://${HOST}:${port}`, port, close: () => app.close() };
}

const HEALTH = new Set(['/livez', '/readyz', '/metrics']);
const VERB_PATHS = new Set(Object.keys(METHOD_ARGUMENTS).map((method) => `${API_PREFIX}/${method}`));

/** The command line's calls carry the token of this `up`; those with a token of an account are the console's. */
function isForUp({ method, url = '', headers }: IncomingMessage): boolean {
  const [path = ''] = url.split('?');
  const isByAccount = headers.authorization?.startsWith(`Bearer ${TOKEN_PREFIX}`) === true;
  return HEALTH.has(path) || (method === 'POST' && VERB_PATHS.has(path) && !isByAccount);
}

function portFailure(port: number, thrown: unknown): unknown {
  const { code } = thrown as NodeJS.ErrnoException;
  const advice = 'choose another one: holdfast up --port N';
  if (code === 'EADDRINUSE') {
    return new HoldfastError('already-exists', `port ${port} of ${HOST} is in use; ${advice}`, {
      cause: thrown,
    });
  }
  if (code === 'EACCES') {
    return new HoldfastError('local-denied', `port ${port} may only be used by root; ${advice}`, {
      cause: thrown,
    });
  }
  return thrown;
}

/** Routes are made before there is an operator, so that a busy port is found before anything is started. */
function whenThere(operator: () => Operator | null): Operator {
  const call =
    (method: Method) =>
    async (...args: unknown[]) => {
      const current = operator();
      if (current === null) {
        throw new HoldfastError(
          'database-unreachable',
          'holdfast up is still starting; try again in a moment',
        );
      }
      return (current[method] as (...given: unknown[]) => Promise<unknown>)(...args);
    };
  const methods = (Object.keys(METHOD_ARGUMENTS) as Method[]).map((method) => [method, call(method)]);
  return Object.fromEntries(methods) as Operator;
}

function serveHealth(app: FastifyInstance, children: () => readonly ChildCondition[]): void {
  app.get('/livez', async () => ({ alive: true }));
  app.get('/readyz', async (_request, reply) => {
    const conditions = children();
    const waiting = conditions.filter((child) => !child.isReady);
    const isReady = conditions.length > 0 && waiting.length === 0;
    return reply.code(isReady ? 200 : 503).send({
      ready: isReady,
      waiting:
        conditions.length === 0
          ? [{ app: 'database', reason: 'starting' }]
          : waiting.map(({ app: name, reason }) => ({ app: name, reason })),
    });
  });
  app.get('/metrics', async (_request, reply) => {
    const registry = childMetrics(children());
    return reply.type(registry.contentType).send(await registry.metrics());
  });
}

function childMetrics(children: readonly ChildCondition[]): Registry {
  const registry = new Registry();
  const gauge = (name: string, help: string): Gauge =>
    new Gauge({ name, help, labelNames: ['app'], registers: [registry] });
  const ready = gauge('holdfast_up_process_ready', 'Whether the process says that it works (1) or not (0).');
  const restarts = gauge('holdfast_up_process_restarts', 'How often the process was started again.');
  for (const { app, isReady, restarts: count } of children) {
    ready.set({ app }, isReady ? 1 : 0);
    restarts.set({ app }, count);
  }
  return registry;
}
