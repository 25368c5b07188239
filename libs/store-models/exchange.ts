/**
 * Exchange: HTTP between a real adapter and the model of a server, without sockets. Arrival is a
 * step of the client; what the server does later are steps of its own, so that it carries on when
 * its client is gone; hearing a late answer is a step of the client again.
 */
import { type Attempt, networkFailure, parseJson, statusFailure } from '#libs/http/classify.ts';
import type { HttpClient, HttpRequest, HttpResponse } from '#libs/http/client.ts';
import { atOnce, type Step } from '#libs/memory/step.ts';

/** A request as the server sees it. */
export interface ModelRequest {
  readonly method: string;
  /** Still percent-encoded. */
  readonly path: string;
  /** Still percent-encoded, without its `?`. */
  readonly query: string;
  /** By lower-case name. */
  readonly headers: Readonly<Record<string, string | undefined>>;
  /** The whole body, read once. @throws whatever the client's source threw: a cut request, which must leave nothing behind. */
  body(): Promise<Uint8Array>;
}

export interface Answer {
  readonly status: number;
  /** By lower-case name. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
  /** Whether the body is the content of an object, or a part of it. */
  readonly isContent?: boolean;
}

export interface ModelServer {
  /** What a URL is about, for traces and fault plans. */
  subjectOf(path: string): string;
  /** Takes a request; whatever it does before it first waits is part of the arrival. */
  handle(request: ModelRequest): Answer | Promise<Answer>;
}

/** What may happen to one request. */
export type Fault =
  /** Answered so on the way: the server never sees the request. */
  | { readonly kind: 'refused'; readonly status: number; readonly retryAfterSeconds?: number }
  /** Carried out to its end, then answered so. */
  | { readonly kind: 'spoiled'; readonly status: number }
  /** The client gives up once the request has arrived; the server carries on. */
  | { readonly kind: 'abandoned' }
  /** The connection breaks in the middle of the body of the answer. */
  | { readonly kind: 'truncated' }
  /** One byte of the content of an object arrives wrong; listings and heads are spared. */
  | { readonly kind: 'corrupted' };

/** Asked once for each request, before it is sent. */
export type FaultPlan = (request: { readonly method: string; readonly subject: string }) => Fault | null;

/** A failure of the model itself, never of the world that it stands for. */
export class ModelBug extends Error {}

/** A step of the server failed: it answers 503, with what it did until then done. */
class ServerBroke extends Error {}

/** An effect whose own failure is told from that of its step. */
function certain<Result>(effect: () => Result): () => Result {
  return () => {
    try {
      return effect();
    } catch (thrown) {
      throw new ModelBug(`the model of a store failed: ${String(thrown)}`, { cause: thrown });
    }
  };
}

/** The server's own steps: one that fails breaks the request it belongs to. */
export function serverTurns(step: Step): Step {
  return async (verb, subject, effect) => {
    try {
      return await step(verb, subject, certain(effect));
    } catch (thrown) {
      if (thrown instanceof ModelBug) throw thrown;
      throw new ServerBroke('a step of the server failed', { cause: thrown });
    }
  };
}

export interface ModelClientOptions {
  /** Turns of the client's process; default: at once. */
  readonly step?: Step;
  readonly fault?: FaultPlan;
}

/** The client that adapters are given. Requests are sent once: retrying is left to those who call. */
export function openModelClient(server: ModelServer, options: ModelClientOptions = {}): HttpClient {
  const { step = atOnce, fault = () => null } = options;
  return {
    request: (message) => send(server, step, fault, message),
    close: () => Promise.resolve(),
  };
}

async function send(
  server: ModelServer,
  step: Step,
  plan: FaultPlan,
  message: HttpRequest,
): Promise<HttpResponse> {
  message.signal?.throwIfAborted();
  const url = new URL(message.url);
  const attempt: Attempt = { host: url.host, what: message.what ?? message.method };
  const subject = server.subjectOf(url.pathname);
  const fault = plan({ method: message.method, subject });
  try {
    const answer = await carry(server, step, fault, subject, requestOf(message, url));
    return respond(attempt, message.method, answer, fault);
  } catch (thrown) {
    message.signal?.throwIfAborted();
    if (thrown instanceof ModelBug) throw thrown;
    throw networkFailure(attempt, thrown);
  }
}

async function carry(
  server: ModelServer,
  step: Step,
  fault: Fault | null,
  subject: string,
  request: ModelRequest,
): Promise<Answer> {
  const verb = `http.${request.method}`;
  if (fault?.kind === 'refused') {
    const { status, retryAfterSeconds: seconds } = fault;
    const headers: Answer['headers'] = seconds === undefined ? {} : { 'retry-after': String(seconds) };
    return step(verb, subject, () => ({ status, headers }));
  }
  // In an object, as a promise given back by itself would be waited for as a part of the step.
  const { answered } = await step(
    verb,
    subject,
    certain(() => {
      const taken = server.handle(request);
      // Its client may never hear how it went wrong: that is nobody's failure.
      if (taken instanceof Promise) taken.catch(() => undefined);
      return { answered: taken };
    }),
  );
  const isDone = !(answered instanceof Promise);
  if (fault?.kind === 'abandoned') {
    if (!isDone) await Promise.race([request.body(), answered]);
    throw networkBreak('UND_ERR_HEADERS_TIMEOUT');
  }
  const given = isDone ? answered : await orBroken(answered);
  const answer = fault?.kind === 'spoiled' ? { status: fault.status, headers: {} } : given;
  return isDone ? answer : step('http.answer', subject, () => answer);
}

async function orBroken(answered: Promise<Answer>): Promise<Answer> {
  try {
    return await answered;
  } catch (thrown) {
    if (thrown instanceof ServerBroke) return { status: 503, headers: {} };
    throw thrown;
  }
}

function networkBreak(code: string): Error {
  return Object.assign(new Error('the connection broke'), { code });
}

function requestOf(message: HttpRequest, url: URL): ModelRequest {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(message.headers ?? {})) headers[name.toLowerCase()] = value;
  const { body } = message;
  // As the real client announces what it sends.
  if (typeof body === 'string' || body instanceof Uint8Array) {
    headers['content-length'] ??= String(Buffer.byteLength(body));
  } else if (body !== undefined && headers['content-length'] === undefined) {
    headers['transfer-encoding'] = 'chunked';
  }
  let read: Promise<Uint8Array> | null = null;
  return {
    method: message.method,
    path: url.pathname,
    query: url.search.slice(1),
    headers,
    body: () => {
      read ??= readBody(body, headers['content-length']);
      return read;
    },
  };
}

async function readBody(body: HttpRequest['body'], announced: string | undefined): Promise<Uint8Array> {
  const bytes = body === undefined ? EMPTY : await wholeBody(body);
  if (announced !== undefined && bytes.length !== Number(announced)) {
    throw networkBreak('UND_ERR_REQ_CONTENT_LENGTH_MISMATCH');
  }
  return bytes;
}

const EMPTY = new Uint8Array();

async function wholeBody(body: NonNullable<HttpRequest['body']>): Promise<Uint8Array> {
  if (typeof body === 'string') return Buffer.from(body);
  // A copy: the sender may use its buffer again.
  if (body instanceof Uint8Array) return Uint8Array.from(body);
  return collect(body);
}

/** All chunks as one, copied. */
export async function collect(chunks: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for await (const chunk of chunks) parts.push(Uint8Array.from(chunk));
  return Buffer.concat(parts);
}

/** As much as a socket gives at a time. */
const CHUNK_BYTES = 64 * 1024;

function respond(attempt: Attempt, method: string, answer: Answer, fault: Fault | null): HttpResponse {
  const { status, headers } = answer;
  let content = method === 'HEAD' ? EMPTY : (answer.body ?? EMPTY);
  if (fault?.kind === 'corrupted' && answer.isContent) content = corrupted(content);
  const breaksOff = fault?.kind === 'truncated' && content.length > 0;

  async function* body(): AsyncGenerator<Uint8Array> {
    const end = breaksOff ? content.length >> 1 : content.length;
    for (let at = 0; at < end; at += CHUNK_BYTES) yield content.subarray(at, Math.min(at + CHUNK_BYTES, end));
    if (breaksOff) throw networkFailure(attempt, networkBreak('UND_ERR_SOCKET'));
  }
  const bytes = async (): Promise<Buffer> => {
    if (breaksOff) throw networkFailure(attempt, networkBreak('UND_ERR_SOCKET'));
    return Buffer.from(content);
  };
  const text = async (): Promise<string> => (await bytes()).toString('utf8');
  return {
    status,
    headers,
    body: body(),
    bytes,
    text,
    json: async () => parseJson(attempt, await text()),
    discard: () => Promise.resolve(),
    failure: async (meaning) => statusFailure(attempt, status, headers, meaning),
  };
}

function corrupted(content: Uint8Array): Uint8Array {
  const copy = Uint8Array.from(content);
  const middle = copy.length >> 1;
  if (middle < copy.length) copy[middle] = (copy[middle] ?? 0) ^ 1;
  return copy;
}
