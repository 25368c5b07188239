/**
 * Access: nothing of the console without a login or a token. A session is one signed cookie
 * that other sites cannot send; its role is looked up for each request. What a browser changes
 * must come from a page of this console with that page's token, and from an operator.
 */
import cookie from '@fastify/cookie';
import csrf from '@fastify/csrf-protection';
import formbody from '@fastify/formbody';
import helmet from '@fastify/helmet';
import rateLimit from '@fastify/rate-limit';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { type Accounts, isRole, type Role } from './accounts.ts';
import { BOARD_PATH } from './boards.ts';
import { loginPage } from './pages.ts';
import type { Provider } from './provider.ts';

const SESSION = 'holdfast-session';
const SESSION_MS = 12 * 3_600_000;
const LOGINS_A_MINUTE = 10;
const MINUTE_MS = 60_000;

export interface Visitor {
  readonly name: string;
  readonly role: Role;
  /** A token is no cookie: no other site can have a browser send it. */
  readonly by: 'session' | 'token';
}

declare module 'fastify' {
  interface FastifyRequest {
    visitor: Visitor | null;
  }
  interface FastifyContextConfig {
    /** Reachable without a login. */
    open?: boolean;
    /** Changes nothing, whatever its method says. */
    looksOnly?: boolean;
  }
}

export interface AccessOptions {
  readonly accounts: Accounts;
  /** Signs sessions; equal in all consoles of one fleet. */
  readonly sessionKey: string;
  /** Where else people log in; null where they cannot. */
  readonly provider: Pick<Provider, 'label'> | null;
  /** URL of the folder of scripts and styles. */
  readonly assets: string;
  /** Milliseconds since the epoch. */
  now(): number;
}

export const COOKIE = { path: '/', httpOnly: true, sameSite: 'strict', signed: true } as const;

/** Adds login and logout, and keeps everybody else from all routes but those marked `open`. */
export async function guardConsole(app: FastifyInstance, options: AccessOptions): Promise<void> {
  await app.register(helmet, {
    contentSecurityPolicy: {
      directives: {
        'script-src': ["'self'"],
        'style-src': ["'self'", "'unsafe-inline'"],
        'img-src': ["'self'", 'data:'],
        'form-action': ["'self'"],
        'frame-ancestors': ["'none'"],
        // Where TLS is, is for whoever put it before the console.
        'upgrade-insecure-requests': null,
      },
    },
  });
  await app.register(cookie, { secret: options.sessionKey });
  await app.register(csrf, { sessionPlugin: '@fastify/cookie', cookieOpts: COOKIE });
  await app.register(formbody);
  await app.register(rateLimit, { global: false });
  app.decorateRequest('visitor', null);
  app.addHook('onRequest', async (request, reply) => admit(request, reply, options));
  app.addHook('preHandler', (request, reply, next) => {
    if (needsPageToken(request)) app.csrfProtection(request, reply, next);
    else next();
  });

  const shown = (reply: FastifyReply, failure: string | null): Promise<string> =>
    loginPage({
      csrf: reply.generateCsrf(),
      failure,
      provider: options.provider?.label ?? null,
      assets: options.assets,
    });
  app.get('/login', { config: { open: true }, schema: { hide: true } }, async (_request, reply) =>
    reply.type('text/html').send(await shown(reply, null)),
  );
  app.post<{ Body: { name: string; password: string } }>('/login', {
    config: { open: true, rateLimit: { max: LOGINS_A_MINUTE, timeWindow: MINUTE_MS } },
    schema: { hide: true, body: LOGIN_BODY },
    preHandler: app.csrfProtection,
    handler: async (request, reply) => {
      const { name, password } = request.body;
      const role = await options.accounts.logIn(name, password);
      if (role !== null)
        return beginSession(request, reply, options, { name, role: null }).redirect('/', 303);
      const page = await shown(reply, 'Name and password do not belong together.');
      return reply.code(401).type('text/html').send(page);
    },
  });
  app.post('/logout', { schema: { hide: true } }, async (_request, reply) =>
    reply.clearCookie(SESSION, COOKIE).redirect('/login', 303),
  );
}

const LOGIN_BODY = {
  type: 'object',
  required: ['name', 'password'],
  properties: { name: { type: 'string', maxLength: 200 }, password: { type: 'string', maxLength: 1000 } },
} as const;

/** What a session says of its visitor. */
interface Session {
  readonly name: string;
  /** Given by a provider when it began; null: that of the local account now. */
  readonly role: Role | null;
}

export function beginSession(
  request: FastifyRequest,
  reply: FastifyReply,
  { now }: AccessOptions,
  session: Session,
): FastifyReply {
  const value = JSON.stringify({ ...session, until: now() + SESSION_MS });
  const secure = request.protocol === 'https';
  return reply.setCookie(SESSION, value, { ...COOKIE, secure, maxAge: SESSION_MS / 1_000 });
}

/** Whether who was let in still would be: a session ends, an account is removed. */
export async function welcome(request: FastifyRequest, options: AccessOptions): Promise<boolean> {
  return (await visitorOf(request, options)) !== null;
}

async function admit(request: FastifyRequest, reply: FastifyReply, options: AccessOptions): Promise<unknown> {
  if (request.routeOptions.config.open === true) return undefined;
  request.visitor = await visitorOf(request, options);
  if (request.visitor === null) {
    const wantsPage = request.method === 'GET' && request.headers.accept?.includes('text/html') === true;
    return wantsPage
      ? reply.redirect('/login', 303)
      : reply.code(401).send(refusal('log in first, or send a token'));
  }
  if (!isChange(request) || request.url === '/logout') return undefined;
  if (request.visitor.by === 'session' && !isSameOrigin(request))
    return reply.code(403).send(refusal('the request comes from another site'));
  if (request.visitor.role !== 'operator' && request.routeOptions.config.looksOnly !== true)
    return reply.code(403).send(refusal('a viewer changes nothing; log in as an operator'));
  return undefined;
}

function isChange({ method }: FastifyRequest): boolean {
  return method !== 'GET' && method !== 'HEAD' && method !== 'OPTIONS';
}

/** Bull Board's own page cannot send one: there the request's origin must do. */
function needsPageToken(request: FastifyRequest): boolean {
  return isChange(request) && request.visitor?.by === 'session' && !request.url.startsWith(`${BOARD_PATH}/`);
}

export function refusal(message: string) {
  return { error: { code: 'credentials-refused', message } };
}

async function visitorOf(request: FastifyRequest, options: AccessOptions): Promise<Visitor | null> {
  const { authorization } = request.headers;
  if (authorization === undefined) return visitorOfSession(request, options);
  const token = /^Bearer (\S{1,200})$/.exec(authorization)?.[1];
  const owner = token === undefined ? null : await options.accounts.ownerOf(token);
  return owner === null ? null : { ...owner, by: 'token' };
}

async function visitorOfSession(
  request: FastifyRequest,
  { accounts, now }: AccessOptions,
): Promise<Visitor | null> {
  const signed = request.cookies[SESSION];
  if (signed === undefined) return null;
  const { valid, value } = request.unsignCookie(signed);
  if (!valid || value === null) return null;
  const { name, role, until } = JSON.parse(value) as Session & { readonly until: number };
  if (until <= now()) return null;
  const current = isRole(role) ? role : await accounts.roleOf(name);
  return current === null ? null : { name, role: current, by: 'session' };
}

/** A browser names the page that a change comes from; what is no browser carries no session. */
function isSameOrigin(request: FastifyRequest): boolean {
  const { origin, host } = request.headers;
  if (request.headers['sec-fetch-site'] !== undefined)
    return request.headers['sec-fetch-site'] === 'same-origin';
  return origin !== undefined && URL.parse(origin)?.host === host;
}
