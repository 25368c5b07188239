/** Raw container: what a user with another client does upstream, over plain HTTP and without any code of the engine. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { type PithosServer, startPithosServer } from '#libs/pithos-server/server.ts';
import { openRawSwift } from '#test/store-swift/raw-swift.ts';
import { type Cleanup, swift } from '#test/support/services.ts';
import { temporaryDirectory } from '#test/support/temporary-directory.ts';
import type { Endpoint } from './endpoints.ts';

export interface RawContainer {
  readonly endpoint: Endpoint;
  readonly name: string;
  put(name: string, bytes: Uint8Array): Promise<void>;
  remove(name: string): Promise<void>;
  /** Names of all objects but directory markers, as the store lists them. */
  names(): Promise<string[]>;
  /** MD5 of every object's bytes by name, each read in full. */
  contents(): Promise<Map<string, string>>;
}

export interface RawPithosContainer extends RawContainer {
  /** Deletes the container with all that is in it, and makes an empty one of the same name. */
  recreate(): Promise<void>;
}

const READS_AT_ONCE = 16;
const OCTETS = { 'content-type': 'application/octet-stream' };

/** Sends one request below the container; `path` starts with `/` or `?`. */
type Send = (
  method: string,
  path: string,
  body?: Uint8Array,
) => Promise<{ readonly status: number; readonly bytes: Uint8Array }>;

export interface PacedContainer extends RawContainer {
  /** Sets what each request to the store takes besides its work, milliseconds, as a network would. */
  pace(latencyMs: number): void;
}

/** A container on a Pithos server of its own, with `latencyMs` as its first pace. */
export async function openRawPithos(t: Cleanup, latencyMs: number): Promise<PacedContainer> {
  const server = await startPithosServer({
    dir: await temporaryDirectory(t, 'holdfast-kills-pithos-'),
    users: [{ token: 'kills-token', userId: 'kills-user', name: 'Kills' }],
  });
  t.after(() => server.close());
  const pace = (ms: number): void => {
    server.control.clearRules();
    server.control.inject({ action: 'latency', ms, count: -1 });
  };
  pace(latencyMs);
  const container = rawPithosContainer(
    server,
    { userId: 'kills-user', token: 'kills-token' },
    'files of a user',
  );
  return { ...container, pace };
}

/** A container of one user on a server that runs; made when it is not there. */
export function rawPithosContainer(
  server: PithosServer,
  { userId, token }: { readonly userId: string; readonly token: string },
  name: string,
): RawPithosContainer {
  server.control.ensureContainer(userId, name);
  const send: Send = async (method, path, body) => {
    const answer = await fetch(`${server.url}/${userId}/${encodeURIComponent(name)}${path}`, {
      method,
      headers: { ...OCTETS, 'x-auth-token': token },
      body: body === undefined ? null : Buffer.from(body),
    });
    return { status: answer.status, bytes: new Uint8Array(await answer.arrayBuffer()) };
  };
  const endpoint: Endpoint = { kind: 'pithos', url: server.authUrl, secret: { token } };
  const recreate = async (): Promise<void> => {
    for (const [method, path] of [
      ['DELETE', '?delimiter=/'],
      ['DELETE', ''],
      ['PUT', ''],
    ] as const) {
      const { status } = await send(method, path);
      assert.ok(status === 204 || status === 201, `${method} of the container answered ${status}`);
    }
  };
  return { ...rawContainer(endpoint, name, send), recreate };
}

/** @returns null where there is no Swift. */
export async function openRawSwiftContainer(t: Cleanup): Promise<RawContainer | null> {
  const login = await swift();
  if (login === null) return null;
  const name = `kills-${Math.random().toString(36).slice(2, 10)}`;
  const raw = await openRawSwift(login, name, true);
  await raw.createContainer(true);
  t.after(async () => {
    await raw.dropContainer();
    await raw.close();
  });
  const endpoint: Endpoint = {
    kind: 'swift',
    url: login.authUrl,
    secret: { user: login.user, key: login.key },
  };
  return rawContainer(endpoint, name, (method, path, body) => raw.send(method, path, OCTETS, body));
}

function rawContainer(endpoint: Endpoint, name: string, send: Send): RawContainer {
  const pathOf = (object: string): string => `/${object.split('/').map(encodeURIComponent).join('/')}`;
  const names = async (): Promise<string[]> => {
    const listed: string[] = [];
    for (let after = ''; ; ) {
      const page = await send('GET', `?format=json&limit=1000&marker=${encodeURIComponent(after)}`);
      assert.ok(page.status === 200 || page.status === 204, `the listing answered ${page.status}`);
      const rows: { name: string; content_type: string }[] =
        page.status === 204 ? [] : JSON.parse(Buffer.from(page.bytes).toString());
      const last = rows.at(-1);
      if (last === undefined) return listed;
      after = last.name;
      listed.push(
        ...rows.filter((row) => row.content_type !== 'application/directory').map((row) => row.name),
      );
    }
  };
  return {
    endpoint,
    name,
    names,
    put: async (object, bytes) => {
      const { status } = await send('PUT', pathOf(object), bytes);
      assert.equal(status, 201, `PUT ${object}`);
    },
    remove: async (object) => {
      const { status } = await send('DELETE', pathOf(object));
      assert.equal(status, 204, `DELETE ${object}`);
    },
    contents: async () => {
      const left = await names();
      const found = new Map<string, string>();
      const read = async (): Promise<void> => {
        for (let object = left.pop(); object !== undefined; object = left.pop()) {
          const { status, bytes } = await send('GET', pathOf(object));
          if (status === 200) found.set(object, createHash('md5').update(bytes).digest('hex'));
        }
      };
      await Promise.all(Array.from({ length: READS_AT_ONCE }, read));
      return found;
    },
  };
}
