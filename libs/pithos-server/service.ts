// What the server does with a request, whatever brought it here: routing of
// identity and storage, the token check on every call, and the form of replies.

import type { Identity } from './auth.ts';
import { handleAccount, handleContainer } from './containers.ts';
import { Fault, faultBody } from './fault.ts';
import { readObject } from './object-read.ts';
import { transferFrom, transferTo } from './object-transfer.ts';
import { deleteObject, postObject, putData, putHashmap } from './object-write.ts';
import type { Pithos } from './pithos.ts';
import { hasFlag, kindOf, type PithosRequest, type Reply, type RequestInfo, readText } from './request.ts';
import { decodeRequestHeaders, parseTarget } from './wire-text.ts';

export const STORAGE_PATH = '/pithos/object-store/v1';
export const IDENTITY_PATH = '/identity/v2.0';

export interface Service {
  readonly pithos: Pithos;
  readonly identity: Identity;
  /** The publicURL of the catalog. */
  readonly publicUrl: string;
}

/** A request as it came, nothing decoded yet. */
export interface Incoming {
  readonly method: string;
  readonly path: string;
  /** Without its `?`. */
  readonly query: string;
  /** Names and values in turn. */
  readonly rawHeaders: readonly string[];
  /** By lower-case name. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: AsyncIterable<Uint8Array>;
}

/** @throws Fault for a path that leads nowhere. */
export function describe(incoming: Incoming): RequestInfo {
  const { method, path, query } = incoming;
  if (path.startsWith(`${IDENTITY_PATH}/`)) {
    return { method, kind: 'identity', account: '', container: '', object: '', query };
  }
  if (!path.startsWith(`${STORAGE_PATH}/`)) throw new Fault(404, 'Unknown path');
  const target = parseTarget(path.slice(STORAGE_PATH.length + 1));
  const kind = kindOf(method, target, new URLSearchParams(query), incoming.headers);
  return { method, kind, ...target, query };
}

/** Answers at once where nothing has to be waited for. @throws Fault, now or later; see `failureReply`. */
export function handle(service: Service, incoming: Incoming, info: RequestInfo): Reply | Promise<Reply> {
  if (info.kind === 'identity') return handleIdentity(service, incoming);
  const query = new URLSearchParams(info.query);
  const headers = decodeRequestHeaders(incoming.rawHeaders);
  // A token in the query wins over the header, as in the original.
  const user = service.identity.authenticate(query.get('X-Auth-Token') ?? headers.get('x-auth-token'));
  if (user.userId !== info.account) throw new Fault(403, 'Not allowed');
  const request: PithosRequest = {
    info,
    method: info.method,
    target: { account: info.account, container: info.container, object: info.object },
    query,
    headers,
    user,
    isChunked: /\bchunked\b/i.test(String(incoming.headers['transfer-encoding'] ?? '')),
    body: incoming.body,
  };
  if (info.container === '') return handleAccount(service.pithos, request);
  if (info.object === '') return handleContainer(service.pithos, request);
  return handleObject(service.pithos, request);
}

function handleObject(pithos: Pithos, request: PithosRequest): Reply | Promise<Reply> {
  switch (request.method) {
    case 'HEAD':
    case 'GET':
      return readObject(pithos, request);
    case 'PUT':
      if (request.headers.get('x-move-from') || request.headers.get('x-copy-from'))
        return transferFrom(pithos, request);
      return hasFlag(request, 'hashmap') ? putHashmap(pithos, request) : putData(pithos, request);
    case 'COPY':
    case 'MOVE':
      return transferTo(pithos, request);
    case 'POST':
      return postObject(pithos, request);
    case 'DELETE':
      return deleteObject(pithos, request);
    default:
      throw new Fault(400, 'Method not allowed');
  }
}

async function handleIdentity(service: Service, incoming: Incoming): Promise<Reply> {
  const { method, path, headers } = incoming;
  if (path !== `${IDENTITY_PATH}/tokens` || method !== 'POST') throw new Fault(400, 'Method not allowed');
  const type = headers['content-type'];
  const body = await readText(incoming);
  return service.identity.login(type === undefined ? type : String(type), body, service.publicUrl);
}

/** What goes out where a handler threw. */
export function failureReply(error: unknown): Reply {
  const fault = error instanceof Fault ? error : new Fault(500, `Unexpected error: ${String(error)}`);
  if (fault.status === 304) return { status: 304, headers: fault.headers };
  const headers = { 'Content-Type': 'application/json; charset=UTF-8', ...fault.headers };
  return { status: fault.status, headers, body: faultBody(fault.status, fault.message) };
}

/** The reply with its Content-Length, where it has one: the body may be a stream, and 204 and 304 have none. */
export function withLength(reply: Reply): Reply {
  const { status, headers, body } = reply;
  const length = lengthOf(body);
  const hasNone = length === undefined || (body === undefined && (status === 204 || status === 304));
  if (hasNone || headers['Content-Length'] !== undefined) return reply;
  return { ...reply, headers: { ...headers, 'Content-Length': String(length) } };
}

function lengthOf(body: Reply['body']): number | undefined {
  if (body === undefined) return 0;
  return typeof body === 'string' || body instanceof Uint8Array ? Buffer.byteLength(body) : undefined;
}
