/** Stores of one large file: each started here, and read past Holdfast for the digest of what it holds. */
import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import { request } from 'undici';
import { startSwift } from '#libs/services/swift.ts';
import { startS3Server } from '#libs/services/versitygw.ts';
import type { StoreKind } from '#ports/pair.ts';
import type { LastFirst } from '#test/support/last-first.ts';
import { benchPithos } from '../bench/services.ts';
import { rawSwift } from '../bench/stores.ts';
import { sha256Of } from './large-files.ts';

export interface LargeStore {
  /** What a store is added with. */
  readonly url: string;
  readonly secret: Readonly<Record<string, string>>;
  /** SHA-256 of an object in hex, as another client of the store finds it. */
  digestOf(container: string, name: string): Promise<string>;
}

export async function openLargeStore(undoing: LastFirst, kind: StoreKind, dir: string): Promise<LargeStore> {
  switch (kind) {
    case 's3':
      return openS3(undoing, join(dir, 's3'));
    case 'swift':
      return openSwift(undoing, join(dir, 'swift'));
    case 'pithos':
      return openPithos(undoing, join(dir, 'pithos'));
  }
}

async function openS3(undoing: LastFirst, dir: string): Promise<LargeStore> {
  const { url, accessKeyId, secretAccessKey, stop } = await startS3Server({ dir, dieWithParent: true });
  undoing.after(stop);
  return {
    url,
    secret: { accessKeyId, secretAccessKey },
    // Its buckets are folders.
    digestOf: (container, name) => sha256Of(createReadStream(join(dir, 'buckets', container, name))),
  };
}

async function openSwift(undoing: LastFirst, dir: string): Promise<LargeStore> {
  const swift = await startSwift({ dir });
  undoing.after(() => swift.stop());
  return {
    url: swift.authUrl,
    secret: { user: swift.user, key: swift.key },
    digestOf: async (container, name) => {
      const { url, token, close } = await rawSwift(swift, container, true);
      try {
        return await digestAt(`${url}/${name}`, token);
      } finally {
        await close();
      }
    },
  };
}

async function openPithos(undoing: LastFirst, dir: string): Promise<LargeStore> {
  const user = { token: 'soak-token', userId: 'soak' };
  const login = await benchPithos(undoing, dir, user);
  const storage = new URL(`/pithos/object-store/v1/${user.userId}`, login).href;
  return {
    url: login,
    secret: { token: user.token },
    digestOf: (container, name) => digestAt(`${storage}/${container}/${name}`, user.token),
  };
}

async function digestAt(url: string, token: string): Promise<string> {
  const { statusCode, body } = await request(url, { headers: { 'x-auth-token': token } });
  if (statusCode !== 200) throw new Error(`GET ${url} answered ${statusCode}: ${await body.text()}`);
  return sha256Of(body);
}
