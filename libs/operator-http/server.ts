/**
 * Server: the operator's verbs over HTTP, for a command line on the same machine. Every
 * call needs the bearer token, which only the operator's own user can read; a browser page
 * cannot send one, and other host names than loopback's are refused.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { asHoldfastError, HoldfastError } from '#ports/errors.ts';
import type { Log } from '#ports/log.ts';
import type { Operator } from '#ports/operator.ts';
import { API_PREFIX, METHOD_ARGUMENTS, type Method } from './methods.ts';

const LOOPBACK_HOSTS = new Set(['127.0.0.1', 'localhost', '[::1]']);

interface CallBody {
  readonly args: readonly unknown[];
}

/** Adds `POST /api/v1/<method>` for every verb. @param token shared secret of this server and its command lines. */
export function serveOperator(app: FastifyInstance, operator: Operator, token: string, log: Log): void {
  for (const method of Object.keys(METHOD_ARGUMENTS) as Method[]) {
    const body = {
      type: 'object',
      required: ['args'],
      additionalProperties: false,
      properties: { args: METHOD_ARGUMENTS[method] },
    };
    app.post<{ Body: CallBody }>(`${API_PREFIX}/${method}`, {
      schema: { body },
      onRequest: async (request, reply) => authorize(request, reply, token),
      handler: async (request, reply) => {
        try {
          const call = operator[method] as (...args: readonly unknown[]) => Promise<unknown>;
          return { result: (await call(...request.body.args)) ?? null };
        } catch (thrown) {
          const error = asHoldfastError(thrown);
          if (!(thrown instanceof HoldfastError))
            log.error({ err: thrown, method }, 'an operator call failed');
          return reply
            .code(error.grade === 'usage' ? 400 : 502)
            .send({ error: { code: error.code, message: error.message } });
        }
      },
    });
  }
}

async function authorize(request: FastifyRequest, reply: FastifyReply, token: string): Promise<unknown> {
  const given = request.headers.authorization ?? '';
  const host = (request.headers.host ?? '').replace(/:\d+$/, '');
  if (LOOPBACK_HOSTS.has(host) && isSameText(given, `Bearer ${token}`)) return undefined;
  return reply.code(401).send({
    error: {
      code: 'credentials-refused',
      message: 'the request carries no valid token; run the command as the user who runs holdfast up',
    },
  });
}

/** Compares in constant time, so that answering tells nothing about the token. */
function isSameText(left: string, right: string): boolean {
  const digest = (value: string): Buffer => createHash('sha256').update(value).digest();
  return timingSafeEqual(digest(left), digest(right));
}
