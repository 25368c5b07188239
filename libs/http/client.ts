/**
 * HTTP client: the one way adapters talk to a store, over undici with HTTP/1.1 and a bounded
 * number of connections per host. Requests that may be repeated are repeated a few times here;
 * a write is sent once, since only its commit protocol knows what an unknown outcome means.
 */
import { Readable } from 'node:stream';
import { Agent, type Dispatcher, interceptors } from 'undici';
import type { HoldfastError } from '#ports/errors.ts';
import type { Log } from '#ports/log.ts';
import {
  type Attempt,
  isThrottling,
  networkFailure,
  parseJson,
  type ResponseHeaders,
  retryAfterMs,
  type StatusMeaning,
  statusFailure,
} from './classify.ts';

export interface HttpClientOptions {
  /** Connections per host, one request on each at a time. */
  readonly connections: number;
  /** Milliseconds without a byte (of the head, then of the body) after which a request fails. */
  readonly timeoutMs: number;
  readonly log?: Log;
}

export interface HttpRequest {
  readonly method: string;
  /** Absolute, already percent-encoded. */
  readonly url: string;
  /** ASCII only. A streamed body needs its `content-length` here, else it is sent chunked. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array | AsyncIterable<Uint8Array>;
  readonly signal?: AbortSignal;
  /** May be sent more than once; default: GET and HEAD may. Never set it with a streamed body. */
  readonly idempotent?: boolean;
  /** Told of each answer that asks to slow down, also of those after which the request is sent again. */
  readonly onThrottled?: (askedMs: number | null) => void;
  /**
   * The body of the answer will be read slowly, so the connection is for this request alone: servers close one that is
   * kept once they have sent all, and undici then breaks a body that was not read to its end yet.
   */
  readonly readSlowly?: boolean;
  /** In words for errors and logs, such as `list container photos`; default: the method. */
  readonly what?: string;
}

export interface HttpResponse {
  readonly status: number;
  readonly headers: ResponseHeaders;
  /** Must be read to its end or discarded, as must every response. @throws HoldfastError store-unreachable when it breaks off. */
  readonly body: AsyncIterable<Uint8Array>;
  bytes(): Promise<Buffer>;
  text(): Promise<string>;
  /** @throws HoldfastError store-protocol when it is no JSON. */
  json(): Promise<unknown>;
  discard(): Promise<void>;
  /** Discards the body and gives the error that this status means. */
  failure(meaning?: StatusMeaning): Promise<HoldfastError>;
}

export interface HttpClient {
  /** @throws HoldfastError store-unreachable without a response; whatever a streamed body threw; the signal's reason. */
  request(request: HttpRequest): Promise<HttpResponse>;
  /** Closes all connections; requests under way fail. */
  close(): Promise<void>;
}

const CONNECT_TIMEOUT_MS = 10_000;
/** Below the idle timeout of common servers (5 s and more), so that no request is written to a socket being closed. */
const KEEP_ALIVE_MS = 4_000;

const MAX_RETRIES = 3;
const FIRST_WAIT_MS = 200;
/** A store that asks for a longer pause gets it from the queue, not from a waiting worker. */
const LONGEST_WAIT_MS = 5_000;
const RETRIED_STATUSES = new Set([408, 429, 498, 500, 502, 503, 504]);
const RETRIED_CODES = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EPIPE',
  'ETIMEDOUT',
  'UND_ERR_CONNECT_TIMEOUT',
  'UND_ERR_SOCKET',
]);

export function createHttpClient(options: HttpClientOptions): HttpClient {
  const agent = new Agent({
    allowH2: false,
    connections: options.connections,
    pipelining: 1,
    keepAliveTimeout: KEEP_ALIVE_MS,
    connect: { timeout: CONNECT_TIMEOUT_MS },
    headersTimeout: options.timeoutMs,
    bodyTimeout: options.timeoutMs,
  });
  const retrying = agent.compose(
    interceptors.retry({
      throwOnError: false,
      methods: ['GET', 'HEAD', 'POST', 'PUT', 'DELETE'],
      retry: (error, context, done) => {
        const { onThrottled } = context.opts as RetriedOptions;
        return decideRetry(error, context.state.counter, done, { log: options.log, onThrottled });
      },
    }),
  );
  return {
    request: (request) => send(agent, retrying, request),
    close: () => agent.destroy(),
  };
}

/** What a request brings along through undici. */
interface RetriedOptions {
  readonly onThrottled?: HttpRequest['onThrottled'];
}

interface Listeners extends RetriedOptions {
  readonly log: Log | undefined;
}

/** Undici asks after each failed attempt; `done(null)` sends again, `done(error)` gives up. Returns the timer, which undici clears on abort. */
function decideRetry(
  error: Error & { statusCode?: number; code?: string; headers?: ResponseHeaders },
  counter: number,
  done: (error?: Error | null) => void,
  { log, onThrottled }: Listeners,
): NodeJS.Timeout | undefined {
  const { statusCode, code } = error;
  const retried = statusCode === undefined ? RETRIED_CODES.has(code ?? '') : RETRIED_STATUSES.has(statusCode);
  const asked = retryAfterMs(error.headers ?? {}, Date.now());
  const waitMs = asked ?? FIRST_WAIT_MS * 2 ** (counter - 1);
  if (!retried || counter > MAX_RETRIES || waitMs > LONGEST_WAIT_MS) {
    done(error);
    return undefined;
  }
  // The last answer, which the caller gets, is told of where it is given.
  if (isThrottling(statusCode, asked)) onThrottled?.(asked);
  log?.debug({ status: statusCode, code, attempt: counter, waitMs }, 'store request is sent again');
  return setTimeout(() => done(null), waitMs);
}

export function attemptOf({ url, what, method }: HttpRequest): Attempt {
  return { host: new URL(url).host, what: what ?? method };
}

async function send(agent: Dispatcher, retrying: Dispatcher, request: HttpRequest): Promise<HttpResponse> {
  const url = new URL(request.url);
  const attempt = attemptOf(request);
  const idempotent = request.idempotent ?? (request.method === 'GET' || request.method === 'HEAD');
  try {
    const options: Dispatcher.RequestOptions & RetriedOptions = {
      ...(request.onThrottled === undefined ? {} : { onThrottled: request.onThrottled }),
      origin: url.origin,
      path: `${url.pathname}${url.search}`,
      method: request.method,
      headers: { ...request.headers },
      body: sendable(request.body),
      signal: request.signal ?? null,
      // Undici would close the connection after each HEAD, in case the server sent a body.
      ...(request.readSlowly === true ? { reset: true } : request.method === 'HEAD' ? { reset: false } : {}),
    };
    const response = wrap(attempt, await (idempotent ? retrying : agent).request(options));
    const asked = retryAfterMs(response.headers, Date.now());
    if (isThrottling(response.status, asked)) request.onThrottled?.(asked);
    return response;
  } catch (thrown) {
    request.signal?.throwIfAborted();
    throw networkFailure(attempt, thrown);
  }
}

function sendable(body: HttpRequest['body']): string | Buffer | Readable | null {
  if (body === undefined) return null;
  if (typeof body === 'string') return body;
  if (body instanceof Uint8Array) return Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  return Readable.from(body, { objectMode: false });
}

function wrap(attempt: Attempt, response: Dispatcher.ResponseData): HttpResponse {
  const { statusCode: status, body } = response;
  const headers: Record<string, string | undefined> = {};
  for (const [name, value] of Object.entries(response.headers)) {
    headers[name] = Array.isArray(value) ? value.join(', ') : value;
  }
  const bytes = async (): Promise<Buffer> => {
    try {
      return Buffer.from(await body.arrayBuffer());
    } catch (thrown) {
      throw networkFailure(attempt, thrown);
    }
  };
  const discard = async (): Promise<void> => {
    // A connection that breaks while unwanted bytes are dropped takes nothing from the caller.
    await body.dump().catch(() => undefined);
  };
  return {
    status,
    headers,
    body: readBody(attempt, body),
    bytes,
    text: async () => (await bytes()).toString('utf8'),
    json: async () => parseJson(attempt, (await bytes()).toString('utf8')),
    discard,
    failure: async (meaning) => {
      await discard();
      return statusFailure(attempt, status, headers, meaning);
    },
  };
}

async function* readBody(attempt: Attempt, body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    yield* body;
  } catch (thrown) {
    throw networkFailure(attempt, thrown);
  }
}
