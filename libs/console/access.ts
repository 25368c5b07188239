/**
 * Access: nothing of the console without a login. A session is one signed cookie that
 * other sites cannot send; its role is looked up for each request. Whatever changes something
 * must also come from a page of this console, and from an operator.
 */
import cookie from '@fastify/cookie';
import csrf from '@fastify/csrf-protection';
import formbody from '@fastify/formbody';
import helmet from '@fastify/helmet';
import rateLimit from '@fastify/rate-limit';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Accounts, Role } from './accounts.ts';
import { loginPage } from './pages.ts';

const SESSION = 'holdfast-session';
const SESSION_MS = 12 * 3_600_000;
const LOGINS_A_MINUTE = 10;

export interface Visitor {
  readonly name: string;
  readonly role: Role;
}

declare module 'fastify' {
  interface FastifyRequest {
    visitor: Visitor | null;
  }
}

export interface AccessOptions {
  readonly accounts: Accounts;
  /** Signs sessions; equal in all consoles of one fleet. */
  readonly sessionKey: string;
  /** Milliseconds since the epoch. */
  now(): number;
}

const COOKIE = { path: '/', httpOnly: true, sameSite: 'strict', signed: true } as const;

/** Adds login and logout, and keeps everybody else from all routes but those marked `open`. */
export async function guardConsole(app: FastifyInstance, options: AccessOptions): Promise<void> {
  await app.register(helmet, {
    contentSecurityPolicy: {
      directives: {
        'script-src': ["'self'"],
        'style-src': ["'self'", "'unsafe-inline'"],
        'form-action': ["'self'"],
      },
    },
  });
  await app.register(cookie, { secret: options.sessionKey });
  await app.register(csrf, { sessionPlugin: '@fastify/cookie', cookieOpts: COOKIE });
  await app.register(formbody);
  await app.register(rateLimit, { global: false });
  app.decorateRequest('visitor', null);
  app.addHook('onRequest', async (request, reply) => admit(request, reply, options));

  app.get('/login', { config: { open: true } }, async (_request, reply) => {
    return reply.type('text/html').send(await loginPage({ csrf: reply.generateCsrf(), failed: false }));
  });
  app.post<{ Body: { name?: string; password?: string } }>('/login', {
    config: { open: true, rateLimit: { max: LOGINS_A_MINUTE, timeWindow: 60_000 } },
    preHandler: app.csrfProtection,
    schema: { body: LOGIN_BODY },
    handler: async (request, reply) => {
      const { name = '', password = '' } = request.body;
      const role = await options.accounts.logIn(name, password);
      if (role === null)
        return reply
          .code(401)
          .type('text/html')
          .send(await loginPage({ csrf: reply.generateCsrf(), failed: true }));
      const session = JSON.stringify({ name, until: options.now() + SESSION_MS });
      const secure = request.protocol === 'https';
      return reply
        .setCookie(SESSION, session, { ...COOKIE, secure, maxAge: SESSION_MS / 1_000 })
        .redirect('/', 303);
    },
  });
  app.post('/logout', { preHandler: app.csrfProtection }, async (_request, reply) =>
    reply.clearCookie(SESSION, COOKIE).redirect('/login', 303),
  );
}

const LOGIN_BODY = {
  type: 'object',
  required: ['name', 'password'],
  properties: { name: { type: 'string', maxLength: 200 }, password: { type: 'string', maxLength: 1000 } },
} as const;

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Reachable without a login. */
    open?: boolean;
  }
}

async function admit(request: FastifyRequest, reply: FastifyReply, options: AccessOptions): Promise<unknown> {
  if (request.routeOptions.config.open === true) return undefined;
  request.visitor = await visitorOf(request, options);
  if (request.visitor === null) {
    if (request.method === 'GET' && request.headers.accept?.includes('text/html') === true)
      return reply.redirect('/login', 303);
    return reply.code(401).send(refusal('log in first'));
  }
  const changes = request.method !== 'GET' && request.method !== 'HEAD';
  if (changes && !isSameOrigin(request))
    return reply.code(403).send(refusal('the request comes from another site'));
  if (changes && request.visitor.role !== 'operator' && request.url !== '/logout')
    return reply.code(403).send(refusal('a viewer changes nothing; log in as an operator'));
  return undefined;
}

function refusal(message: string) {
  return { error: { code: 'credentials-refused', message } };
}

async function visitorOf(request: FastifyRequest, { accounts, now }: AccessOptions): Promise<Visitor | null> {
  const signed = request.cookies[SESSION];
  if (signed === undefined) return null;
  const { valid, value } = request.unsignCookie(signed);
  if (!valid || value === null) return null;
  const { name, until } = JSON.parse(value) as { name: string; until: number };
  if (until <= now()) return null;
  const role = await accounts.roleOf(name);
  return role === null ? null : { name, role };
}

/** A browser names the page that a change comes from; what is no browser carries no session. */
function isSameOrigin(request: FastifyRequest): boolean {
  const { origin, host } = request.headers;
  if (request.headers['sec-fetch-site'] !== undefined)
    return request.headers['sec-fetch-site'] === 'same-origin';
  return origin !== undefined && URL.parse(origin)?.host === host;
}
