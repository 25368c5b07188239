/**
 * Auth: a session is an endpoint, an account and a token, got from the identity service
 * (pithos-api section 1). Tokens cannot be refreshed, only replaced by their user, so a
 * refused one leads back to where the secret is kept, once, and then to `credentials-refused`.
 */
import type { HttpClient } from '#libs/http/client.ts';
import { HoldfastError } from '#ports/errors.ts';
import { asRecord, asText } from './wire.ts';

export interface PithosCredentials {
  readonly token: string;
  /** User id to log in with beside the token; null: the token alone says who. */
  readonly user: string | null;
}

export interface Session {
  /** URL of the account, without a trailing slash. */
  readonly accountUrl: string;
  readonly token: string;
}

export interface Sessions {
  /** @throws HoldfastError credentials-refused, store-unreachable, store-protocol */
  current(): Promise<Session>;
  /** A session to use instead of one that was answered 401; logs in again from re-read credentials. */
  renewed(refused: Session): Promise<Session>;
}

/**
 * @param authUrl identity service, ends in `/identity/v2.0`.
 * @param credentials read anew for each login, so that a replaced secret is found.
 */
export function createSessions(
  http: HttpClient,
  authUrl: string,
  credentials: () => Promise<PithosCredentials>,
): Sessions {
  let session: Promise<Session> | null = null;

  const login = (): Promise<Session> => {
    const attempt = credentials().then((given) => logIn(http, authUrl, given));
    session = attempt;
    // A failed login is not remembered; whoever waits for it gets its error.
    attempt.catch(() => {
      if (session === attempt) session = null;
    });
    return attempt;
  };

  return {
    current: () => session ?? login(),
    async renewed(refused) {
      const known = session;
      // Another request may have renewed it meanwhile.
      if (known !== null && (await known) !== refused) return known;
      return session === known || session === null ? login() : session;
    },
  };
}

async function logIn(http: HttpClient, authUrl: string, given: PithosCredentials): Promise<Session> {
  const auth =
    given.user === null
      ? { token: { id: given.token } }
      : { passwordCredentials: { username: given.user, password: given.token } };
  const response = await http.request({
    method: 'POST',
    url: `${authUrl.replace(/\/+$/, '')}/tokens`,
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ auth }),
    idempotent: true,
    what: 'log in',
  });
  if (response.status !== 200) throw await response.failure();
  const access = asRecord(asRecord(await response.json())['access']);
  // Without a user the answer is the public catalog: the credentials were not even looked at.
  const account = asText(asRecord(access['user'])['id']);
  const catalog = access['serviceCatalog'];
  const storage = (Array.isArray(catalog) ? catalog : [])
    .map(asRecord)
    .find((service) => service['type'] === 'object-store');
  const endpoints = storage?.['endpoints'];
  const url = asText(asRecord(Array.isArray(endpoints) ? endpoints[0] : null)['publicURL']);
  if (account === null) {
    throw new HoldfastError(
      'credentials-refused',
      `login at ${hostOf(authUrl)} named no user; check the token`,
    );
  }
  if (url === null) {
    throw new HoldfastError('store-protocol', `login at ${hostOf(authUrl)} named no object store`);
  }
  // The answer's own token counts: a password login may hand out another one.
  const token = asText(asRecord(access['token'])['id']) ?? given.token;
  return { accountUrl: `${url.replace(/\/+$/, '')}/${encodeURIComponent(account)}`, token };
}

function hostOf(url: string): string {
  return new URL(url).host;
}
