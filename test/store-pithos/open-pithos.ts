/** Opens a Pithos server with an attached store on a fresh container, and the ways to interfere with it. */
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createDigest } from '#libs/digest/digest.ts';
import { createHttpClient, type HttpClient } from '#libs/http/client.ts';
import { type PithosServer, startPithosServer } from '#libs/pithos-server/server.ts';
import { createSessions } from '#libs/store-pithos/auth.ts';
import { openPithosStore, type PithosStoreOptions } from '#libs/store-pithos/store.ts';
import type { Clock } from '#ports/clock.ts';
import type { Log } from '#ports/log.ts';
import type { ObjectStore } from '#ports/object-store.ts';
import type { OpenedStore, OtherWriter } from '#test/conformance/object-store.ts';
import type { Cleanup } from '#test/support/services.ts';

const USER = 'user-1';
const TOKEN = 'token-1';
const CONTAINER = 'files of a user';
export const IDENTITY = 'pair-1';

export interface OpenedPithos extends OpenedStore {
  readonly server: PithosServer;
  readonly http: HttpClient;
  readonly account: string;
  readonly container: string;
  /** One more adapter, as a restarted worker would open it. */
  openStore(options?: Partial<PithosStoreOptions>): ObjectStore;
  /** The token that adapters find when they ask for it. */
  secret: { token: string };
  /** Names as the server has them, hidden ones too. */
  allNames(): Promise<string[]>;
  /** Requests of one kind, such as `object.put-hashmap`, that the server has seen. */
  countOf(kind: string): number;
}

export async function openPithos(
  t: Cleanup,
  options: { blockSize?: number; versioning?: boolean } = {},
): Promise<OpenedPithos> {
  const dir = await mkdtemp(join(tmpdir(), 'holdfast-pithos-'));
  const server = await startPithosServer({
    dir,
    users: [{ token: TOKEN, userId: USER, name: 'User' }],
    ...(options.blockSize === undefined ? {} : { blockSize: options.blockSize }),
  });
  const http = createHttpClient({ connections: 8, timeoutMs: 20_000 });
  t.after(async () => {
    await http.close();
    await server.close();
    await rm(dir, { recursive: true, force: true });
  });
  const secret = { token: TOKEN };
  const openStore = (overrides: Partial<PithosStoreOptions> = {}): ObjectStore =>
    openPithosStore({
      sessions: createSessions(http, server.authUrl, async () => ({ token: secret.token, user: null })),
      container: CONTAINER,
      pairId: 'pair-1',
      http,
      log: SILENT,
      clock: CLOCK,
      ...overrides,
    });
  const { control } = server;
  if (options.versioning === false) control.ensureContainer(USER, CONTAINER, { versioning: 'none' });
  const store = openStore();
  await store.attach({ create: true, versioning: options.versioning ?? true, identity: IDENTITY });
  const fetchRaw = (path: string, init: RequestInit = {}) =>
    fetch(`${server.url}/${USER}/${encodeURIComponent(CONTAINER)}${path}`, {
      ...init,
      headers: { 'x-auth-token': secret.token },
    });
  return {
    server,
    http,
    account: USER,
    container: CONTAINER,
    store,
    second: openStore({ capabilities: store.capabilities }),
    openStore,
    secret,
    other: otherWriter(server, fetchRaw),
    identity: IDENTITY,
    hash: (bytes) => {
      const digest = createDigest(store.digest);
      digest.update(bytes);
      return digest.hex();
    },
    unsyncableRawNames: ['a//b', '/leading', 'trailing/', './a', 'a/../b', `${'x'.repeat(256)}`],
    allNames: async () => {
      const rows = (await (await fetchRaw('?format=json')).json()) as { name: string }[];
      return rows.map((row) => row.name);
    },
    countOf: (kind) => control.stats().byKind[kind] ?? 0,
  };
}

function otherWriter(
  server: PithosServer,
  fetchRaw: (path: string, init?: RequestInit) => Promise<Response>,
): OtherWriter {
  const { control } = server;
  const pathOf = (rawName: string): string => `/${rawName.split('/').map(encodeURIComponent).join('/')}`;
  const dropContainer = async (): Promise<void> => {
    await (await fetchRaw('?delimiter=/', { method: 'DELETE' })).arrayBuffer();
    const response = await fetchRaw('', { method: 'DELETE' });
    if (response.status !== 204) throw new Error(`container was not removed: ${response.status}`);
  };
  return {
    put: async (rawName, bytes) => void control.putObject(USER, CONTAINER, rawName, bytes),
    putDirectory: async (rawName) =>
      void control.putObject(USER, CONTAINER, rawName, '', { contentType: 'application/directory' }),
    putUnhandled: async (rawName) =>
      void control.putObject(USER, CONTAINER, rawName, '', { meta: { 'X-Object-Manifest': 'other/prefix' } }),
    remove: async (rawName) => void control.deleteObject(USER, CONTAINER, rawName),
    get: async (rawName) => {
      const response = await fetchRaw(pathOf(rawName));
      const bytes = new Uint8Array(await response.arrayBuffer());
      if (response.status === 404) return null;
      if (response.status !== 200) throw new Error(`not readable: ${response.status}`);
      return bytes;
    },
    dropContainer,
    recreateContainer: async () => {
      await dropContainer();
      control.ensureContainer(USER, CONTAINER);
    },
  };
}

const nothing = (): void => undefined;
const SILENT: Log = { debug: nothing, info: nothing, warn: nothing, error: nothing, child: () => SILENT };

const CLOCK: Clock = {
  now: () => Date.now(),
  sleep: (ms, signal) => sleep(ms, undefined, signal === undefined ? {} : { signal }),
  random: () => Math.random(),
  uniqueId: () => randomUUID(),
};
