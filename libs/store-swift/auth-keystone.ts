/**
 * Auth Keystone v3: a password scoped to a project, or an application credential, gives a token,
 * and the service catalog gives the object-store endpoint (Identity API v3, "Authentication and token management").
 */
import type { HttpClient } from '#libs/http/client.ts';
import { HoldfastError } from '#ports/errors.ts';
import type { Endpoint } from './session.ts';

/** A domain, project or user by id, else by name. */
export interface Reference {
  readonly id: string | null;
  readonly name: string | null;
}

export interface KeystoneUser extends Reference {
  readonly domain: Reference;
}

export type KeystoneCredentials =
  | {
      readonly kind: 'keystone-password';
      readonly user: KeystoneUser;
      readonly password: string;
      /** Null: the user's default project. */
      readonly project: (Reference & { readonly domain: Reference }) | null;
    }
  | {
      readonly kind: 'keystone-application-credential';
      readonly credential: Reference;
      readonly secret: string;
      /** Needed when the credential is known by name only. */
      readonly user: KeystoneUser | null;
    };

export interface CatalogChoice {
  /** Null: the first region of the catalog. */
  readonly region: string | null;
  readonly interface: 'public' | 'internal' | 'admin';
}

/** @throws HoldfastError credentials-refused, store-unreachable, store-unavailable, store-protocol (no endpoint in the catalog) */
export async function loginKeystone(
  http: HttpClient,
  url: string,
  credentials: KeystoneCredentials,
  choice: CatalogChoice,
): Promise<Endpoint> {
  const response = await http.request({
    method: 'POST',
    url: `${url.replace(/\/+$/, '')}/auth/tokens`,
    headers: { 'content-type': 'application/json', accept: 'application/json' },
    body: JSON.stringify({ auth: authBody(credentials) }),
    idempotent: true,
    what: 'log in (Keystone v3)',
  });
  if (response.status !== 201 && response.status !== 200) throw await response.failure();
  const token = response.headers['x-subject-token'];
  const answer = await response.json();
  if (token === undefined) throw new HoldfastError('store-protocol', 'Keystone answered without a token');
  return { storageUrl: objectStoreUrl(answer, choice), token };
}

function authBody(credentials: KeystoneCredentials): Record<string, unknown> {
  if (credentials.kind === 'keystone-password') {
    const { user, password, project } = credentials;
    const identity = { methods: ['password'], password: { user: { ...userBody(user), password } } };
    if (project === null) return { identity };
    const named =
      project.id === null ? { name: project.name, domain: reference(project.domain) } : { id: project.id };
    return { identity, scope: { project: named } };
  }
  const { credential, secret, user } = credentials;
  const named =
    credential.id === null ? { name: credential.name, user: user && userBody(user) } : { id: credential.id };
  return { identity: { methods: ['application_credential'], application_credential: { ...named, secret } } };
}

function userBody(user: KeystoneUser): Record<string, unknown> {
  return user.id === null ? { name: user.name, domain: reference(user.domain) } : { id: user.id };
}

function reference(to: Reference): Record<string, string | null> {
  return to.id === null ? { name: to.name } : { id: to.id };
}

function objectStoreUrl(answer: unknown, choice: CatalogChoice): string {
  const services = list(field(field(answer, 'token'), 'catalog'));
  for (const service of services) {
    if (field(service, 'type') !== 'object-store') continue;
    for (const endpoint of list(field(service, 'endpoints'))) {
      const url = field(endpoint, 'url');
      const region = field(endpoint, 'region_id') ?? field(endpoint, 'region');
      const fits = field(endpoint, 'interface') === choice.interface;
      if (fits && typeof url === 'string' && (choice.region === null || region === choice.region)) return url;
    }
  }
  const where = choice.region === null ? '' : ` in region ${choice.region}`;
  throw new HoldfastError(
    'store-protocol',
    `the Keystone catalog has no ${choice.interface} object-store endpoint${where}; check the project and the region`,
  );
}

function field(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, key) : undefined;
}

function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
