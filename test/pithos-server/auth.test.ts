// Login and tokens: the two body forms, what the reply means, and 401 and 403
// on later calls.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Fixture, startFixture, USER } from './pithos-fixture.ts';

interface Access {
  readonly access: {
    readonly token?: { id: string; expires: string; tenant: { id: string } };
    readonly user?: { id: string };
    readonly serviceCatalog: { type: string; endpoints: { publicURL: string }[] }[];
  };
}

function login({ askRoot }: Fixture, body: unknown, type = 'application/json; charset=utf-8') {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  const how = { headers: { 'Content-Type': type }, body: text, isAnonymous: true };
  return askRoot('POST', '/identity/v2.0/tokens', how);
}

describe('login', () => {
  it('answers the user, the catalog, and a tenant that is not the account', async (t) => {
    const fixture = await startFixture(t);
    const reply = await login(fixture, { auth: { token: { id: USER.token } } });
    assert.equal(reply.status, 200);
    const { access } = reply.json<Access>();
    assert.equal(access.user?.id, USER.userId);
    assert.notEqual(access.token?.tenant.id, USER.userId);
    assert.match(String(access.token?.expires), /^\d{4}-\d\d-\d\dT[\d:.]+\+00:00$/);
    const store = access.serviceCatalog.find((service) => service.type === 'object-store');
    assert.equal(store?.endpoints[0]?.publicURL, fixture.server.url);
    assert.equal(fixture.server.authUrl, `http://127.0.0.1:${fixture.server.port}/identity/v2.0`);
  });

  it('accepts the user id with the token as password', async (t) => {
    const fixture = await startFixture(t);
    const credentials = (username: string, password: string) => ({
      auth: { passwordCredentials: { username, password } },
    });
    assert.equal((await login(fixture, credentials(USER.userId, USER.token))).status, 200);
    assert.equal((await login(fixture, credentials('someone', USER.token))).status, 401);
    assert.equal((await login(fixture, credentials(USER.userId, 'x'))).status, 401);
  });

  it('refuses other tenants, types and bodies', async (t) => {
    const fixture = await startFixture(t);
    const auth = { token: { id: USER.token } };
    assert.equal((await login(fixture, { auth: { ...auth, tenantName: USER.userId } })).status, 200);
    assert.equal((await login(fixture, { auth: { ...auth, tenantName: 'p' } })).status, 400);
    assert.equal((await login(fixture, { auth }, 'text/plain')).status, 400);
    assert.equal((await login(fixture, '{')).status, 400);
    assert.equal((await login(fixture, {})).status, 400);
    assert.equal((await login(fixture, { auth: { token: { id: 'x' } } })).status, 401);
  });

  it('gives the bare catalog to an empty body', async (t) => {
    const reply = await login(await startFixture(t), '');
    assert.equal(reply.status, 200);
    assert.equal(reply.json<Access>().access.user, undefined);
    assert.equal(reply.json<Access>().access.token, undefined);
  });
});

describe('tokens', () => {
  it('are checked on every request, the query parameter first', async (t) => {
    const { ask, askRoot, server } = await startFixture(t);
    assert.equal((await ask('HEAD', '/c', { isAnonymous: true })).status, 401);
    assert.equal((await ask('HEAD', '/c', { headers: { 'X-Auth-Token': 'x' } })).status, 401);
    assert.equal((await ask('HEAD', '/c?X-Auth-Token=x')).status, 401);
    assert.equal((await ask('HEAD', `/c?X-Auth-Token=${USER.token}`, { isAnonymous: true })).status, 204);
    const fault = (await ask('GET', '/c', { isAnonymous: true })).json<{ unauthorized: { code: number } }>();
    assert.equal(fault.unauthorized.code, 401);
    const base = new URL(server.url).pathname;
    assert.equal((await askRoot('HEAD', `${base}/u-other/c`)).status, 403);
    assert.equal((await askRoot('GET', '/elsewhere')).status, 404);
  });

  it('can be expired, renewed and revoked while the server runs', async (t) => {
    const fixture = await startFixture(t);
    const { ask, server } = fixture;
    const status = async (token: string) =>
      (await ask('HEAD', '/c', { headers: { 'X-Auth-Token': token } })).status;
    server.control.expireToken(USER.token);
    assert.equal(await status(USER.token), 401);
    assert.equal((await login(fixture, { auth: { token: { id: USER.token } } })).status, 401);
    server.control.renewToken(USER.userId, 'TOK-2');
    assert.equal(await status(USER.token), 401);
    assert.equal(await status('TOK-2'), 204);
    const { access } = (await login(fixture, { auth: { token: { id: 'TOK-2' } } })).json<Access>();
    assert.equal(access.user?.id, USER.userId);
    server.control.revokeToken('TOK-2');
    assert.equal(await status('TOK-2'), 401);
  });

  it('run out after thirty days', async (t) => {
    const { ask, server } = await startFixture(t);
    const day = 86_400_000_000;
    server.control.skewClock(29 * day);
    assert.equal((await ask('HEAD', '/c')).status, 204);
    server.control.skewClock(31 * day);
    assert.equal((await ask('HEAD', '/c')).status, 401);
  });
});
