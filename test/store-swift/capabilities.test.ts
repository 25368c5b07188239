import assert from 'node:assert/strict';
import { it } from 'node:test';
import { Turns } from '#core/turns.ts';
import { createLogin } from '#libs/store-swift/session.ts';
import { openSwiftStore } from '#libs/store-swift/store.ts';
import type { StoreCapabilities } from '#ports/object-store.ts';
import { swift } from '#test/support/services.ts';
import { CLOCK, openSwift, SILENT } from './fixtures.ts';

const login = await swift();
const skip = login === null ? 'there is no Swift here' : false;

/** What a real Swift does with real conflicting writes. */
const SWIFT: StoreCapabilities = {
  createOnly: 'advisory',
  replaceIf: 'ignored',
  deleteIf: 'ignored',
  versions: true,
  listingLags: true,
  listsDigests: true,
  serverSideCopy: true,
  copyCreateOnly: 'ignored',
  resumesUploads: true,
  guardsLarge: true,
  unprotectedWindow: false,
  maxObjectBytes: 4_294_967_296_000,
  blockSize: null,
};

for (const versioning of [true, false]) {
  it(`finds out what Swift promises with versioning ${versioning ? 'on' : 'off'}`, { skip }, async (t) => {
    assert.ok(login !== null);
    const { container, http, other } = await openSwift(t, login, versioning);
    const auth = { url: login.authUrl, credentials: async () => ({ user: login.user, key: login.key }) };
    const store = openSwiftStore({
      turns: new Turns(4),
      login: createLogin(http, auth),
      container,
      pairId: 'pair-1',
      http,
      clock: CLOCK,
      log: SILENT,
    });
    await store.attach({ create: false, versioning, identity: 'later' });
    const expected = versioning ? SWIFT : { ...SWIFT, versions: false, unprotectedWindow: true };
    assert.deepEqual(store.capabilities, expected);
    assert.deepEqual(await other.versions(), []);
  });
}

it('owns up to the window where a proxy swallows the request for versions', { skip }, async (t) => {
  assert.ok(login !== null);
  const { container, http, other } = await openSwift(t, login, false);
  const swallowing: typeof http = {
    close: () => http.close(),
    request: (message) => {
      const { 'x-versions-enabled': _, ...headers } = message.headers ?? {};
      return http.request({ ...message, headers });
    },
  };
  await other.dropContainer();
  const auth = { url: login.authUrl, credentials: async () => ({ user: login.user, key: login.key }) };
  const store = openSwiftStore({
    turns: new Turns(4),
    login: createLogin(swallowing, auth),
    container,
    pairId: 'pair-1',
    http: swallowing,
    clock: CLOCK,
    log: SILENT,
  });
  await store.attach({ create: true, versioning: true, identity: 'fresh' });
  assert.equal(store.capabilities.versions, false);
  assert.equal(store.capabilities.unprotectedWindow, true);
});
