/**
 * HTTP: what an orchestrator asks one process. `/livez` touches no dependency, or a database
 * that is away would restart the whole fleet; `/readyz` asks the process; `/metrics` is for
 * Prometheus and holds no user's names.
 */
import { fastify } from 'fastify';
import { collectDefaultMetrics, Registry } from 'prom-client';
import { watchLoop } from './loop-lag.ts';

export interface ProcessHttpOptions {
  /** 0: any free port. */
  readonly port: number;
  readonly host: string;
  isReady(): Promise<boolean>;
  /** The process's own metrics, beside those of Node; none until it has started. */
  metrics(): Promise<readonly Registry[]>;
}

export interface ProcessHttp {
  readonly port: number;
  close(): Promise<void>;
}

/** How long a probe waits for an answer of a dependency. */
const READY_TIMEOUT_MS = 5_000;

/** @throws Error of the system when the port is taken */
export async function startProcessHttp(options: ProcessHttpOptions): Promise<ProcessHttp> {
  const loop = watchLoop(() => performance.now());
  const nodeMetrics = new Registry();
  collectDefaultMetrics({ register: nodeMetrics, prefix: 'holdfast_' });
  const server = fastify({ logger: false, forceCloseConnections: true });
  server.get('/livez', async (_request, reply) => {
    const isLive = loop.isTurning();
    return reply.code(isLive ? 200 : 503).send({ live: isLive });
  });
  server.get('/readyz', async (_request, reply) => {
    const isReady = await readyInTime(options.isReady);
    return reply.code(isReady ? 200 : 503).send({ ready: isReady });
  });
  server.get('/metrics', async (_request, reply) => {
    const registry = Registry.merge([nodeMetrics, ...(await options.metrics())]);
    return reply.header('content-type', registry.contentType).send(await registry.metrics());
  });
  await server.listen({ port: options.port, host: options.host });
  const address = server.server.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : options.port,
    async close() {
      loop.stop();
      await server.close();
    },
  };
}

/** @returns false too when the question fails or takes too long: not ready is an answer. */
export async function readyInTime(isReady: () => Promise<boolean>): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<false>((resolve) => {
    timer = setTimeout(() => resolve(false), READY_TIMEOUT_MS);
  });
  try {
    return await Promise.race([isReady().catch(() => false), late]);
  } finally {
    clearTimeout(timer);
  }
}
