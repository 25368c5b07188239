/**
 * Session: one login shared by all requests of an account, whatever store they are for. The
 * token is kept until a 401, logins under way are merged, and a second 401 in a row means the
 * credentials are refused. The secret is asked for at every login, so that a renewed one is
 * used without a restart.
 */
import type { HttpClient, HttpRequest, HttpResponse } from '#libs/http/client.ts';
import { HoldfastError } from '#ports/errors.ts';
import { type CatalogChoice, loginKeystone } from './auth-keystone.ts';
import { loginV1 } from './auth-v1.ts';
import { parseCredentials } from './credentials.ts';

export interface Endpoint {
  /** URL of the account, without a trailing slash. */
  readonly storageUrl: string;
  readonly token: string;
}

export interface SwiftAuth extends Partial<CatalogChoice> {
  /** Login URL: `.../auth/v1.0` or a Keystone `.../v3`. */
  readonly url: string;
  /** Reads the secret's fields afresh. @throws HoldfastError secret-missing */
  credentials(): Promise<Readonly<Record<string, unknown>>>;
}

/** A request relative to the account; made anew when it has to be sent again after a login. */
export interface AccountRequest extends Omit<HttpRequest, 'url' | 'body'> {
  /** Below the storage URL, starting with `/`, percent-encoded, with its query. */
  readonly path: string;
  /** Called once per attempt, as a streamed body can be read once only. */
  readonly body?: () => NonNullable<HttpRequest['body']>;
}

/** Where the account is and what opens it; for any number of sessions, so that a thousand containers cost one login. */
export interface Login {
  /** @throws HoldfastError credentials-refused, secret-missing, store-protocol, and as HttpClient.request */
  endpoint(): Promise<Endpoint>;
  /** The account answered 401 to it: unless that was done before, the next `endpoint` logs in again. */
  drop(refused: Promise<Endpoint>): void;
}

export interface Session {
  /** @throws HoldfastError credentials-refused after a fresh token was refused too, and as HttpClient.request. */
  send(request: AccountRequest): Promise<HttpResponse>;
}

export function createLogin(http: HttpClient, auth: SwiftAuth): Login {
  let current: Promise<Endpoint> | null = null;
  const forget = (known: Promise<Endpoint>): void => {
    if (current === known) current = null;
  };
  return {
    endpoint: () => {
      if (current === null) {
        const attempt = logIn(http, auth);
        current = attempt;
        // A failed login is not kept: the next request tries again, perhaps with a renewed secret.
        attempt.catch(() => forget(attempt));
      }
      return current;
    },
    // Several requests may learn of the same old token: only the first drops it.
    drop: forget,
  };
}

export function openSession(http: HttpClient, login: Login): Session {
  return {
    async send(request) {
      for (let attempt = 1; ; attempt += 1) {
        const used = login.endpoint();
        const response = await http.request(absolute(await used, request));
        if (response.status !== 401) return response;
        const failure = await response.failure();
        if (attempt > 1) throw failure;
        login.drop(used);
      }
    },
  };
}

function absolute(endpoint: Endpoint, request: AccountRequest): HttpRequest {
  const { path, body, ...rest } = request;
  return {
    ...rest,
    url: `${endpoint.storageUrl}${path}`,
    headers: { ...request.headers, 'x-auth-token': endpoint.token },
    ...(body === undefined ? {} : { body: body() }),
  };
}

async function logIn(http: HttpClient, auth: SwiftAuth): Promise<Endpoint> {
  const credentials = parseCredentials(await auth.credentials());
  const found =
    credentials.kind === 'v1'
      ? await loginV1(http, auth.url, credentials)
      : await loginKeystone(http, auth.url, credentials, {
          region: auth.region ?? null,
          interface: auth.interface ?? 'public',
        });
  if (!URL.canParse(found.storageUrl)) {
    throw new HoldfastError('store-protocol', 'the login gave a storage URL that is no URL');
  }
  return { ...found, storageUrl: found.storageUrl.replace(/\/+$/, '') };
}
