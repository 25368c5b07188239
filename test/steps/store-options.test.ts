import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MemoryDatabase } from '#libs/memory/database.ts';
import { atOnce } from '#libs/memory/step.ts';
import type { StoreKind } from '#ports/pair.ts';
import { addStore } from '#steps/operator/stores.ts';

const URLS: Readonly<Record<StoreKind, string>> = {
  s3: 'https://s3.example.org',
  swift: 'https://swift.example.org/auth/v1.0',
  pithos: 'https://accounts.example.org/identity/v2.0',
};

function add(kind: StoreKind, options: Record<string, string>, url = URLS[kind]) {
  const registry = new MemoryDatabase({ now: Date.now }).registry(atOnce);
  const sides = { login: () => Promise.resolve() };
  const secret = { from: 'env', at: 'KEYS' } as const;
  return addStore({ registry, sides }, { name: 'store', kind, url, secret, options, check: false });
}

test('a store takes the options of its kind', async () => {
  const s3 = {
    region: 'eu-central-1',
    addressing: 'path',
    'x-amz-server-side-encryption': 'aws:kms',
    'x-amz-server-side-encryption-aws-kms-key-id': 'arn:aws:kms:eu-central-1:1:key/2',
    'x-amz-storage-class': 'STANDARD_IA',
  };
  assert.deepEqual((await add('s3', s3)).kind, 's3');
  assert.deepEqual((await add('swift', { region: 'one', interface: 'internal' })).kind, 'swift');
});

const WRONG: readonly (readonly [StoreKind, Record<string, string>, RegExp, string?])[] = [
  ['s3', { adressing: 'path' }, /has no option "adressing"; choose from region, addressing/],
  ['s3', { addressing: 'host' }, /addressing of a s3 store must be path or virtual, not "host"/],
  ['s3', { region: 'eu central' }, /region .* such as eu-central-1/],
  ['s3', { 'x-amz-server-side-encryption': 'DES' }, /must be AES256, aws:kms/],
  ['s3', { 'x-amz-server-side-encryption-customer-key': 'x' }, /SSE-C/],
  ['s3', { 'x-amz-server-side-encryption-context': 'a\nb' }, /plain text of a header/],
  ['s3', { constructor: 'x' }, /has no option/],
  ['swift', { addressing: 'path' }, /swift store has no option "addressing"; choose from region, interface/],
  ['pithos', { region: 'one' }, /it has none/],
  ['s3', {}, /endpoint, such as https:\/\/s3\.eu-central-1/, 's3://bucket'],
  ['s3', {}, /has no query/, 'https://s3.example.org/?bucket=x'],
];

for (const [kind, options, message, url] of WRONG) {
  test(`a ${kind} store with ${url ?? JSON.stringify(options)} is refused in a sentence`, async () => {
    await assert.rejects(add(kind, options, url), { code: 'usage', message });
  });
}
