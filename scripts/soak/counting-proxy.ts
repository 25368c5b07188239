/** Counting proxy: passes everything between a fleet and its store as it comes, and counts it. */
import { once } from 'node:events';
import { Agent, createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import { drained, endToEnd, isLogin, passLogin, serveHere } from '../chaos/fault-proxy.ts';
import type { Traffic } from './traffic.ts';

export interface CountingProxy {
  /** Takes the place of the store's own. */
  readonly origin: string;
  /** Counts what begins from now on. */
  count(traffic: Traffic): void;
  close(): Promise<void>;
}

interface State {
  readonly upstream: string;
  readonly agent: Agent;
  origin: string;
  traffic: Traffic;
}

/** @param upstream origin of the store. */
export async function startCountingProxy(upstream: string, traffic: Traffic): Promise<CountingProxy> {
  const agent = new Agent({ keepAlive: true });
  const state: State = { upstream, agent, traffic, origin: '' };
  const server = createServer({ requestTimeout: 0 }, (req, res) => {
    pass(state, req, res).catch(() => res.destroy());
  });
  const { origin, close } = await serveHere(server, agent);
  state.origin = origin;
  return {
    origin,
    count: (other) => {
      state.traffic = other;
    },
    close,
  };
}

async function pass(state: State, req: IncomingMessage, res: ServerResponse): Promise<void> {
  const { url = '/', method = 'GET' } = req;
  const exchange = state.traffic.begin(url);
  const onward = request(`${state.upstream}${url}`, {
    agent: state.agent,
    method,
    headers: endToEnd(req.rawHeaders),
  });
  res.once('close', () => {
    if (!res.writableFinished) onward.destroy();
  });
  const answered = once(onward, 'response') as Promise<[IncomingMessage]>;
  // Looked at below; until then a failure must not count as unhandled.
  answered.catch(() => undefined);
  for await (const piece of req as AsyncIterable<Buffer>) {
    exchange.sent(piece);
    if (!onward.write(piece) && !onward.destroyed) await drained(onward);
  }
  onward.end();
  const [answer] = await answered;
  if (isLogin(url)) return passLogin(state, res, answer);
  const { statusCode = 502, headers } = answer;
  exchange.answered(statusCode, headers);
  res.writeHead(statusCode, endToEnd(answer.rawHeaders));
  for await (const piece of answer as AsyncIterable<Buffer>) {
    exchange.received(piece.length);
    if (!res.write(piece) && !res.destroyed) await drained(res);
  }
  res.end();
}
