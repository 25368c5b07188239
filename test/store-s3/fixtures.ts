/** Fixtures of the S3 tests: a fresh bucket on a real server, with the store under test and a raw client. */
import assert from 'node:assert/strict';
import { createHash, randomUUID } from 'node:crypto';
import { Turns } from '#core/turns.ts';
import { createHttpClient, type HttpClient } from '#libs/http/client.ts';
import type { S3Login } from '#libs/services/versitygw.ts';
import { openS3Store } from '#libs/store-s3/store.ts';
import type { ObjectStore, StoreCapabilities } from '#ports/object-store.ts';
import type { LargeFixture, OpenedStore } from '#test/conformance/object-store.ts';
import { CLOCK, SILENT } from '#test/store-swift/fixtures.ts';
import { openRawS3, type RawS3 } from './raw-s3.ts';

export interface OpenedS3 extends OpenedStore {
  readonly other: RawS3;
  readonly http: HttpClient;
  /** Opens one more store on the bucket. */
  open(changes?: { http?: HttpClient; capabilities?: StoreCapabilities; pairId?: string }): ObjectStore;
}

interface Cleanup {
  after(work: () => Promise<void>): void;
}

export interface S3Kind {
  readonly versioning: boolean;
  /** What the adapter is to believe of the endpoint instead of what it finds. */
  readonly believing?: Partial<StoreCapabilities>;
  /** Names that this server takes and no folder can hold. */
  readonly unsyncableRawNames: readonly string[];
  /** As the contract's `filesStayFiles` and `losesByDelete`. */
  readonly cannot?: Pick<OpenedStore, 'filesStayFiles' | 'losesByDelete'>;
}

/** What Swift takes for a name and no folder can hold. */
export const SWIFT_RAW_NAMES = ['a//b', 'trailing/', 'new\nline', 'a\ttab', 'nul-free\u0001'];

/** Servers refuse smaller ones. */
const LEAST_PART = 5 * 1024 * 1024;

const IDENTITY = 'pair-1';
const probed = new Map<string, StoreCapabilities>();

export async function openS3(t: Cleanup, login: S3Login, kind: S3Kind): Promise<OpenedS3> {
  const bucket = `test-${randomUUID()}`;
  const http = createHttpClient({ connections: 8, timeoutMs: 30_000 });
  const other = openRawS3(login, bucket);
  t.after(async () => {
    await other.dropContainer();
    await other.close();
    await http.close();
  });
  const { url, region, accessKeyId, secretAccessKey } = login;
  const open: OpenedS3['open'] = (changes = {}) =>
    openS3Store({
      endpoint: { url, region, addressing: 'path' },
      credentials: async () => ({ accessKeyId, secretAccessKey }),
      bucket,
      pairId: 'pair-1',
      writeHeaders: {},
      turns: new Turns(4),
      sizes: { thresholdBytes: LEAST_PART, leastBytes: LEAST_PART },
      http,
      clock: CLOCK,
      log: SILENT,
      ...changes,
    });
  // Probing costs more than most tests: what the first attach of a kind found holds for the others.
  const word = `${url} ${kind.versioning}`;
  await other.createBucket(kind.versioning);
  const known = probed.get(word);
  if (known === undefined) {
    const first = open();
    await first.attach({ create: false, versioning: kind.versioning, identity: IDENTITY });
    probed.set(word, first.capabilities);
  } else {
    await other.put('.holdfast/identity', Buffer.from(IDENTITY));
  }
  const capabilities = { ...probed.get(word)!, ...kind.believing };
  return {
    store: open({ capabilities }),
    second: open({ capabilities }),
    open: (changes) => open({ capabilities, ...changes }),
    other,
    http,
    identity: IDENTITY,
    hash: (bytes) => createHash('md5').update(bytes).digest('hex'),
    unsyncableRawNames: kind.unsyncableRawNames,
    // Without versions a commit has less to do, and nothing that small content does not show.
    ...(kind.versioning
      ? { large: largeFixture(http, (client) => open({ capabilities, http: client })) }
      : {}),
    ...kind.cannot,
  };
}

/** What `putInParts` uploads. */
export const PARTS = Buffer.alloc(5 * 1024 * 1024 + 7, 'x');

export async function putInParts(
  { other }: OpenedS3,
  key: string,
  headers: Record<string, string>,
): Promise<void> {
  const begun = await other.send({ method: 'POST', key, query: 'uploads=', headers });
  const id = /<UploadId>([^<]+)</.exec(begun.text)?.[1] ?? assert.fail(begun.text);
  const rows: string[] = [];
  for (const [number, body] of [
    PARTS.subarray(0, 5 * 1024 * 1024),
    PARTS.subarray(5 * 1024 * 1024),
  ].entries()) {
    const query = `partNumber=${number + 1}&uploadId=${id}`;
    const part = await other.send({ method: 'PUT', key, query, body });
    rows.push(`<Part><PartNumber>${number + 1}</PartNumber><ETag>${part.headers['etag']}</ETag></Part>`);
  }
  const body = `<CompleteMultipartUpload>${rows.join('')}</CompleteMultipartUpload>`;
  const ended = await other.send({ method: 'POST', key, query: `uploadId=${id}`, body });
  assert.equal(ended.status, 200, ended.text);
}

function largeFixture(http: HttpClient, open: LargeFixture['open']): LargeFixture {
  return {
    partBytes: LEAST_PART,
    http,
    open,
    partOf: ({ method, url }) => (method === 'PUT' ? new URL(url).searchParams.get('partNumber') : null),
    isLast: ({ method, url }) => method === 'POST' && new URL(url).searchParams.has('uploadId'),
  };
}
