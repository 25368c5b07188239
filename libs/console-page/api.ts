/**
 * Api: what the page asks of the console. Every failure comes as one sentence; changes carry the
 * token of this page, without which the console refuses them.
 */
import { useEffect, useState } from 'preact/hooks';

const PREFIX = '/api/v1';
const AGAIN_MS = 2_000;
const { csrf = '', role = 'viewer', visitor = '', environment = '' } = document.documentElement.dataset;

export const me = { name: visitor, environment, isOperator: role === 'operator', csrf };

export class Failure extends Error {
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

export type Query = Readonly<Record<string, string | number | boolean | null | undefined>>;

function address(path: string, query: Query): string {
  const url = new URL(`${PREFIX}${path}`, location.origin);
  for (const [key, value] of Object.entries(query))
    if (value !== null && value !== undefined && value !== '') url.searchParams.set(key, String(value));
  return url.href;
}

async function ask<Result>(method: string, path: string, query: Query, body?: unknown): Promise<Result> {
  const headers: Record<string, string> = method === 'GET' ? {} : { 'csrf-token': csrf };
  if (body !== undefined) headers['content-type'] = 'application/json';
  const sent = body === undefined ? {} : { body: JSON.stringify(body) };
  let answer: Response;
  try {
    answer = await fetch(address(path, query), { method, headers, ...sent });
  } catch {
    throw new Failure('fleet-unreachable', 'The console does not answer; trying again helps once it does.');
  }
  const given: unknown = await answer.json().catch(() => null);
  if (answer.ok) return given as Result;
  if (answer.status === 401) location.assign('/login');
  const { code = 'unknown', message = `The console answered ${answer.status}.` } =
    (given as { error?: { code?: string; message?: string } } | null)?.error ?? {};
  throw new Failure(code, message);
}

export const get = <Result>(path: string, query: Query = {}) => ask<Result>('GET', path, query);
export const post = <Result>(path: string, body?: unknown, query: Query = {}) =>
  ask<Result>('POST', path, query, body);
export const patch = <Result>(path: string, body: unknown) => ask<Result>('PATCH', path, {}, body);
export const remove = <Result>(path: string) => ask<Result>('DELETE', path, {});

export const ofPair = (name: string, rest = ''): string => `/pairs/${encodeURIComponent(name)}${rest}`;

export function sentence(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}

export interface Loaded<Value> {
  readonly value: Value | null;
  readonly failure: string | null;
  again(): void;
}

/** Asks when it is shown and whenever `key` changes; what was there stays until the answer comes. */
export function useLoaded<Value>(key: string, load: () => Promise<Value>): Loaded<Value> {
  const [state, setState] = useState<{ value: Value | null; failure: string | null }>({
    value: null,
    failure: null,
  });
  const [round, setRound] = useState(0);
  useEffect(() => {
    let isWanted = true;
    load().then(
      (value) => isWanted && setState({ value, failure: null }),
      (thrown) => isWanted && setState((before) => ({ ...before, failure: sentence(thrown) })),
    );
    return () => {
      isWanted = false;
    };
  }, [key, round]);
  return { ...state, again: () => setRound((before) => before + 1) };
}

export type Listeners = Readonly<Record<string, (value: never) => void>>;

/** Listens to what the console sends of these things, for as long as it is shown. */
export function useLive(query: Query, listeners: Listeners, onLine: (isOpen: boolean) => void): void {
  const url = address('/live', query);
  useEffect(() => {
    let isShown = true;
    let source: EventSource;
    let waiting: ReturnType<typeof setTimeout> | undefined;
    const open = () => {
      source = new EventSource(url);
      for (const [event, listen] of Object.entries(listeners))
        source.addEventListener(event, (message) =>
          listen(JSON.parse((message as MessageEvent<string>).data) as never),
        );
      source.onopen = () => onLine(true);
      source.onerror = () => {
        onLine(false);
        // A browser tries a broken line again by itself, but not one that was refused: by what is before a console
        // that is just away, or because nobody is logged in any more. Asking anything tells which.
        if (source.readyState === EventSource.CLOSED) waiting = setTimeout(askAgain, AGAIN_MS);
      };
    };
    const askAgain = () => {
      get('/fleet')
        .catch(() => undefined)
        .then(() => isShown && open());
    };
    open();
    return () => {
      isShown = false;
      clearTimeout(waiting);
      source.close();
    };
  }, [url]);
}
