/** Client: the operator port over HTTP; errors come back as what they were. */
import { Agent, request } from 'undici';
import { ERROR_GRADES, type ErrorCode, HoldfastError } from '#ports/errors.ts';
import type { Operator } from '#ports/operator.ts';
import { API_PREFIX, METHOD_ARGUMENTS, type Method } from './methods.ts';

/** A plan of a large pair takes as long as a walk and a listing. */
const ANSWER_TIMEOUT_MS = 600_000;

export interface RemoteOperator {
  readonly operator: Operator;
  close(): Promise<void>;
}

/** @param url base URL of `holdfast up`; @param token null when none was found. */
export function connectOperator(url: string, token: string | null): RemoteOperator {
  const dispatcher = new Agent({ headersTimeout: ANSWER_TIMEOUT_MS, bodyTimeout: ANSWER_TIMEOUT_MS });
  const call = async (method: Method, args: readonly unknown[]): Promise<unknown> => {
    let answer: Awaited<ReturnType<typeof request>>;
    try {
      answer = await request(new URL(`${API_PREFIX}/${method}`, url), {
        method: 'POST',
        dispatcher,
        headers: {
          'content-type': 'application/json',
          ...(token === null ? {} : { authorization: `Bearer ${token}` }),
        },
        body: JSON.stringify({ args }),
      });
    } catch (thrown) {
      throw new HoldfastError(
        'fleet-unreachable',
        `no Holdfast answers at ${url}; start one with: holdfast up, or set HOLDFAST_URL or DATABASE_URL and REDIS_URL`,
        { cause: thrown },
      );
    }
    const body = (await answer.body.json().catch(() => null)) as {
      result?: unknown;
      error?: { code?: string; message?: string };
    } | null;
    if (answer.statusCode === 200 && body !== null && 'result' in body) return body.result;
    const code = body?.error?.code;
    const known = code !== undefined && code in ERROR_GRADES ? (code as ErrorCode) : 'store-protocol';
    throw new HoldfastError(
      known,
      body?.error?.message ?? `${url} answered ${answer.statusCode}; is another service on that port?`,
    );
  };
  const methods = (Object.keys(METHOD_ARGUMENTS) as Method[]).map((method) => [
    method,
    (...args: unknown[]) => call(method, args),
  ]);
  return { operator: Object.fromEntries(methods) as Operator, close: () => dispatcher.close() };
}
