/**
 * Credentials: what a secret's fields mean. `{user, key}` is auth v1; the Keystone fields
 * are named as in OpenStack's clouds.yaml, so that a file made for other tools fits.
 */
import { HoldfastError } from '#ports/errors.ts';
import type { KeystoneCredentials, KeystoneUser, Reference } from './auth-keystone.ts';
import type { V1Credentials } from './auth-v1.ts';

export type SwiftCredentials = V1Credentials | KeystoneCredentials;

/** @throws HoldfastError secret-missing naming the fields that are missing, never their values. */
export function parseCredentials(secret: Readonly<Record<string, unknown>>): SwiftCredentials {
  const text = (key: string): string | null => {
    const value = secret[key];
    return typeof value === 'string' && value !== '' ? value : null;
  };
  const named = (key: string): Reference => ({ id: text(`${key}_id`), name: text(`${key}_name`) });
  const domain = (key: string): Reference => {
    const given = named(key);
    return given.id === null && given.name === null ? { id: 'default', name: null } : given;
  };
  const user = text('user') ?? text('username');
  const keystoneUser: KeystoneUser = { id: text('user_id'), name: user, domain: domain('user_domain') };
  const hasUser = keystoneUser.id !== null || keystoneUser.name !== null;

  const key = text('key');
  if (key !== null && user !== null) return { kind: 'v1', user, key };

  const credentialSecret = text('application_credential_secret');
  const credential = named('application_credential');
  if (credentialSecret !== null && (credential.id !== null || (credential.name !== null && hasUser))) {
    return {
      kind: 'keystone-application-credential',
      credential,
      secret: credentialSecret,
      user: hasUser ? keystoneUser : null,
    };
  }

  const password = text('password');
  if (password !== null && hasUser) {
    const project = named('project');
    const scoped = project.id !== null || project.name !== null;
    return {
      kind: 'keystone-password',
      user: keystoneUser,
      password,
      project: scoped ? { ...project, domain: domain('project_domain') } : null,
    };
  }
  throw new HoldfastError(
    'secret-missing',
    'the secret needs user and key (auth v1), or username and password with project_name, or application_credential_id and application_credential_secret (Keystone v3)',
  );
}
