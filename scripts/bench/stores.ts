/**
 * Stores of a benchmark: a real Swift and the Pithos server, each with a count of the requests
 * and bytes it was asked for, and the raw clients that show what the server itself can do.
 */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Agent, request } from 'undici';
import { mapLimit } from '#core/map-limit.ts';
import { type RunningSwift, startSwift, whyNoSwift } from '#libs/services/swift.ts';
import { type RunningS3Server, startS3Server, whyNoS3Server } from '#libs/services/versitygw.ts';
import type { LastFirst } from '#test/support/last-first.ts';
import { TREE_MTIME } from './trees.ts';

/** What a store was asked since the last reset: requests by method, and the bytes of their bodies. */
export interface Counted {
  readonly byMethod: Readonly<Record<string, number>>;
  readonly sentBytes: number;
  reset(): void;
}

export class RequestCounts implements Counted {
  readonly #counts = new Map<string, number>();
  #sentBytes = 0;

  add(method: string, sentBytes: number): void {
    this.#counts.set(method, (this.#counts.get(method) ?? 0) + 1);
    this.#sentBytes += sentBytes;
  }

  reset(): void {
    this.#counts.clear();
    this.#sentBytes = 0;
  }

  get sentBytes(): number {
    return this.#sentBytes;
  }

  get byMethod(): Readonly<Record<string, number>> {
    return Object.fromEntries([...this.#counts].sort());
  }
}

export interface CountedSwift extends RunningSwift {
  readonly requests: RequestCounts;
}

/** Method, and after status, referrer, agent and token the bytes received; `-` where there were none. */
const LOGGED = /\b(GET|HEAD|PUT|POST|DELETE|COPY) \/(?:v1|auth)\S* HTTP\/\S+ \d+ \S+ \S+ \S+ (\d+|-)/;

/** A Swift of the benchmark's own, its access log counted; null with the reason said where there is none. */
export async function countedSwift(undoing: LastFirst, dir: string): Promise<CountedSwift | null> {
  const missing = whyNoSwift();
  if (missing !== null) {
    process.stdout.write(`No Swift workloads: ${missing}\n`);
    return null;
  }
  process.env['SWIFT_ACCESS_LOG'] = '1';
  const running = await startSwift({ dir: join(dir, 'swift') });
  undoing.after(() => running.stop());
  const requests = new RequestCounts();
  const socket = createSocket('udp4');
  socket.on('message', (line) => {
    const [, method, bytes] = LOGGED.exec(line.toString('utf8')) ?? [];
    if (method !== undefined) requests.add(method, Number(bytes) || 0);
  });
  socket.bind(running.port + 5, '127.0.0.1');
  await once(socket, 'listening');
  socket.setRecvBufferSize(8 << 20);
  undoing.after(() => new Promise((done) => socket.close(() => done(undefined))));
  return { ...running, requests };
}

export interface CountedS3 {
  readonly server: RunningS3Server;
  readonly requests: Counted;
}

/** An S3 server of the benchmark's own, its access log counted; null with the reason said where there is none. */
export async function countedS3(undoing: LastFirst, dir: string): Promise<CountedS3 | null> {
  const missing = whyNoS3Server();
  if (missing !== null) {
    process.stdout.write(`No S3 workloads: ${missing}\n`);
    return null;
  }
  const log = join(dir, 's3-access.log');
  process.env['VGW_ACCESS_LOG'] = log;
  const server = await startS3Server({ dir: join(dir, 's3'), dieWithParent: true });
  undoing.after(() => server.stop());
  let begin = 0;
  const lines = (): string[] => readFileSync(log, 'utf8').slice(begin).split('\n');
  const requests: Counted = {
    get byMethod() {
      const counts = new RequestCounts();
      for (const line of lines()) {
        // By operation, as a copy is a PUT too.
        const operation = /\bs3_([A-Za-z]+) /.exec(line)?.[1];
        if (operation !== undefined) counts.add(operation, 0);
      }
      return counts.byMethod;
    },
    sentBytes: 0,
    reset: () => {
      begin = readFileSync(log, 'utf8').length;
    },
  };
  return { server, requests };
}

export interface RawContainer {
  readonly url: string;
  readonly token: string;
  /** Sends one request per name over `connections`. @returns seconds. */
  putAll(contents: ReadonlyMap<string, Uint8Array>, connections: number, mtime?: string): Promise<number>;
  getAll(names: readonly string[], connections: number): Promise<number>;
  put(name: string, bytes: Uint8Array): Promise<void>;
  get(name: string): Promise<Uint8Array>;
  remove(name: string): Promise<void>;
  close(): Promise<void>;
}

/** The least a client can do: one request per object, nothing looked at. The ceiling of the server. */
export async function rawSwift(
  swift: Pick<RunningSwift, 'authUrl' | 'user' | 'key'>,
  container: string,
  versioned: boolean,
): Promise<RawContainer> {
  const login = await request(swift.authUrl, {
    headers: { 'x-auth-user': swift.user, 'x-auth-key': swift.key },
  });
  await login.body.dump();
  const token = String(login.headers['x-auth-token']);
  const url = `${String(login.headers['x-storage-url'])}/${container}`;
  const agent = new Agent({ allowH2: false, connections: 32, pipelining: 1 });
  const send = async (
    method: string,
    path: string,
    body?: Uint8Array,
    mtime = TREE_MTIME,
  ): Promise<Uint8Array> => {
    const answer = await request(`${url}${path}`, {
      method: method as 'GET',
      dispatcher: agent,
      headers: {
        'x-auth-token': token,
        ...(path === '' && versioned ? { 'x-versions-enabled': 'true' } : {}),
        ...(body === undefined ? {} : { 'x-object-meta-mtime': mtime }),
      },
      body: body === undefined ? null : Buffer.from(body.buffer, body.byteOffset, body.byteLength),
    });
    const bytes = new Uint8Array(await answer.body.arrayBuffer());
    if (answer.statusCode >= 300) throw new Error(`${method} ${path} answered ${answer.statusCode}`);
    return bytes;
  };
  const path = (name: string): string => `/${name.split('/').map(encodeURIComponent).join('/')}`;
  await send('PUT', '');
  return {
    url,
    token,
    putAll: (contents, connections, mtime) =>
      timed(() =>
        mapLimit([...contents], connections, ([name, bytes]) => send('PUT', path(name), bytes, mtime)),
      ),
    getAll: (names, connections) =>
      timed(() => mapLimit(names, connections, (name) => send('GET', path(name)))),
    put: async (name, bytes) => void (await send('PUT', path(name), bytes)),
    get: (name) => send('GET', path(name)),
    remove: async (name) => void (await send('DELETE', path(name))),
    close: () => agent.close(),
  };
}

export async function timed(work: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  await work();
  return (performance.now() - startedAt) / 1_000;
}
