/** Raw Pithos: a container through plain requests. A deletion is no version here, so an act looks around itself. */
import { isPrivateName, type RawAct, type RawContainer, type RawVersion } from './raw-container.ts';
import { encodePath, expectStatus, openRawHttp } from './raw-http.ts';

export interface PithosAccount {
  /** URL of the object store, without the account. */
  readonly url: string;
  readonly user: string;
  /** The token of the moment. */
  readonly token: () => string;
}

interface Row {
  readonly name: string;
  readonly bytes: number;
  readonly content_type: string;
  readonly x_object_hash: string;
}

const OCTETS = { 'content-type': 'application/octet-stream' };
const DIRECTORY = { 'content-type': 'application/directory' };
const PAGE = 5_000;
const AT_ONCE = 8;

export function openRawPithos(account: PithosAccount, container: string): RawContainer {
  const http = openRawHttp(async () => ({ url: `${account.url}/${account.user}`, token: account.token() }));
  const base = `/${encodeURIComponent(container)}`;
  const pathOf = (name: string): string => `${base}/${encodePath(name)}`;
  const send = (method: string, path: string, headers = {}, body?: Uint8Array) =>
    http.send({ method, path, headers, ...(body === undefined ? {} : { body }) });

  const serials = async (name: string): Promise<string[]> => {
    const answer = await send('GET', `${pathOf(name)}?version=list&format=json`);
    if (expectStatus(answer, [200, 404], `versions of ${name}`).status === 404) return [];
    const { versions } = JSON.parse(answer.bytes.toString('utf8')) as { versions: [number, string][] };
    return versions.map(([serial]) => idOf(serial)).reverse();
  };
  const exists = async (name: string): Promise<boolean> =>
    expectStatus(await send('HEAD', pathOf(name)), [200, 404], `HEAD ${name}`).status === 200;
  const put = async (name: string, headers: Record<string, string>, bytes: Uint8Array): Promise<RawAct> => {
    const wasThere = await exists(name);
    const [newestBefore] = await serials(name);
    const answer = expectStatus(await send('PUT', pathOf(name), headers, bytes), [201], `PUT ${name}`);
    const made = idOf(Number(answer.headers['x-object-version']));
    const below = (await serials(name)).find((id) => id < made) ?? null;
    // Nothing was there and nothing came in between: what lies below was deleted before.
    const isDeletedBelow = !wasThere && below === (newestBefore ?? null);
    return { made, took: isDeletedBelow ? null : below };
  };

  return {
    name: container,
    list: async () => {
      const found: Row[] = [];
      for (let marker = ''; ; ) {
        const path = `${base}?format=json&limit=${PAGE}&marker=${encodeURIComponent(marker)}`;
        const answer = expectStatus(await send('GET', path), [200, 204], 'a listing');
        const page: Row[] = answer.status === 204 ? [] : JSON.parse(answer.bytes.toString('utf8'));
        found.push(...page);
        const last = page.at(-1);
        if (last === undefined) break;
        marker = last.name;
      }
      return found
        .filter(({ name }) => !isPrivateName(name))
        .map((row) => ({
          name: row.name,
          hash: row.x_object_hash,
          size: row.bytes,
          isDirectory: /^application\/(directory|folder)/.test(row.content_type),
        }));
    },
    read: async (name) => {
      const answer = expectStatus(await send('GET', pathOf(name)), [200, 404], `GET ${name}`);
      return answer.status === 404 ? null : answer.bytes;
    },
    write: (name, bytes) => put(name, OCTETS, bytes),
    makeDirectory: (name) => put(name, DIRECTORY, new Uint8Array()),
    remove: async (name) => {
      const answer = expectStatus(await send('DELETE', pathOf(name)), [204, 404], `DELETE ${name}`);
      if (answer.status === 404) return null;
      const [newest] = await serials(name);
      return { made: null, took: newest ?? null };
    },
    move: async (from, to) => {
      const [newestThere] = await serials(to);
      const wasThere = await exists(to);
      const destination = `/${encodePath(container)}/${encodePath(to)}`;
      const answer = await send('MOVE', `${pathOf(from)}?ignore_content_type`, { destination });
      if (expectStatus(answer, [201, 404], `MOVE ${from}`).status === 404) return null;
      const [made, below] = await serials(to);
      const isDeletedBelow = !wasThere && (below ?? null) === (newestThere ?? null);
      return { made: made ?? null, took: isDeletedBelow ? null : (below ?? null), left: null };
    },
    versions: async (names) => {
      const left = [...new Set(names)];
      const found = new Map<string, RawVersion[]>();
      const work = async (): Promise<void> => {
        for (let name = left.pop(); name !== undefined; name = left.pop()) {
          const versions: RawVersion[] = [];
          for (const id of await serials(name)) versions.push(await versionOf(name, id));
          if (versions.length > 0) found.set(name, versions);
        }
      };
      await Promise.all(Array.from({ length: AT_ONCE }, work));
      return found;
    },
    readVersion: async (name, id) => {
      const answer = await send('GET', `${pathOf(name)}?version=${Number(id)}`);
      return answer.status === 200 ? answer.bytes : null;
    },
    close: () => http.close(),
  };

  async function versionOf(name: string, id: string): Promise<RawVersion> {
    const path = `${pathOf(name)}?version=${Number(id)}`;
    const { headers } = expectStatus(await send('HEAD', path), [200], `HEAD ${path}`);
    const isDirectory = decodeURIComponent(headers['content-type'] ?? '').startsWith('application/directory');
    return { id, kind: isDirectory ? 'directory' : 'file', hash: headers['x-object-hash'] ?? '' };
  }
}

/** Serials as text of one width, so that they compare as text. */
function idOf(serial: number): string {
  return String(serial).padStart(16, '0');
}
