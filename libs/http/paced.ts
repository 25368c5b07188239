/**
 * Paced HTTP: the client of one pair, which asks its gate before each request and lets bodies
 * through in small pieces, up and down. What is small is counted after it passed, so that a
 * small file costs its own bytes and no more.
 */
import type { Gate } from '#ports/limits.ts';
import { parseJson } from './classify.ts';
import { attemptOf, type HttpClient, type HttpRequest, type HttpResponse } from './client.ts';

export function pacedHttp(http: HttpClient, gate: Gate): HttpClient {
  return {
    request: async (request) => {
      const { body, signal } = request;
      await gate.request(signal);
      const isWhole = typeof body === 'string' || body instanceof Uint8Array;
      if (isWhole) await gate.bytes(Buffer.byteLength(body), signal);
      const response = await http.request({
        ...request,
        ...(body === undefined || isWhole ? {} : { body: pacedBody(body, gate, signal) }),
        readSlowly: request.method === 'GET' && gate.isSlow(),
        onThrottled: (askedMs) => gate.throttled(askedMs),
      });
      return pacedResponse(response, request, gate);
    },
    close: () => http.close(),
  };
}

function pacedResponse(response: HttpResponse, request: HttpRequest, gate: Gate): HttpResponse {
  const { signal } = request;
  const bytes = async (): Promise<Buffer> => {
    const whole = await response.bytes();
    await gate.bytes(whole.length, signal);
    return whole;
  };
  const text = async (): Promise<string> => (await bytes()).toString('utf8');
  return {
    ...response,
    body: pacedBody(response.body, gate, signal),
    bytes,
    text,
    json: async () => parseJson(attemptOf(request), await text()),
  };
}

/** Pieces of what comes, none larger than a grant; each grant is waited for once it has passed. */
async function* pacedBody(
  body: AsyncIterable<Uint8Array>,
  gate: Gate,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array> {
  let unpaid = 0;
  for await (const chunk of body) {
    for (let at = 0; at < chunk.length; ) {
      const grant = gate.grant();
      const piece = chunk.subarray(at, at + grant);
      at += piece.length;
      unpaid += piece.length;
      if (unpaid >= grant) {
        await gate.bytes(unpaid, signal);
        unpaid = 0;
      }
      yield piece;
    }
  }
  if (unpaid > 0) await gate.bytes(unpaid, signal);
}
