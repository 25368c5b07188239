/** Logins: all pairs of an account share one, and the next one uses a secret that was replaced meanwhile, without a restart. */
import assert from 'node:assert/strict';
import { rename, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { it, type TestContext } from 'node:test';
import { NO_GENERATIONS } from '#core/generation.ts';
import { createSides } from '#libs/compose/sides.ts';
import { startPithosServer } from '#libs/pithos-server/server.ts';
import { systemClock } from '#libs/runtime/clock.ts';
import type { S3Login } from '#libs/services/versitygw.ts';
import { HoldfastError } from '#ports/errors.ts';
import type { Log } from '#ports/log.ts';
import type { Pair } from '#ports/pair.ts';
import { FleetLimits } from '#steps/fleet-limits.ts';
import { s3 } from '#test/support/services.ts';
import { temporaryDirectory } from '#test/support/temporary-directory.ts';

const login = await s3();
const noS3 = login === null ? 'there is no S3 server here; npm run test:stores builds one' : false;

const SILENT: Log = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  child: () => SILENT,
};

it('a replaced secret file is used at the next login, also after the old secret was refused', async (t) => {
  const { server, sides, secretFile, replaceSecret } = await openAccount(t);
  const { store } = await sides.open(pairOf(server.authUrl, secretFile));
  await store.container();

  server.control.renewToken('user', 'second');
  await assert.rejects(store.container(), isRefused, 'the old token is no longer valid');
  await replaceSecret('second');
  await store.container();

  await replaceSecret('third');
  await store.container();
  server.control.renewToken('user', 'third');
  await store.container();
});

it('all pairs of an account log in once, and once more when its token has ended', async (t) => {
  const { server, sides, secretFile, replaceSecret } = await openAccount(t);
  const logins = (): number => server.control.stats().byKind['identity'] ?? 0;
  const pairs = [1, 2, 3].map((id) => ({ ...pairOf(server.authUrl, secretFile), id, uid: `uid-${id}` }));
  const look = async (): Promise<void> => {
    await Promise.all(pairs.map(async (pair) => (await sides.open(pair)).store.container()));
  };
  await look();
  assert.equal(logins(), 1);
  server.control.renewToken('user', 'second');
  await replaceSecret('second');
  await look();
  await look();
  assert.equal(logins(), 2);
});

it('who asks whether a login works is not answered from another one', async (t) => {
  const { server, sides, secretFile, replaceSecret } = await openAccount(t);
  const pair = pairOf(server.authUrl, secretFile);
  await (await sides.open(pair)).store.container();
  await replaceSecret('nobody has it');
  await assert.rejects(sides.login(pair.store), isRefused);
});

it('keys that S3 does not know are told from keys that may not do everything', { skip: noS3 }, async (t) => {
  const { sides, secretFile, replaceSecret } = await openAccount(t);
  const { accessKeyId, secretAccessKey, url } = login as S3Login;
  const store = {
    name: 's3',
    kind: 's3',
    url,
    secret: { from: 'file', at: secretFile },
    options: {},
  } as const;
  await replaceSecret(JSON.stringify({ accessKeyId, secretAccessKey }));
  await sides.login(store);
  await replaceSecret(JSON.stringify({ accessKeyId, secretAccessKey: 'not it' }));
  await assert.rejects(sides.login(store), isRefused);

  // What another store answers to a bucket that these keys are not for, and to keys that nobody has.
  let code = 'AccessDenied';
  const refusing = createServer((request, response) => {
    request.resume();
    response.writeHead(403, { 'content-type': 'application/xml' }).end(`<Error><Code>${code}</Code></Error>`);
  });
  await new Promise<void>((resolve) => refusing.listen(0, '127.0.0.1', resolve));
  t.after(() => refusing.close());
  const elsewhere = { ...store, url: `http://127.0.0.1:${(refusing.address() as AddressInfo).port}` };
  await sides.login(elsewhere);
  code = 'InvalidAccessKeyId';
  await assert.rejects(sides.login(elsewhere), isRefused);
});

async function openAccount(t: TestContext) {
  const dir = await temporaryDirectory(t, 'holdfast-rotation-');
  const server = await startPithosServer({
    dir: join(dir, 'store'),
    users: [{ token: 'first', userId: 'user', name: 'User' }],
  });
  t.after(() => server.close());
  server.control.ensureContainer('user', 'files');
  const secretFile = join(dir, 'secret');
  const replaceSecret = async (secret: string): Promise<void> => {
    await writeFile(`${secretFile}.new`, secret, { mode: 0o600 });
    await rename(`${secretFile}.new`, secretFile);
  };
  await replaceSecret('first');
  const sides = createSides({
    clock: systemClock,
    log: SILENT,
    readVariable: () => undefined,
    limits: new FleetLimits({
      book: { read: async () => ({ rules: [], processes: 1 }) },
      meter: null,
      clock: systemClock,
      log: SILENT,
    }),
    connections: 2,
  });
  t.after(() => sides.close());
  return { server, sides, secretFile, replaceSecret };
}

function isRefused(thrown: unknown): boolean {
  return thrown instanceof HoldfastError && thrown.code === 'credentials-refused';
}

function pairOf(url: string, secretFile: string): Pair {
  return {
    id: 1,
    uid: 'uid',
    name: 'pair',
    store: {
      id: 1,
      name: 'store',
      kind: 'pithos',
      url,
      secret: { from: 'file', at: secretFile },
      options: {},
    },
    container: 'files',
    identity: null,
    containerCreatedAt: null,
    folder: '/nowhere',
    volume: 'default',
    policies: { conflict: 'upstream', deleteVsEdit: 'upstream', direction: 'both' },
    excludes: [],
    ignoreText: '',
    versioning: true,
    capabilities: null,
    folderFacts: null,
    retention: { days: null, bytes: null },
    paused: false,
    disabled: null,
    union: null,
    revision: 1,
    scanWanted: 1n,
    scanDone: 0n,
    pollWanted: 1n,
    pollDone: 0n,
    generations: NO_GENERATIONS,
  };
}
