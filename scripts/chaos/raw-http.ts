/**
 * Raw HTTP: one request to a store, past proxy and engine, as another client of the same user
 * would send it. A refused token is fetched anew; while there is none, the request waits.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { Agent } from 'undici';

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly bytes: Buffer;
}

export interface RawRequest {
  readonly method: string;
  /** Below the account, percent-encoded, with its query. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
}

export interface Login {
  /** URL of the account. */
  readonly url: string;
  readonly token: string;
}

export interface RawHttp {
  send(request: RawRequest): Promise<Answer>;
  close(): Promise<void>;
}

const LOGIN_TRIES = 200;
const LOGIN_PAUSE_MS = 300;

/** @param logIn throws while the secret of the moment is refused. */
export function openRawHttp(logIn: (agent: Agent) => Promise<Login>): RawHttp {
  const agent = new Agent({ allowH2: false, connections: 8 });
  let login: Promise<Login> | null = null;
  const fresh = async (): Promise<Login> => {
    for (let tries = 1; ; tries += 1) {
      try {
        return await logIn(agent);
      } catch (thrown) {
        if (tries === LOGIN_TRIES) throw thrown;
        await sleep(LOGIN_PAUSE_MS);
      }
    }
  };
  return {
    send: async (request) => {
      for (;;) {
        login ??= fresh();
        const used = login;
        const answer = await sendOnce(agent, await used, request);
        if (answer.status !== 401) return answer;
        if (login === used) login = null;
        await sleep(LOGIN_PAUSE_MS);
      }
    },
    close: () => agent.destroy(),
  };
}

async function sendOnce(agent: Agent, { url, token }: Login, request: RawRequest): Promise<Answer> {
  const { origin, pathname } = new URL(url);
  const { statusCode, headers, body } = await agent.request({
    origin,
    path: `${pathname}${request.path}`,
    method: request.method as 'GET',
    headers: { 'x-auth-token': token, ...request.headers },
    body: request.body === undefined ? null : Buffer.from(request.body),
  });
  const plain = Object.entries(headers).map(([name, value]) => [name, String(value ?? '')]);
  return {
    status: statusCode,
    headers: Object.fromEntries(plain),
    bytes: Buffer.from(await body.arrayBuffer()),
  };
}

export function encodePath(name: string): string {
  return name.split('/').map(encodeURIComponent).join('/');
}

/** @throws Error when the answer is none of these. */
export function expectStatus(answer: Answer, wanted: readonly number[], what: string): Answer {
  if (wanted.includes(answer.status)) return answer;
  throw new Error(`${what} was answered ${answer.status}: ${answer.bytes.toString('utf8', 0, 200)}`);
}
