/**
 * Provider: logins at an OpenID Connect provider, by the authorization code with PKCE. The
 * provider says who somebody is; what they may do here is said by the configuration alone.
 *
 *   /login/provider  ->  the provider  ->  /login/provider/back  ->  a session, as after a password
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import * as oidc from 'openid-client';
import { asHoldfastError, HoldfastError } from '#ports/errors.ts';
import type { Log } from '#ports/log.ts';
import { type AccessOptions, beginSession, COOKIE } from './access.ts';
import type { Role } from './accounts.ts';
import { loginPage } from './pages.ts';

const BACK = '/login/provider/back';
const UNDER_WAY = 'holdfast-login';
const LOGIN_S = 600;
const LOGINS_A_MINUTE = 30;
const LOOPBACK = new Set(['127.0.0.1', 'localhost', '[::1]']);

export interface Provider {
  /** How the login page calls it. */
  readonly label: string;
  /** Where the console is for browsers. */
  readonly consoleUrl: string;
  /** Asks the provider about itself, once. @throws HoldfastError fleet-unreachable when it does not answer */
  client(): Promise<oidc.Configuration>;
  /** What somebody may do; null when nothing. */
  whoIs(claims: Readonly<Record<string, unknown>>): { readonly name: string; readonly role: Role } | null;
}

export interface ProviderSettings {
  readonly oidcIssuer: string | null;
  readonly oidcClientId: string | null;
  readonly oidcClientSecret: string | null;
  readonly oidcClaim: string;
  readonly oidcOperators: readonly string[];
  readonly oidcViewers: readonly string[];
  readonly consoleUrl: string | null;
}

/** @returns null where no provider is configured. @throws HoldfastError configuration-invalid when only a part of one is */
export function providerOf(settings: ProviderSettings): Provider | null {
  const { oidcIssuer, oidcClientId, oidcClientSecret, consoleUrl } = settings;
  if (oidcIssuer === null) return null;
  if (oidcClientId === null || oidcClientSecret === null || consoleUrl === null)
    throw new HoldfastError(
      'configuration-invalid',
      'HOLDFAST_OIDC_ISSUER needs HOLDFAST_OIDC_CLIENT_ID, HOLDFAST_OIDC_CLIENT_SECRET and HOLDFAST_CONSOLE_URL beside it',
    );
  const issuer = new URL(oidcIssuer);
  const isLoopback = LOOPBACK.has(issuer.hostname);
  if (issuer.protocol !== 'https:' && !isLoopback)
    throw new HoldfastError(
      'configuration-invalid',
      'HOLDFAST_OIDC_ISSUER must be https: who reads the way would be anybody',
    );
  let known: Promise<oidc.Configuration> | null = null;
  return {
    label: issuer.host,
    consoleUrl,
    client: () => {
      // Without the second, a token is believed for having come over the wire.
      const execute = [...(isLoopback ? [oidc.allowInsecureRequests] : []), oidc.enableNonRepudiationChecks];
      known ??= oidc
        .discovery(issuer, oidcClientId, oidcClientSecret, undefined, { execute })
        .catch((thrown: unknown) => {
          known = null;
          throw new HoldfastError(
            'fleet-unreachable',
            `${issuer.host} does not answer; log in later, or with a password`,
            {
              cause: thrown,
            },
          );
        });
      return known;
    },
    whoIs: (claims) => whoIs(claims, settings),
  };
}

function whoIs(
  claims: Readonly<Record<string, unknown>>,
  { oidcClaim, oidcOperators, oidcViewers }: ProviderSettings,
): { readonly name: string; readonly role: Role } | null {
  const name = claims[oidcClaim];
  if (typeof name !== 'string' || name === '') return null;
  // An address that nobody has proved is anybody's.
  if (oidcClaim === 'email' && claims['email_verified'] === false) return null;
  const isOneOf = (people: readonly string[]): boolean => people.includes('*') || people.includes(name);
  if (isOneOf(oidcOperators)) return { name, role: 'operator' };
  return isOneOf(oidcViewers) ? { name, role: 'viewer' } : null;
}

/** What a browser keeps while its user is at the provider. */
interface UnderWay {
  readonly verifier: string;
  readonly state: string;
  readonly nonce: string;
}

export function serveProvider(
  app: FastifyInstance,
  provider: Provider,
  access: AccessOptions,
  log: Log,
): void {
  const config = { open: true, rateLimit: { max: LOGINS_A_MINUTE, timeWindow: 60_000 } };
  const redirectUri = new URL(BACK, provider.consoleUrl).href;

  app.get('/login/provider', { config, schema: { hide: true } }, async (request, reply) => {
    const client = await provider.client();
    const verifier = oidc.randomPKCECodeVerifier();
    const underWay: UnderWay = { verifier, state: oidc.randomState(), nonce: oidc.randomNonce() };
    const url = oidc.buildAuthorizationUrl(client, {
      redirect_uri: redirectUri,
      scope: 'openid email profile',
      code_challenge: await oidc.calculatePKCECodeChallenge(verifier),
      code_challenge_method: 'S256',
      state: underWay.state,
      nonce: underWay.nonce,
    });
    return reply
      .setCookie(UNDER_WAY, JSON.stringify(underWay), {
        ...COOKIE,
        // The provider sends the browser back, which is another site's doing.
        sameSite: 'lax',
        path: '/login',
        secure: request.protocol === 'https',
        maxAge: LOGIN_S,
      })
      .redirect(url.href, 303);
  });

  app.get(BACK, { config, schema: { hide: true } }, async (request, reply) => {
    const who = await comeBack(request, provider, redirectUri).catch((thrown: unknown) => {
      log.warn({ err: asHoldfastError(thrown).message }, 'a login at the provider failed');
      return null;
    });
    reply.clearCookie(UNDER_WAY, { path: '/login' });
    if (who === null) return refuse(reply, provider, access);
    beginSession(request, reply, access, who);
    // A redirect would still be the provider's doing, and go without the session's cookie.
    return reply
      .type('text/html')
      .send('<!doctype html><title>Holdfast</title><meta http-equiv="refresh" content="0; url=/">');
  });
}

async function comeBack(request: FastifyRequest, provider: Provider, redirectUri: string) {
  const signed = request.cookies[UNDER_WAY];
  const { valid, value } =
    signed === undefined ? { valid: false, value: null } : request.unsignCookie(signed);
  if (!valid || value === null) return null;
  const { verifier, state, nonce } = JSON.parse(value) as UnderWay;
  const url = new URL(redirectUri);
  url.search = new URL(request.url, redirectUri).search;
  const tokens = await oidc.authorizationCodeGrant(await provider.client(), url, {
    pkceCodeVerifier: verifier,
    expectedState: state,
    expectedNonce: nonce,
    idTokenExpected: true,
  });
  const claims = tokens.claims();
  return claims === undefined ? null : provider.whoIs(claims);
}

async function refuse(
  reply: FastifyReply,
  { label }: Provider,
  { assets }: AccessOptions,
): Promise<FastifyReply> {
  const failure = `${label} did not log you in, or you are nobody here; ask an operator.`;
  const page = await loginPage({ csrf: reply.generateCsrf(), failure, provider: label, assets });
  return reply.code(401).type('text/html').send(page);
}
