// The HTTP face: one plain node:http server that brings requests to the service
// or to the control, applies injected faults around the handlers, and writes
// replies with the API's header encoding.

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { Identity, type TokenGrant } from './auth.ts';
import { type Control, createControl, runCommands } from './control.ts';
import { Fault } from './fault.ts';
import { bodyChunks, corrupted, firstHalf, Injector, type Verdict } from './inject.ts';
import { openPithos } from './open-pithos.ts';
import type { Hooks, Pithos } from './pithos.ts';
import { jsonReply } from './render.ts';
import { type Reply, type RequestInfo, readText } from './request.ts';
import {
  describe,
  failureReply,
  handle,
  IDENTITY_PATH,
  type Incoming,
  type Service,
  STORAGE_PATH,
  withLength,
} from './service.ts';
import { Counters } from './stats.ts';
import { type Clock, httpDate, systemClock } from './timestamps.ts';
import { encodeResponseHeader, percentDecode } from './wire-text.ts';

const CONTROL_PATH = '/_control';
/** Two names of 1024 four-byte characters, percent-encoded, in URL and Destination. */
const MAX_HEADER_BYTES = 64 * 1024;

export interface ServerOptions {
  /** Where data is kept; created when absent. */
  readonly dir: string;
  readonly users: readonly TokenGrant[];
  /** 0 or absent picks a free port. */
  readonly port?: number;
  /** Default 127.0.0.1. */
  readonly host?: string;
  /** Bytes; default 4 MiB. Must stay the same for one folder. */
  readonly blockSize?: number;
  /** Epoch microseconds. */
  readonly clock?: Clock;
  readonly hooks?: Hooks;
  /** Serve `/_control` over HTTP; the in-process control is always there. */
  readonly isControlServed?: boolean;
}

export interface PithosServer {
  /** The publicURL of the catalog. */
  readonly url: string;
  readonly authUrl: string;
  readonly port: number;
  readonly control: Control;
  /** Cuts open connections and closes the database. */
  close(): Promise<void>;
}

interface Running extends Service {
  readonly injector: Injector;
  readonly counters: Counters;
  readonly control: Control;
  readonly isControlServed: boolean;
  /** Known once the server listens. */
  publicUrl: string;
}

export async function startPithosServer(options: ServerOptions): Promise<PithosServer> {
  const base = options.clock ?? systemClock;
  let skew = 0;
  const clock = () => base() + skew;
  const pithos = openPithos({
    dir: options.dir,
    blockSize: options.blockSize ?? 4 * 1024 * 1024,
    clock,
    hooks: options.hooks ?? {},
  });
  const identity = new Identity(options.users, clock);
  const injector = new Injector();
  const counters = new Counters();
  const skewClock = (micros: number) => {
    skew = micros;
  };
  const control = createControl({ pithos, identity, injector, counters, skewClock });
  const isControlServed = options.isControlServed ?? false;
  const running: Running = { pithos, identity, injector, counters, control, isControlServed, publicUrl: '' };
  const server = createServer(
    { maxHeaderSize: MAX_HEADER_BYTES, keepAliveTimeout: 60_000, requestTimeout: 0 },
    (req, res) => {
      serve(running, req, res).catch(() => res.destroy());
    },
  );
  const host = options.host ?? '127.0.0.1';
  try {
    await listen(server, options.port ?? 0, host);
  } catch (error) {
    pithos.tables.close();
    throw error;
  }
  const { port } = server.address() as AddressInfo;
  const origin = `http://${host}:${port}`;
  running.publicUrl = origin + STORAGE_PATH;
  return {
    url: running.publicUrl,
    authUrl: origin + IDENTITY_PATH,
    port,
    control,
    close: () => stop(server, pithos),
  };
}

function listen(server: Server, port: number, host: string): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once('error', reject);
  server.listen(port, host, resolve);
  return promise;
}

async function stop(server: Server, pithos: Pithos): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  server.close(() => resolve());
  server.closeAllConnections();
  await promise;
  pithos.tables.close();
}

async function serve(running: Running, req: IncomingMessage, res: ServerResponse): Promise<void> {
  const url = new SplitUrl(req.url ?? '/');
  if (running.isControlServed && url.path.startsWith(CONTROL_PATH)) {
    // Control traffic has counters of its own, so that looking does not change what is seen.
    return send({ ...running, counters: new Counters() }, res, await handleControl(running, req, url));
  }
  const incoming: Incoming = {
    method: req.method ?? 'GET',
    path: url.path,
    query: url.query,
    rawHeaders: req.rawHeaders,
    headers: req.headers,
    // A handler that gives up early must still be able to answer on this connection.
    body: req.iterator({ destroyOnReturn: false }),
  };
  let info: RequestInfo;
  try {
    info = describe(incoming);
  } catch (error) {
    running.counters.countRequest(req.method ?? '', 'unroutable', 0);
    return send(running, res, failureReply(error));
  }
  running.counters.countRequest(info.method, info.kind, Number(req.headers['content-length'] ?? 0));
  const verdict = running.injector.judge(info, decodedForRules(url));
  if (verdict.delayMs > 0) await sleep(verdict.delayMs);
  const early = earlyReply(verdict);
  if (early === 'drop') return dropConnection(req, verdict);
  if (early !== undefined) return send(running, res, early);
  let reply: Reply;
  try {
    reply = await handle(running, incoming, info);
  } catch (error) {
    reply = failureReply(error);
  }
  await sendUnder(running, res, reply, verdict);
}

/** Path and query of a request target, still encoded. */
class SplitUrl {
  readonly path: string;
  readonly query: string;

  constructor(target: string) {
    const local = target.replace(/^https?:\/\/[^/]*/i, '');
    const mark = local.indexOf('?');
    this.path = mark === -1 ? local : local.slice(0, mark);
    this.query = mark === -1 ? '' : local.slice(mark + 1);
  }
}

function decodedForRules(url: SplitUrl): string {
  return percentDecode(url.path) + (url.query === '' ? '' : `?${url.query}`);
}

async function handleControl(running: Running, req: IncomingMessage, url: SplitUrl): Promise<Reply> {
  if (req.method === 'GET' && url.path === `${CONTROL_PATH}/stats`)
    return jsonReply(200, running.control.stats());
  try {
    if (req.method === 'DELETE') running.control.clearRules();
    if (req.method === 'POST') runCommands(running.control, JSON.parse(await readText({ body: req })));
  } catch (error) {
    return jsonReply(400, { error: error instanceof Error ? error.message : String(error) });
  }
  return jsonReply(200, { rules: running.control.pendingRules(), settings: running.pithos.settings });
}

async function dropConnection(req: IncomingMessage, { rule }: Verdict): Promise<void> {
  // Half a request body has a different look to the client than none: it was already sending.
  if (rule?.action === 'drop-mid-upload') await req.iterator({ destroyOnReturn: false }).next();
  req.socket.destroy();
}

function earlyReply({ rule }: Verdict): Reply | 'drop' | undefined {
  if (rule?.action === 'drop-before' || rule?.action === 'drop-mid-upload') return 'drop';
  if (rule?.action !== 'status') return undefined;
  return failureReply(new Fault(rule.status ?? 503, 'Injected fault', rule.headers));
}

/** Sends the reply of a handler that has run, or what the injected fault makes of it. */
async function sendUnder(
  running: Running,
  res: ServerResponse,
  reply: Reply,
  { rule }: Verdict,
): Promise<void> {
  switch (rule?.action) {
    case '500-after-commit':
      return send(running, res, failureReply(new Fault(rule.status ?? 500, 'Injected fault')));
    case 'drop-after-commit':
      return void res.socket?.destroy();
    case 'truncate-body':
      await sendTruncated(running, res, reply);
      return;
    case 'corrupt-body':
      return send(running, res, corrupted(withLength(reply)));
    default:
      return send(running, res, reply);
  }
}

async function sendTruncated(running: Running, res: ServerResponse, reply: Reply): Promise<void> {
  if (reply.body === undefined) return send(running, res, reply);
  const sized = withLength(reply);
  writeHead(running, res, sized);
  res.flushHeaders();
  for await (const chunk of firstHalf(sized)) await write(running, res, chunk);
  // Let the half body leave before the connection is cut.
  res.socket?.end();
}

function writeHead(running: Running, res: ServerResponse, reply: Reply): void {
  running.counters.countReply(reply.status);
  const flat: string[] = ['Date', httpDate(running.pithos.clock())];
  for (const [name, value] of Object.entries(reply.headers)) flat.push(...encodeResponseHeader(name, value));
  res.sendDate = false;
  res.writeHead(reply.status, flat);
}

async function send(running: Running, res: ServerResponse, reply: Reply): Promise<void> {
  if (res.destroyed) return;
  const sized = withLength(reply);
  const { body } = sized;
  writeHead(running, res, sized);
  if (body === undefined || res.req.method === 'HEAD') {
    res.end();
  } else if (typeof body === 'string' || body instanceof Uint8Array) {
    running.counters.countBytesOut(Number(sized.headers['Content-Length']));
    res.end(body);
  } else {
    // A stream that fails must fail after the status was seen, as it does in the original.
    res.flushHeaders();
    for await (const chunk of bodyChunks(body)) await write(running, res, chunk);
    res.end();
  }
}

async function write(running: Running, res: ServerResponse, chunk: Uint8Array): Promise<void> {
  running.counters.countBytesOut(chunk.length);
  if (res.write(chunk) || res.destroyed) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  res.once('drain', resolve);
  res.once('close', resolve);
  await promise;
  res.off('drain', resolve);
  res.off('close', resolve);
}
