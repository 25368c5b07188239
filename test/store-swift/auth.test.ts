import assert from 'node:assert/strict';
import { it } from 'node:test';
import { Turns } from '#core/turns.ts';
import { parseCredentials } from '#libs/store-swift/credentials.ts';
import { createLogin, type SwiftAuth } from '#libs/store-swift/session.ts';
import { openSwiftStore } from '#libs/store-swift/store.ts';
import { startFakeKeystone } from '#test/support/fake-keystone.ts';
import { swift } from '#test/support/services.ts';
import { CLOCK, hooked, type OpenedSwift, openSwift, SILENT } from './fixtures.ts';

const login = await swift();
const skip = login === null ? 'there is no Swift here' : false;

const open = (t: Parameters<typeof openSwift>[0]): Promise<OpenedSwift> => {
  assert.ok(login !== null);
  return openSwift(t, login, true);
};

function storeWith(opened: OpenedSwift, auth: SwiftAuth, http = opened.http) {
  return openSwiftStore({
    turns: new Turns(4),
    login: createLogin(http, auth),
    container: opened.container,
    pairId: 'pair-1',
    http,
    clock: CLOCK,
    log: SILENT,
  });
}

const secrets = [
  {
    title: 'a password scoped to a project',
    secret: { username: 'ann', password: 'p', user_domain_name: 'Users', project_name: 'files' },
    body: {
      identity: {
        methods: ['password'],
        password: { user: { name: 'ann', domain: { name: 'Users' }, password: 'p' } },
      },
      scope: { project: { name: 'files', domain: { id: 'default' } } },
    },
  },
  {
    title: 'an application credential by id',
    secret: { application_credential_id: 'c1', application_credential_secret: 's' },
    body: {
      identity: { methods: ['application_credential'], application_credential: { id: 'c1', secret: 's' } },
    },
  },
  {
    title: 'an application credential by name',
    secret: { application_credential_name: 'sync', application_credential_secret: 's', user_id: 'u1' },
    body: {
      identity: {
        methods: ['application_credential'],
        application_credential: { name: 'sync', user: { id: 'u1' }, secret: 's' },
      },
    },
  },
];

for (const { title, secret, body } of secrets) {
  it(`logs in at Keystone with ${title}`, { skip }, async (t) => {
    const opened = await open(t);
    const keystone = await startFakeKeystone(opened.other.token, opened.other.storageUrl);
    t.after(() => keystone.close());
    const store = storeWith(opened, { url: keystone.url, region: 'two', credentials: async () => secret });
    assert.equal((await store.container()).identity, opened.identity);
    assert.deepEqual(keystone.logins, [{ auth: body }]);
  });
}

it('says that credentials are refused, without telling them', { skip }, async (t) => {
  const opened = await open(t);
  const keystone = await startFakeKeystone('', '');
  t.after(() => keystone.close());
  keystone.status = 401;
  const secret = { username: 'ann', password: 'very-secret', project_id: 'p1' };
  const refused = storeWith(opened, { url: keystone.url, credentials: async () => secret }).container();
  await assert.rejects(refused, (thrown: Error) => {
    assert.equal(Reflect.get(thrown, 'code'), 'credentials-refused');
    assert.ok(!thrown.message.includes('very-secret'));
    return true;
  });
  assert.ok(login !== null);
  const credentials = async () => ({ user: 'test:tester', key: 'wrong' });
  const wrongKey = storeWith(opened, { url: login.authUrl, credentials });
  await assert.rejects(wrongKey.container(), { code: 'credentials-refused' });
});

it('reads the secret again after it was refused', { skip }, async (t) => {
  const opened = await open(t);
  assert.ok(login !== null);
  let key = 'wrong';
  const store = storeWith(opened, {
    url: login.authUrl,
    credentials: async () => ({ user: 'test:tester', key }),
  });
  await assert.rejects(store.container(), { code: 'credentials-refused' });
  key = login.key;
  assert.equal((await store.container()).identity, opened.identity);
});

it('logs in once for requests that start together', { skip }, async (t) => {
  const opened = await open(t);
  assert.ok(login !== null);
  let logins = 0;
  const http = hooked(opened.http, async ({ url }) => {
    if (url === login.authUrl) logins += 1;
  });
  const credentials = async () => ({ user: login.user, key: login.key });
  const store = storeWith(opened, { url: login.authUrl, credentials }, http);
  await Promise.all(Array.from({ length: 8 }, () => store.container()));
  assert.equal(logins, 1);
});

it('gives up when a fresh token is refused too', { skip }, async (t) => {
  const opened = await open(t);
  const keystone = await startFakeKeystone('a-token-nobody-knows', opened.other.storageUrl);
  t.after(() => keystone.close());
  const secret = { username: 'ann', password: 'p', project_id: 'p1' };
  const store = storeWith(opened, { url: keystone.url, region: 'two', credentials: async () => secret });
  await assert.rejects(store.container(), { code: 'credentials-refused' });
  assert.equal(keystone.logins.length, 2);
});

it('names the missing fields of a secret, not its values', () => {
  const secret = { username: 'ann', token: 'very-secret' };
  assert.throws(() => parseCredentials(secret), /^HoldfastError: the secret needs (?!.*very-secret)/);
});
