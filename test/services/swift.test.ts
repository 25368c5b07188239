// The real Swift of the tests: logs in, and the handle does what it says.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { swift } from '#test/support/services.ts';

test('the shared Swift keeps an object', async (t) => {
  const server = await swift();
  if (server === null) return t.skip('no Swift on this machine');
  const login = await fetch(server.authUrl, {
    headers: { 'X-Auth-User': server.user, 'X-Auth-Key': server.key },
  });
  assert.equal(login.status, 200);
  const url = `${login.headers.get('x-storage-url')}/services-test-${process.pid}`;
  const headers = { 'X-Auth-Token': login.headers.get('x-auth-token') ?? '' };
  assert.equal((await fetch(url, { method: 'PUT', headers })).status, 201);
  assert.equal((await fetch(`${url}/o`, { method: 'PUT', headers, body: 'text' })).status, 201);
  assert.equal(await (await fetch(`${url}/o`, { headers })).text(), 'text');
  await server.settle();
  assert.equal((await fetch(`${url}/o`, { method: 'DELETE', headers })).status, 204);
  assert.equal((await fetch(url, { method: 'DELETE', headers })).status, 204);
});
