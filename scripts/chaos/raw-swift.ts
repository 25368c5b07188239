/** Raw Swift: a container through plain requests with auth v1. */
import type { Agent } from 'undici';
import { isPrivateName, type RawContainer, type RawObject, type RawVersion } from './raw-container.ts';
import { encodePath, expectStatus, type Login, openRawHttp } from './raw-http.ts';

export interface SwiftAccount {
  readonly authUrl: string;
  readonly user: string;
  /** The key of the moment. */
  readonly key: () => string;
}

interface Row {
  readonly name: string;
  readonly hash: string;
  readonly bytes: number;
  readonly content_type: string;
  readonly version_id?: string;
}

const OCTETS = { 'content-type': 'application/octet-stream' };
const DIRECTORY = { 'content-type': 'application/directory' };
const PAGE = 5_000;

export function openRawSwift(account: SwiftAccount, container: string): RawContainer {
  const http = openRawHttp((agent) => logIn(agent, account));
  const base = `/${encodeURIComponent(container)}`;
  const pathOf = (name: string): string => `${base}/${encodePath(name)}`;
  const send = (method: string, path: string, headers = {}, body?: Uint8Array) =>
    http.send({ method, path, headers, ...(body === undefined ? {} : { body }) });

  const rows = async (query: string, after: (last: Row) => string): Promise<Row[]> => {
    const found: Row[] = [];
    for (let marker = ''; ; ) {
      const answer = await send('GET', `${base}?format=json&limit=${PAGE}${query}${marker}`);
      expectStatus(answer, [200, 204], 'a listing');
      const page: Row[] = answer.status === 204 ? [] : JSON.parse(answer.bytes.toString('utf8'));
      found.push(...page);
      const last = page.at(-1);
      if (last === undefined || page.length < PAGE) return found;
      marker = after(last);
    }
  };
  const put = async (name: string, headers: Record<string, string>, bytes: Uint8Array) => {
    const answer = await send('PUT', pathOf(name), headers, bytes);
    // 202: a write that started earlier than what is there by the store's clock; it never was visible.
    expectStatus(answer, [201], `PUT ${name}`);
    return { made: answer.headers['x-object-version-id'] ?? null };
  };
  const remove = async (name: string) => {
    const answer = await send('DELETE', pathOf(name));
    expectStatus(answer, [204, 404], `DELETE ${name}`);
    return answer.status === 404 ? null : { made: answer.headers['x-object-version-id'] ?? null };
  };

  return {
    name: container,
    list: async () => {
      const listed = await rows('', (last) => `&marker=${encodeURIComponent(last.name)}`);
      return listed.filter(({ name }) => !isPrivateName(name)).map(objectOf);
    },
    read: async (name) => {
      const answer = expectStatus(await send('GET', pathOf(name)), [200, 404], `GET ${name}`);
      return answer.status === 404 ? null : answer.bytes;
    },
    write: (name, bytes) => put(name, OCTETS, bytes),
    makeDirectory: (name) => put(name, DIRECTORY, new Uint8Array()),
    remove,
    move: async (from, to) => {
      const destination = `${encodeURIComponent(container)}/${encodePath(to)}`;
      const copied = expectStatus(
        await send('COPY', pathOf(from), { destination }),
        [201, 404],
        `COPY ${from}`,
      );
      if (copied.status === 404) return null;
      const moved = String(copied.headers['etag'] ?? '').replaceAll('"', '');
      const removed = await remove(from);
      const left = removed === null ? null : { made: removed.made, moved };
      return { made: copied.headers['x-object-version-id'] ?? null, left };
    },
    versions: async () => {
      const listed = await rows(
        '&versions',
        (last) =>
          `&marker=${encodeURIComponent(last.name)}&version_marker=${encodeURIComponent(last.version_id ?? 'null')}`,
      );
      const found = new Map<string, RawVersion[]>();
      for (const row of listed) {
        const versions = found.get(row.name) ?? [];
        found.set(row.name, versions);
        versions.push({ id: row.version_id ?? '', kind: kindOf(row), hash: row.hash });
      }
      return found;
    },
    readVersion: async (name, id) => {
      const answer = await send('GET', `${pathOf(name)}?version-id=${encodeURIComponent(id)}`);
      return answer.status === 200 ? answer.bytes : null;
    },
    close: () => http.close(),
  };
}

function kindOf(row: Row): RawVersion['kind'] {
  if (row.content_type.startsWith('application/x-deleted')) return 'deleted';
  return row.content_type.startsWith('application/directory') ? 'directory' : 'file';
}

function objectOf(row: Row): RawObject {
  return { name: row.name, hash: row.hash, size: row.bytes, isDirectory: kindOf(row) === 'directory' };
}

async function logIn(agent: Agent, { authUrl, user, key }: SwiftAccount): Promise<Login> {
  const { origin, pathname } = new URL(authUrl);
  const { statusCode, headers, body } = await agent.request({
    origin,
    path: pathname,
    method: 'GET',
    headers: { 'x-auth-user': user, 'x-auth-key': key() },
  });
  await body.dump();
  if (statusCode !== 200) throw new Error(`login at Swift was answered ${statusCode}`);
  return { url: String(headers['x-storage-url']), token: String(headers['x-auth-token']) };
}
