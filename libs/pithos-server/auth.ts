// The identity service (Astakos, Identity v2.0): turns a token into a user and
// a service catalog. Tokens can be expired, revoked and renewed at run time,
// because a 401 can come from any later call and must never look like absence.

import { Fault } from './fault.ts';
import type { Reply, User } from './request.ts';
import { type Clock, isoDate, MICROS_PER_SECOND } from './timestamps.ts';

export interface TokenGrant {
  readonly token: string;
  readonly userId: string;
  readonly name: string;
}

const DEFAULT_LIFETIME_SECONDS = 30 * 24 * 3600;

interface Token {
  readonly user: User;
  /** Epoch microseconds. */
  expires: number;
}

export class Identity {
  readonly #tokens = new Map<string, Token>();
  readonly #names = new Map<string, string>();
  readonly #clock: Clock;

  constructor(grants: readonly TokenGrant[], clock: Clock) {
    this.#clock = clock;
    for (const grant of grants) {
      this.#names.set(grant.userId, grant.name);
      this.renew(grant.userId, grant.token);
    }
  }

  /** Throws 401 for an unknown or expired token. */
  authenticate(token: string | undefined): User {
    return this.#find(token).user;
  }

  #find(token: string | undefined): Token {
    const found = token === undefined ? undefined : this.#tokens.get(token);
    if (found === undefined) throw new Fault(401, 'Invalid token');
    if (found.expires <= this.#clock()) throw new Fault(401, 'Expired token');
    return found;
  }

  /** From now on the token is known but expired. */
  expire(token: string): void {
    const found = this.#tokens.get(token);
    if (found !== undefined) found.expires = this.#clock();
  }

  revoke(token: string): void {
    this.#tokens.delete(token);
  }

  /** Issues a token; every earlier token of the user becomes unknown. */
  renew(userId: string, token: string, lifetimeSeconds: number = DEFAULT_LIFETIME_SECONDS): void {
    for (const [old, { user }] of this.#tokens) if (user.userId === userId) this.#tokens.delete(old);
    const user = { userId, name: this.#names.get(userId) ?? userId };
    this.#tokens.set(token, { user, expires: this.#clock() + lifetimeSeconds * MICROS_PER_SECOND });
  }

  /** POST tokens. An empty body is public mode: the catalog without a user. */
  login(contentType: string | undefined, body: string, publicUrl: string): Reply {
    if (!contentType?.startsWith('application/json')) throw new Fault(400, 'Content-Type must be JSON');
    const access: Record<string, unknown> = { serviceCatalog: catalog(publicUrl) };
    if (body.trim() !== '') {
      const credentials = parseCredentials(body);
      const { user, expires } = this.#find(credentials.token);
      if (credentials.username !== undefined && credentials.username !== user.userId) {
        throw new Fault(401, 'Token does not belong to the user');
      }
      if (credentials.tenant !== undefined && credentials.tenant !== user.userId) {
        throw new Fault(400, 'Not conforming tenantName');
      }
      // The tenant is the default project, which is not the user: clients must not take it for the account.
      const tenant = { id: `project-of-${user.userId}`, name: user.name };
      access['token'] = { id: credentials.token, expires: isoDate(expires), tenant };
      const roles = [{ id: '1', name: 'default' }];
      access['user'] = { id: user.userId, name: user.name, roles, roles_links: [], projects: [] };
    }
    return {
      status: 200,
      headers: { 'Content-Type': 'application/json; charset=UTF-8' },
      body: JSON.stringify({ access }),
    };
  }
}

interface Credentials {
  readonly token: string;
  readonly username?: string;
  readonly tenant?: string;
}

function parseCredentials(body: string): Credentials {
  let parsed: unknown;
  try {
    parsed = JSON.parse(body);
  } catch {
    throw new Fault(400, 'Body is not JSON');
  }
  const auth = field(parsed, 'auth');
  const tenant = field(auth, 'tenantName');
  const password = field(auth, 'passwordCredentials');
  const token = password === undefined ? field(field(auth, 'token'), 'id') : field(password, 'password');
  const username = field(password, 'username');
  if (typeof token !== 'string') throw new Fault(400, 'Malformed request');
  if (password !== undefined && typeof username !== 'string') throw new Fault(400, 'Malformed request');
  return {
    token,
    ...(typeof username === 'string' ? { username } : {}),
    ...(tenant === undefined ? {} : { tenant: String(tenant) }),
  };
}

function field(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
}

function catalog(publicUrl: string): unknown[] {
  const endpoint = { versionId: 'v1', region: 'default', publicURL: publicUrl, 'SNF:uiURL': publicUrl };
  const other = { versionId: 'v1.0', region: 'default', publicURL: `${publicUrl}/account` };
  return [
    { name: 'astakos_account', type: 'account', endpoints_links: [], endpoints: [other] },
    { name: 'pithos_object-store', type: 'object-store', endpoints_links: [], endpoints: [endpoint] },
  ];
}
