/** Opens an attached Pithos store on a fresh model, and the ways to interfere with it. */
import { createDigest } from '#libs/digest/digest.ts';
import type { HttpClient } from '#libs/http/client.ts';
import type { Versioning } from '#libs/pithos-server/container.ts';
import { openModelClient } from '#libs/store-models/exchange.ts';
import {
  PITHOS_AUTH_URL,
  PITHOS_TOKEN,
  PithosModel,
  type PithosModelOptions,
} from '#libs/store-models/pithos-model.ts';
import { createSessions } from '#libs/store-pithos/auth.ts';
import { openPithosStore } from '#libs/store-pithos/store.ts';
import type { ObjectStore } from '#ports/object-store.ts';
import type { OpenedStore } from '#test/conformance/object-store.ts';
import { rawWriter } from '#test/support/raw-writer.ts';
import { createStillClock, SILENT, type StillClock } from './still-clock.ts';

const CONTAINER = 'files of a user';
const IDENTITY = 'pair-1';

export interface OpenedPithosModel extends OpenedStore {
  readonly server: PithosModel;
  readonly clock: StillClock;
  readonly container: string;
  /** Opens one more store on the container, talking through `http`. */
  open(http: HttpClient): ObjectStore;
}

export async function openPithosModel(
  options: Partial<PithosModelOptions> & { readonly versioning?: Versioning } = {},
): Promise<OpenedPithosModel> {
  const { versioning = 'auto', ...given } = options;
  const clock = createStillClock();
  const server = new PithosModel({ clock, ...given });
  server.createContainer(CONTAINER, { versioning });
  const shared = {
    container: CONTAINER,
    pairId: 'pair-1',
    clock,
    log: SILENT,
  };
  const loggedIn = (http: HttpClient) => {
    const sessions = createSessions(http, PITHOS_AUTH_URL, async () => ({ token: PITHOS_TOKEN, user: null }));
    return { ...shared, http, sessions };
  };
  const store = openPithosStore(loggedIn(openModelClient(server)));
  await store.attach({ create: true, versioning: versioning === 'auto', identity: IDENTITY });
  const open = (http: HttpClient): ObjectStore =>
    openPithosStore({ ...loggedIn(http), capabilities: store.capabilities });
  return {
    store,
    second: open(openModelClient(server)),
    open,
    server,
    clock,
    container: CONTAINER,
    other: rawWriter(server.raw(CONTAINER), {
      drop: () => server.dropContainer(CONTAINER),
      create: () => server.createContainer(CONTAINER, { versioning }),
    }),
    identity: IDENTITY,
    hash: (bytes) => {
      const digest = createDigest(store.digest);
      digest.update(bytes);
      return digest.hex();
    },
    unsyncableRawNames: ['a//b', '/leading', 'trailing/', `${'x'.repeat(256)}`],
  };
}
