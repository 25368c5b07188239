/** Logins at an OpenID Connect provider: a small one of our own, over real HTTP, honest and not. */
import assert from 'node:assert/strict';
import { createHash, createSign, generateKeyPairSync, randomUUID } from 'node:crypto';
import { after, before, beforeEach, describe, it } from 'node:test';
import fastify, { type FastifyInstance } from 'fastify';
import { guardConsole } from '#libs/console/access.ts';
import { providerOf, serveProvider } from '#libs/console/provider.ts';
import { SILENT } from '#test/archive-prisma/fixtures.ts';
import { freePort } from '#test/support/console.ts';
import { LastFirst } from '#test/support/last-first.ts';

const CONSOLE = 'http://127.0.0.1:7420';
const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
const undoing = new LastFirst();
let issuer = '';
let app: FastifyInstance;

/** What the provider does; honest unless a test says otherwise. */
interface Manners {
  email: string;
  isVerified: boolean;
  /** Replaces what the ID token says. */
  lies: Record<string, unknown>;
  key: typeof privateKey;
}
let manners: Manners;
const codes = new Map<string, { readonly nonce: string; readonly challenge: string }>();

const encoded = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');

function idToken(nonce: string): string {
  const now = Math.floor(Date.now() / 1_000);
  const { email, isVerified, lies, key } = manners;
  const claims = {
    iss: issuer,
    sub: '1',
    aud: 'holdfast',
    iat: now,
    exp: now + 60,
    nonce,
    email,
    email_verified: isVerified,
  };
  const signed = `${encoded({ alg: 'RS256', kid: 'one' })}.${encoded({ ...claims, ...lies })}`;
  return `${signed}.${createSign('RSA-SHA256').update(signed).sign(key, 'base64url')}`;
}

async function startProvider(): Promise<void> {
  const port = await freePort();
  issuer = `http://127.0.0.1:${port}`;
  const server = fastify();
  server.addContentTypeParser(
    'application/x-www-form-urlencoded',
    { parseAs: 'string' },
    (_request, body, done) => done(null, Object.fromEntries(new URLSearchParams(String(body)))),
  );
  server.get('/.well-known/openid-configuration', async () => ({
    issuer,
    authorization_endpoint: `${issuer}/authorize`,
    token_endpoint: `${issuer}/token`,
    jwks_uri: `${issuer}/keys`,
    response_types_supported: ['code'],
    subject_types_supported: ['public'],
    id_token_signing_alg_values_supported: ['RS256'],
    token_endpoint_auth_methods_supported: ['client_secret_post', 'client_secret_basic'],
    code_challenge_methods_supported: ['S256'],
  }));
  server.get('/keys', async () => ({
    keys: [{ ...publicKey.export({ format: 'jwk' }), kid: 'one', alg: 'RS256', use: 'sig' }],
  }));
  server.get<{ Querystring: Record<string, string> }>('/authorize', async (request, reply) => {
    const { redirect_uri: back = '', state = '', nonce = '', code_challenge: challenge = '' } = request.query;
    const code = randomUUID();
    codes.set(code, { nonce, challenge });
    return reply.redirect(`${back}?${new URLSearchParams({ code, state })}`, 303);
  });
  server.post<{ Body: Record<string, string> }>('/token', async (request, reply) => {
    const { code = '', code_verifier: verifier = '' } = request.body;
    const known = codes.get(code);
    codes.delete(code);
    const challenge = createHash('sha256').update(verifier).digest('base64url');
    if (known === undefined || known.challenge !== challenge)
      return reply.code(400).send({ error: 'invalid_grant' });
    return { access_token: 'not used', token_type: 'bearer', id_token: idToken(known.nonce) };
  });
  await server.listen({ host: '127.0.0.1', port });
  undoing.after(() => server.close());
}

before(async () => {
  await startProvider();
  const provider = providerOf({
    oidcIssuer: issuer,
    oidcClientId: 'holdfast',
    oidcClientSecret: 'what the console shows the provider',
    oidcClaim: 'email',
    oidcOperators: ['ada@example.org'],
    oidcViewers: ['bob@example.org'],
    consoleUrl: CONSOLE,
  });
  assert.ok(provider !== null);
  const nobody = { logIn: async () => null, roleOf: async () => null, ownerOf: async () => null };
  const sessionKey = 'a session key of more than thirty-two signs';
  const access = { accounts: nobody, sessionKey, provider, assets: '', now: Date.now };
  app = fastify();
  await guardConsole(app, access);
  serveProvider(app, provider, access, SILENT);
  app.get('/who', async ({ visitor }) => visitor);
  app.post('/change', async () => ({ done: true }));
  undoing.after(() => app.close());
});

after(() => undoing.undo());

beforeEach(() => {
  manners = { email: 'ada@example.org', isVerified: true, lies: {}, key: privateKey };
});

type Jar = Record<string, string>;

/** To the provider and back, as a browser goes. @param meddle changes the address that it comes back to. */
async function logIn(
  meddle = (url: URL) => url,
): Promise<{ readonly status: number; readonly jar: Jar; readonly body: string }> {
  const left = await app.inject({ url: '/login/provider' });
  const jar: Jar = Object.fromEntries(left.cookies.map(({ name, value }) => [name, value]));
  const there = await fetch(String(left.headers.location), { redirect: 'manual' });
  const back = meddle(new URL(there.headers.get('location') ?? ''));
  const answer = await app.inject({ url: `${back.pathname}${back.search}`, cookies: jar });
  for (const { name, value } of answer.cookies) jar[name] = value;
  return { status: answer.statusCode, jar, body: answer.body };
}

async function visitor(cookies: Jar): Promise<unknown> {
  const answer = await app.inject({ url: '/who', cookies });
  return answer.statusCode === 200 ? answer.json() : null;
}

describe('a login at a provider', () => {
  it('begins a session with the role that the configuration gives', async () => {
    const { status, jar } = await logIn();
    assert.equal(status, 200);
    assert.deepEqual(await visitor(jar), { name: 'ada@example.org', role: 'operator', by: 'session' });
    manners.email = 'bob@example.org';
    assert.deepEqual(await visitor((await logIn()).jar), {
      name: 'bob@example.org',
      role: 'viewer',
      by: 'session',
    });
  });

  const refused: readonly (readonly [string, () => void])[] = [
    [
      'of somebody whom the configuration does not name',
      () => {
        manners.email = 'eve@example.org';
      },
    ],
    [
      'with an address that nobody has proved',
      () => {
        manners.isVerified = false;
      },
    ],
    [
      'with a token for somebody else',
      () => {
        manners.lies = { aud: 'another client' };
      },
    ],
    [
      'with a token of another login',
      () => {
        manners.lies = { nonce: 'another' };
      },
    ],
    [
      'with a token that has ended',
      () => {
        manners.lies = { exp: 1 };
      },
    ],
    [
      'with a token of another key',
      () => {
        manners.key = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;
      },
    ],
  ];
  for (const [what, spoil] of refused) {
    it(`${what} is refused`, async () => {
      spoil();
      const { status, jar, body } = await logIn();
      assert.equal(status, 401);
      assert.equal(await visitor(jar), null);
      assert.match(body, /did not log you in/);
    });
  }

  it('that was begun by another browser is refused', async () => {
    const changed = (key: string) => (url: URL) => {
      url.searchParams.set(key, 'made-up');
      return url;
    };
    assert.equal((await logIn(changed('state'))).status, 401);
    assert.equal((await logIn(changed('code'))).status, 401);
    const stranger = await app.inject({ url: '/login/provider/back?code=a&state=b' });
    assert.equal(stranger.statusCode, 401);
  });
});
