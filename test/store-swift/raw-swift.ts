/** Raw Swift: what another client does to the same account, past the adapter, with paths sent exactly as written. */
import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import { Agent, request } from 'undici';
import type { OtherWriter } from '#test/conformance/object-store.ts';

export interface SwiftLogin {
  readonly authUrl: string;
  readonly user: string;
  readonly key: string;
}

export interface RawAnswer {
  readonly status: number;
  readonly headers: Record<string, string | string[] | undefined>;
  readonly bytes: Buffer;
}

export interface RawSwift extends OtherWriter {
  /** The current token. */
  readonly token: string;
  /** Takes a new token, after the old one was forgotten. */
  login(): Promise<void>;
  readonly storageUrl: string;
  /** `path` is relative to the container: `/name` or `?query` or empty. */
  send(method: string, path: string, headers?: Record<string, string>, body?: Uint8Array): Promise<RawAnswer>;
  createContainer(versioned: boolean, identity?: string): Promise<void>;
  /** Versions of every name, oldest last per name, as the store lists them. */
  versions(): Promise<{ name: string; version_id: string; hash: string; is_latest: boolean }[]>;
  close(): Promise<void>;
}

export function rawPath(rawName: string): string {
  return `/${rawName.split('/').map(encodeURIComponent).join('/')}`;
}

export async function openRawSwift(
  login: SwiftLogin,
  container: string,
  versioned: boolean,
): Promise<RawSwift> {
  const agent = new Agent({ allowH2: false, connections: 4 });
  const logIn = async (): Promise<{ token: string; storageUrl: string }> => {
    const { headers, body } = await request(login.authUrl, {
      dispatcher: agent,
      headers: { 'x-auth-user': login.user, 'x-auth-key': login.key },
    });
    await body.dump();
    return { token: String(headers['x-auth-token']), storageUrl: String(headers['x-storage-url']) };
  };
  let { token, storageUrl } = await logIn();
  const { origin, pathname } = new URL(storageUrl);

  const send: RawSwift['send'] = async (method, path, headers = {}, body) => {
    const {
      statusCode,
      headers: got,
      body: stream,
    } = await agent.request({
      origin,
      path: `${pathname}/${encodeURIComponent(container)}${path}`,
      method: method as 'GET',
      headers: { 'x-auth-token': token, ...headers },
      body: body === undefined ? null : Buffer.from(body),
    });
    return { status: statusCode, headers: got, bytes: Buffer.from(await stream.arrayBuffer()) };
  };
  const expect = async (statuses: number[], ...parts: Parameters<typeof send>): Promise<RawAnswer> => {
    const got = await send(...parts);
    assert.ok(statuses.includes(got.status), `${parts[0]} ${parts[1]} answered ${got.status}`);
    return got;
  };
  /** Overtaken by a later write or delete of the name, a PUT leaves nothing and is answered by 202: it is sent again. */
  const put = async (rawName: string, headers: Record<string, string>, bytes: Uint8Array): Promise<void> => {
    for (let status = 202; status === 202; )
      ({ status } = await expect([201, 202], 'PUT', rawPath(rawName), headers, bytes));
  };
  const versions: RawSwift['versions'] = async () => {
    const got = await send('GET', '?versions&format=json');
    return got.status === 200 ? JSON.parse(got.bytes.toString()) : [];
  };
  const empty = async (): Promise<void> => {
    for (const { name, version_id } of await versions()) {
      await expect([204, 404], 'DELETE', `${rawPath(name)}?version-id=${version_id}`);
    }
    const listed = await send('GET', '?format=json');
    const rows: { name: string }[] = listed.status === 200 ? JSON.parse(listed.bytes.toString()) : [];
    for (const { name } of rows) await expect([204, 404], 'DELETE', rawPath(name));
  };
  const octets = { 'content-type': 'application/octet-stream' };

  const raw: RawSwift = {
    get token() {
      return token;
    },
    storageUrl,
    login: async () => {
      ({ token, storageUrl } = await logIn());
    },
    send,
    versions,
    createContainer: async (on, identity) => {
      await expect([201, 202], 'PUT', '', {
        ...(on ? { 'x-versions-enabled': 'true' } : {}),
        ...(identity === undefined ? {} : { 'x-container-meta-holdfast-id': identity }),
      });
    },
    put: (rawName, bytes) => put(rawName, octets, bytes),
    putDirectory: (rawName) => put(rawName, { 'content-type': 'application/directory' }, new Uint8Array()),
    putUnhandled: (rawName) => {
      const manifest = { ...octets, 'x-object-manifest': `${encodeURIComponent(container)}/segments` };
      return put(rawName, manifest, new Uint8Array());
    },
    remove: async (rawName) => {
      await expect([204, 404], 'DELETE', rawPath(rawName));
    },
    get: async (rawName) => {
      const got = await expect([200, 404], 'GET', rawPath(rawName));
      return got.status === 404 ? null : got.bytes;
    },
    dropContainer: async () => {
      // A listing may be behind: what it did not show yet keeps the container from going (409).
      for (let attempt = 1; ; attempt += 1) {
        await empty();
        const { status } = await send('DELETE', '');
        if (status === 204 || status === 404) return;
        assert.ok(status === 409 && attempt < 20, `DELETE of the container answered ${status}`);
        await delay(100);
      }
    },
    recreateContainer: async () => {
      await raw.dropContainer();
      await raw.createContainer(versioned);
    },
    close: () => agent.destroy(),
  };
  return raw;
}
