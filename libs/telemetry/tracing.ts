/**
 * Tracing: follows one change from its event through the queues to its acknowledgement, and
 * sends what it saw to an OTLP collector. Nothing of OpenTelemetry is loaded unless it is
 * opened: what is off costs nothing.
 */
import type { Telemetry as QueueTracing } from 'bullmq';
import type { Telemetry } from '#ports/telemetry.ts';

export interface Tracing {
  /** For queues: carries the context from the job's adder to its worker. */
  readonly queue: QueueTracing;
  span: Telemetry['span'];
  /** Sends what was not sent yet; bounded by the exporter's own time limit. */
  close(): Promise<void>;
}

export interface TracingOptions {
  /** Base URL of the collector; traces go to `/v1/traces` below it. */
  readonly endpoint: string;
  readonly processName: string;
  readonly version: string;
}

/** A collector that does not answer holds up the end of a process for so long at most. */
const EXPORT_TIMEOUT_MS = 2_000;

/** Once a process: the context manager is global to it. */
export async function openTracing({ endpoint, processName, version }: TracingOptions): Promise<Tracing> {
  const [api, core, sdk, hooks, resources, otlp, bullmq] = await Promise.all([
    import('@opentelemetry/api'),
    import('@opentelemetry/core'),
    import('@opentelemetry/sdk-trace'),
    import('@opentelemetry/context-async-hooks'),
    import('@opentelemetry/resources'),
    import('@opentelemetry/exporter-trace-otlp-http'),
    import('bullmq-otel'),
  ]);
  const url = `${endpoint.replace(/\/+$/, '')}/v1/traces`;
  const exporter = new otlp.OTLPTraceExporter({ url, timeoutMillis: EXPORT_TIMEOUT_MS });
  const provider = new sdk.TracerProvider({
    resource: resources.resourceFromAttributes({
      'service.name': `holdfast-${processName}`,
      'service.namespace': 'holdfast',
      'service.version': version,
      'service.instance.id': String(process.pid),
    }),
    spanProcessors: [new sdk.BatchSpanProcessor({ exporter, exportTimeoutMillis: EXPORT_TIMEOUT_MS })],
  });
  api.context.setGlobalContextManager(new hooks.AsyncLocalStorageContextManager());
  api.propagation.setGlobalPropagator(new core.W3CTraceContextPropagator());
  api.trace.setGlobalTracerProvider(provider);
  const tracer = api.trace.getTracer('holdfast', version);
  return {
    queue: new bullmq.BullMQOtel({ tracerName: 'holdfast', version }),
    span: (name, work) =>
      tracer.startActiveSpan(name, async (span) => {
        try {
          return await work();
        } catch (thrown) {
          // The code only: messages may hold names of files.
          const code = (thrown as { code?: unknown }).code;
          span.setStatus({ code: api.SpanStatusCode.ERROR, message: String(code ?? 'failed') });
          throw thrown;
        } finally {
          span.end();
        }
      }),
    close: () => provider.shutdown().catch(() => {}),
  };
}
