/** Auth v1: user and key at the login URL give the storage URL and a token (TempAuth, swauth, rclone's `auth_version 1`). */
import type { HttpClient } from '#libs/http/client.ts';
import { HoldfastError } from '#ports/errors.ts';
import type { Endpoint } from './session.ts';

export interface V1Credentials {
  readonly kind: 'v1';
  readonly user: string;
  readonly key: string;
}

/** @throws HoldfastError credentials-refused, store-unreachable, store-unavailable, store-protocol */
export async function loginV1(http: HttpClient, url: string, credentials: V1Credentials): Promise<Endpoint> {
  const response = await http.request({
    method: 'GET',
    url,
    headers: { 'x-auth-user': credentials.user, 'x-auth-key': credentials.key },
    what: 'log in (auth v1)',
  });
  if (response.status >= 300) throw await response.failure();
  await response.discard();
  const storageUrl = response.headers['x-storage-url'];
  const token = response.headers['x-auth-token'];
  if (storageUrl === undefined || token === undefined) {
    throw new HoldfastError('store-protocol', 'the login answered without storage URL or token');
  }
  return { storageUrl, token };
}
