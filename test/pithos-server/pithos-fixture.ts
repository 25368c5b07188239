// A server on a free port with a folder that is gone afterwards, and a client
// that sends exactly the path and headers it is given: fetch would normalise
// paths and add a Content-Type, both of which matter here.

import { mkdtemp, rm } from 'node:fs/promises';
import { Agent, request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { type PithosServer, type ServerOptions, startPithosServer } from '#libs/pithos-server/server.ts';

export const USER = { token: 'TOK-1', userId: 'u-42', name: 'Ann' };

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  readonly text: string;
  json<T>(): T;
}

export interface Ask {
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | string;
  /** Leave X-Auth-Token out. */
  readonly isAnonymous?: boolean;
  /** Send no Content-Length and no body, even for PUT. */
  readonly hasNoLength?: boolean;
}

export interface Fixture {
  readonly server: PithosServer;
  readonly dir: string;
  /** Path below the account, still encoded, with query: `/c/a%20b?hashmap`. */
  ask(method: string, path: string, how?: Ask): Promise<Answer>;
  /** Any path of the server. */
  askRoot(method: string, path: string, how?: Ask): Promise<Answer>;
  put(
    path: string,
    content: Uint8Array | string,
    headers?: Readonly<Record<string, string>>,
  ): Promise<Answer>;
}

export type FixtureOptions = Partial<Omit<ServerOptions, 'dir'>> & { readonly dir?: string };

export async function startFixture(t: TestContext, options: FixtureOptions = {}): Promise<Fixture> {
  const dir = options.dir ?? (await temporaryDir(t));
  const server = await startPithosServer({ users: [USER], blockSize: 4, ...options, dir });
  const agent = new Agent({ keepAlive: true });
  t.after(async () => {
    agent.destroy();
    await server.close().catch(() => {});
  });
  const askRoot = (method: string, path: string, how: Ask = {}) =>
    exchange(server.port, agent, method, path, how);
  const account = `${new URL(server.url).pathname}/${USER.userId}`;
  const ask = (method: string, path: string, how?: Ask) => askRoot(method, account + path, how);
  if (options.dir === undefined) server.control.ensureContainer(USER.userId, 'c');
  return {
    server,
    dir,
    ask,
    askRoot,
    put: (path, content, headers) =>
      ask('PUT', path, { headers: { 'Content-Type': 'text/plain', ...headers }, body: content }),
  };
}

export async function temporaryDir(t: TestContext): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'pithos-server-'));
  t.after(() => rm(dir, { recursive: true, force: true, maxRetries: 3 }));
  return dir;
}

function exchange(port: number, agent: Agent, method: string, path: string, how: Ask): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  const body = how.body ?? '';
  const headers: Record<string, string | number> = { ...how.headers };
  if (how.isAnonymous !== true) headers['X-Auth-Token'] ??= USER.token;
  if (how.hasNoLength !== true && !('Transfer-Encoding' in headers))
    headers['Content-Length'] = Buffer.byteLength(body);
  const req = httpRequest({ port, host: '127.0.0.1', agent, method, path, headers }, (res) => {
    const parts: Buffer[] = [];
    res.on('data', (part: Buffer) => parts.push(part));
    res.on('error', reject);
    res.on('end', () => {
      const received = Buffer.concat(parts);
      const text = received.toString('utf8');
      const answer = { status: res.statusCode ?? 0, headers: res.headers, body: received, text };
      resolve({ ...answer, json: <T>() => JSON.parse(text) as T });
    });
  });
  // Node adds chunked framing to a body without a length; a request without any framing needs this.
  if (how.hasNoLength === true) req.useChunkedEncodingByDefault = false;
  req.on('error', reject);
  req.end(body === '' ? undefined : body);
  return promise;
}

export function hashmapBody(bytes: number, hashes: readonly string[]): string {
  return JSON.stringify({ bytes, block_size: 4, block_hash: 'sha256', hashes });
}

/** The first integer of a version header, malformed or not. */
export function serialOf(answer: Answer): number {
  const header = decodeURIComponent(String(answer.headers['x-object-version']));
  return Number(/\d+/.exec(header)?.[0]);
}
