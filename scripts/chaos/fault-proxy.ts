/**
 * Fault proxy: stands between the fleet and one object store, speaks plain HTTP/1.1, and does to
 * requests what networks and tired stores do. Which faults are possible just now is set from
 * outside; each request draws one, at most. Secrets that pass are remembered, to be searched for later.
 */
import {
  Agent,
  createServer,
  type IncomingMessage,
  request,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Writable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Random } from './random.ts';

export const FAULTS = [
  'latency',
  'reset',
  'cut-upload',
  'server-error',
  'throttle',
  'truncated-answer',
  'corrupt-download',
  'corrupt-upload',
  'lost-answer',
] as const;
export type Fault = (typeof FAULTS)[number];

/** Probability of each fault per request that it can befall. */
export type Storm = Readonly<Partial<Record<Fault, number>>>;

export interface FaultProxy {
  /** Scheme, host and port: takes the place of the store's own. */
  readonly origin: string;
  /** Tokens, keys and passwords that passed. */
  readonly secrets: ReadonlySet<string>;
  setStorm(storm: Storm): void;
  close(): Promise<void>;
}

export interface FaultProxyOptions {
  /** Origin of the store. */
  readonly upstream: string;
  readonly random: Random;
  /** Takes the whole body of an upload that was damaged on its way and answered by the store. */
  readonly onDamaged: (path: string, body: Buffer) => void;
  readonly onFault: (fault: Fault, method: string, path: string) => void;
}

const HOP_BY_HOP = new Set(['connection', 'keep-alive', 'transfer-encoding', 'proxy-connection', 'te']);
const SECRET_HEADERS = new Set(['x-auth-token', 'x-auth-key', 'x-storage-token', 'x-subject-token']);
const MAX_HEADER_BYTES = 64 * 1024;
const LONGEST_LATENCY_MS = 3_000;
const LONGEST_RETRY_AFTER_S = 3;

export async function startFaultProxy(options: FaultProxyOptions): Promise<FaultProxy> {
  const agent = new Agent({ keepAlive: true, maxSockets: 256 });
  const secrets = new Set<string>();
  const state: ProxyState = { ...options, agent, secrets, storm: {}, origin: '' };
  const server = createServer({ maxHeaderSize: MAX_HEADER_BYTES, requestTimeout: 0 }, (req, res) => {
    const fault = drawFault(state, req);
    if (fault !== null) options.onFault(fault, req.method ?? '', req.url ?? '');
    serve(state, req, res, fault).catch(() => res.destroy());
  });
  const { origin, close } = await serveHere(server, agent);
  state.origin = origin;
  return {
    origin,
    secrets,
    setStorm: (storm) => {
      state.storm = storm;
    },
    close,
  };
}

/** @param agent of the connections onward, which end with the server. */
export async function serveHere(
  server: Server,
  agent: Agent,
): Promise<{ readonly origin: string; close(): Promise<void> }> {
  await new Promise<void>((done, fail) => {
    server.once('error', fail);
    server.listen(0, '127.0.0.1', done);
  });
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: async () => {
      server.closeAllConnections();
      agent.destroy();
      await new Promise((done) => server.close(done));
    },
  };
}

interface ProxyState extends FaultProxyOptions {
  readonly agent: Agent;
  readonly secrets: Set<string>;
  storm: Storm;
  origin: string;
}

function drawFault({ storm, random }: ProxyState, req: IncomingMessage): Fault | null {
  for (const fault of FAULTS) {
    const probability = storm[fault] ?? 0;
    if (probability > 0 && canBefall(fault, req) && random.chance(probability)) return fault;
  }
  return null;
}

export function isLogin(path: string): boolean {
  return /\/auth\/v1|\/tokens(\?|$)/.test(path);
}

function canBefall(fault: Fault, req: IncomingMessage): boolean {
  const { method = '', url = '', headers } = req;
  const isUpload = Number(headers['content-length'] ?? 0) > 0 || headers['transfer-encoding'] !== undefined;
  switch (fault) {
    case 'cut-upload':
      return isUpload;
    case 'corrupt-upload':
      // A body that is no content, such as a list of blocks, has nothing that could tell.
      return isUpload && !isLogin(url) && !/[?&]hashmap/.test(url);
    case 'corrupt-download':
      // Only content has a digest to be compared with.
      return method === 'GET' && !isLogin(url) && !/[?&](format|hashmap|versions|limit)/.test(url);
    case 'truncated-answer':
      return method !== 'HEAD';
    case 'lost-answer':
      return method !== 'GET' && method !== 'HEAD';
    default:
      return true;
  }
}

async function serve(
  state: ProxyState,
  req: IncomingMessage,
  res: ServerResponse,
  fault: Fault | null,
): Promise<void> {
  for (const [name, value] of Object.entries(req.headers)) {
    if (SECRET_HEADERS.has(name)) state.secrets.add(String(value));
  }
  switch (fault) {
    case 'latency':
      await sleep(state.random.between(50, LONGEST_LATENCY_MS));
      break;
    case 'reset':
      return cut(req);
    case 'server-error':
      return refuse(req, res, state.random.pick([500, 502, 503, 504]), {});
    case 'throttle': {
      const seconds = String(state.random.between(1, LONGEST_RETRY_AFTER_S));
      return refuse(req, res, state.random.pick([429, 429, 503]), { 'retry-after': seconds });
    }
    default:
  }
  await forward(state, req, res, fault);
}

function cut(req: IncomingMessage): void {
  req.socket.resetAndDestroy();
}

async function refuse(
  req: IncomingMessage,
  res: ServerResponse,
  status: number,
  headers: Record<string, string>,
): Promise<void> {
  for await (const _ of req); // A client may not look at an answer before its request is out.
  res.writeHead(status, { ...headers, 'content-type': 'text/plain', 'content-length': '5' });
  res.end('fault');
}

/** Sends the request on; the body passes as it comes, so that nothing is held back that a store would see. */
async function forward(
  state: ProxyState,
  req: IncomingMessage,
  res: ServerResponse,
  fault: Fault | null,
): Promise<void> {
  const onward = request(`${state.upstream}${req.url ?? '/'}`, {
    agent: state.agent,
    method: req.method ?? 'GET',
    headers: endToEnd(req.rawHeaders),
  });
  res.once('close', () => {
    if (!res.writableFinished) onward.destroy();
  });
  const answered = new Promise<IncomingMessage>((resolve, reject) => {
    onward.once('response', resolve);
    onward.once('error', reject);
  });
  // Looked at below; until then a failure must not count as unhandled.
  answered.catch(() => undefined);
  const sent = await sendBody(state, req, onward, fault);
  if (sent === 'cut') return;
  let answer: IncomingMessage;
  try {
    answer = await answered;
  } catch {
    return cut(req);
  }
  if (sent !== null) state.onDamaged(req.url ?? '', sent);
  if (fault === 'lost-answer') {
    for await (const _ of answer); // The store is done only when its answer has ended.
    return cut(req);
  }
  await passAnswer(state, req, res, answer, fault);
}

/** @returns the body as the store got it when it was damaged; null when it was passed as it is. */
async function sendBody(
  state: ProxyState,
  req: IncomingMessage,
  onward: ReturnType<typeof request>,
  fault: Fault | null,
): Promise<Buffer | 'cut' | null> {
  const damaged: Buffer[] = [];
  const half = Number(req.headers['content-length'] ?? 2) / 2;
  let passed = 0;
  for await (const piece of req as AsyncIterable<Buffer>) {
    if (fault === 'cut-upload' && passed + piece.length >= half) {
      onward.write(piece.subarray(0, Math.max(0, Math.floor(half - passed))));
      await sleep(5);
      onward.destroy();
      cut(req);
      return 'cut';
    }
    const sent = fault === 'corrupt-upload' && passed === 0 ? flipped(piece, state.random) : piece;
    if (fault === 'corrupt-upload') damaged.push(sent);
    passed += piece.length;
    if (!onward.write(sent) && !onward.destroyed) await drained(onward);
  }
  onward.end();
  return damaged.length > 0 ? Buffer.concat(damaged) : null;
}

/** Until it takes more, or never will. */
export function drained(stream: Writable): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      stream.off('drain', end).off('close', end);
      resolve();
    };
    stream.on('drain', end).on('close', end);
  });
}

function flipped(piece: Buffer, random: Random): Buffer {
  const copy = Buffer.from(piece);
  const at = random.between(0, copy.length - 1);
  copy[at] = (copy[at] ?? 0) ^ (1 << random.between(0, 7));
  return copy;
}

async function passAnswer(
  state: ProxyState,
  req: IncomingMessage,
  res: ServerResponse,
  answer: IncomingMessage,
  fault: Fault | null,
): Promise<void> {
  const status = answer.statusCode ?? 502;
  for (const [name, value] of Object.entries(answer.headers)) {
    if (SECRET_HEADERS.has(name)) state.secrets.add(String(value));
  }
  if (isLogin(req.url ?? '')) return passLogin(state, res, answer);
  const length = Number(answer.headers['content-length'] ?? Number.NaN);
  res.writeHead(status, endToEnd(answer.rawHeaders));
  const half = Number.isNaN(length) ? 1 : length / 2;
  let passed = 0;
  const isContent = status === 200 || status === 206;
  for await (const piece of answer as AsyncIterable<Buffer>) {
    if (fault === 'truncated-answer' && passed + piece.length >= half) {
      res.write(piece.subarray(0, Math.max(0, Math.floor(half - passed))));
      await sleep(5);
      return cut(req);
    }
    const sent =
      fault === 'corrupt-download' && isContent && passed === 0 && piece.length > 0
        ? flipped(piece, state.random)
        : piece;
    passed += piece.length;
    if (!res.write(sent) && !res.destroyed) await drained(res);
  }
  res.end();
}

/** A login says where the store is: from here on that is us. */
export async function passLogin(
  state: Pick<ProxyState, 'upstream' | 'origin'>,
  res: ServerResponse,
  answer: IncomingMessage,
): Promise<void> {
  const pieces: Buffer[] = [];
  for await (const piece of answer as AsyncIterable<Buffer>) pieces.push(piece);
  const here = (text: string): string => text.replaceAll(state.upstream, state.origin);
  const body = Buffer.from(here(Buffer.concat(pieces).toString('utf8')));
  const headers = endToEnd(answer.rawHeaders)
    .map(here)
    .flatMap((word, index, all) =>
      index % 2 === 0 && word.toLowerCase() !== 'content-length' ? [word, all[index + 1] ?? ''] : [],
    );
  res.writeHead(answer.statusCode ?? 502, [...headers, 'content-length', String(body.length)]);
  res.end(body);
}

export function endToEnd(rawHeaders: readonly string[]): string[] {
  return rawHeaders.flatMap((name, index) =>
    index % 2 === 0 && !HOP_BY_HOP.has(name.toLowerCase()) ? [name, rawHeaders[index + 1] ?? ''] : [],
  );
}
