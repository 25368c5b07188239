/** Raw S3: what another client does to the same bucket, past the adapter, signed by hand. */
import assert from 'node:assert/strict';
import { createHash, createHmac } from 'node:crypto';
import { Agent } from 'undici';
import type { S3Login } from '#libs/services/versitygw.ts';
import type { OtherWriter } from '#test/conformance/object-store.ts';

export interface RawAnswer {
  readonly status: number;
  readonly headers: Record<string, string | string[] | undefined>;
  readonly text: string;
  readonly bytes: Buffer;
}

export interface RawRequest {
  readonly method: string;
  /** Null addresses the bucket. */
  readonly key: string | null;
  /** Name and value, encoded and in order. */
  readonly query?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | string;
}

export interface RawS3 extends OtherWriter {
  readonly bucket: string;
  send(request: RawRequest): Promise<RawAnswer>;
  createBucket(versioned: boolean): Promise<void>;
  /** Raw keys in the bucket, hidden ones too. */
  keys(): Promise<string[]>;
  close(): Promise<void>;
}

const encode = (text: string): string =>
  encodeURIComponent(text).replaceAll(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
const sha256 = (data: string | Uint8Array): string => createHash('sha256').update(data).digest('hex');
const hmac = (key: string | Buffer, text: string): Buffer => createHmac('sha256', key).update(text).digest();

/** Signature version 4 of exactly these headers. */
function signed(login: S3Login, request: RawRequest, path: string, host: string): Record<string, string> {
  const now = new Date().toISOString().replaceAll(/[-:]|\.\d{3}/g, '');
  const scope = `${now.slice(0, 8)}/${login.region}/s3/aws4_request`;
  const bodyHash = sha256(request.body ?? '');
  const headers: Record<string, string> = {
    ...request.headers,
    host,
    'x-amz-date': now,
    'x-amz-content-sha256': bodyHash,
  };
  const names = Object.keys(headers).sort();
  const canonical = [
    request.method,
    path,
    request.query ?? '',
    ...names.map((name) => `${name}:${headers[name]}`),
    '',
    names.join(';'),
    bodyHash,
  ].join('\n');
  const toSign = ['AWS4-HMAC-SHA256', now, scope, sha256(canonical)].join('\n');
  const day = hmac(`AWS4${login.secretAccessKey}`, now.slice(0, 8));
  const key = hmac(hmac(hmac(day, login.region), 's3'), 'aws4_request');
  const signature = createHmac('sha256', key).update(toSign).digest('hex');
  const credential = `${login.accessKeyId}/${scope}`;
  return {
    ...headers,
    authorization: `AWS4-HMAC-SHA256 Credential=${credential}, SignedHeaders=${names.join(';')}, Signature=${signature}`,
  };
}

const VERSIONING =
  '<VersioningConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Status>Enabled</Status></VersioningConfiguration>';

export function openRawS3(login: S3Login, bucket: string): RawS3 {
  const agent = new Agent({ allowH2: false, connections: 4 });
  const { origin, host } = new URL(login.url);
  let wasVersioned = false;

  const send: RawS3['send'] = async (request) => {
    const path = `/${encode(bucket)}${request.key === null ? '' : `/${request.key.split('/').map(encode).join('/')}`}`;
    const { statusCode, headers, body } = await agent.request({
      origin,
      path: request.query === undefined ? path : `${path}?${request.query}`,
      method: request.method as 'GET',
      headers: signed(login, request, path, host),
      body: request.body === undefined ? null : Buffer.from(request.body),
    });
    const bytes = Buffer.from(await body.arrayBuffer());
    return { status: statusCode, headers, bytes, text: bytes.toString() };
  };
  const expect = async (statuses: readonly number[], request: RawRequest): Promise<RawAnswer> => {
    const answer = await send(request);
    const said = `${request.method} ${request.key} answered ${answer.status}: ${answer.text.slice(0, 300)}`;
    assert.ok(statuses.includes(answer.status), said);
    return answer;
  };
  const withoutEntities = (text: string): string =>
    text.replaceAll(
      /&(lt|gt|quot|apos|amp|#x?[0-9a-fA-F]+);/g,
      (_, word: string) => ENTITIES[word] ?? numbered(word),
    );
  const decoded = (key: string, text: string): string =>
    text.includes('<EncodingType>url<')
      ? decodeURIComponent(withoutEntities(key).replaceAll('+', ' '))
      : withoutEntities(key);
  const keys = async (): Promise<string[]> => {
    const query = 'encoding-type=url&list-type=2&max-keys=1000';
    const { status, text } = await send({ method: 'GET', key: null, query });
    if (status === 404) return [];
    return [...text.matchAll(/<Key>([^<]*)<\/Key>/g)].map(([, key = '']) => decoded(key, text));
  };
  const empty = async (): Promise<void> => {
    const { text } = await send({
      method: 'GET',
      key: null,
      query: 'encoding-type=url&max-keys=1000&versions=',
    });
    // The newest version last: Swift's S3 layer hangs when it is to bring an older one back.
    const rows = [...text.matchAll(/<(Version|DeleteMarker)>.*?<\/\1>/gs)].map(([row]) => row);
    const isLatest = (row: string): number => (row.includes('<IsLatest>true') ? 1 : 0);
    for (const row of rows.toReversed().sort((a, b) => isLatest(a) - isLatest(b))) {
      const key = decoded(/<Key>([^<]*)</.exec(row)?.[1] ?? '', text);
      const version = /<VersionId>([^<]*)</.exec(row)?.[1] ?? 'null';
      await expect([204, 404], { method: 'DELETE', key, query: `versionId=${encode(version)}` });
    }
    for (const key of (await keys()).toReversed()) await expect([204, 404], { method: 'DELETE', key });
  };

  const raw: RawS3 = {
    bucket,
    send,
    keys,
    put: async (key, bytes) => {
      await expect([200], { method: 'PUT', key, body: bytes });
    },
    putDirectory: async (name) => {
      await expect([200], { method: 'PUT', key: `${name}/`, body: '' });
    },
    putUnhandled: null,
    remove: async (name) => {
      // A directory is the marker of its name; a gateway to a file system fails on the other key of the two.
      const marker = await send({ method: 'HEAD', key: `${name}/` });
      await expect([204, 404], { method: 'DELETE', key: marker.status === 200 ? `${name}/` : name });
    },
    get: async (key) => {
      const { status, bytes } = await expect([200, 404], { method: 'GET', key });
      return status === 404 ? null : bytes;
    },
    createBucket: async (versioned) => {
      wasVersioned = versioned;
      await expect([200], { method: 'PUT', key: null });
      if (versioned)
        await expect([200], { method: 'PUT', key: null, query: 'versioning=', body: VERSIONING });
    },
    dropContainer: async () => {
      for (let attempt = 1; ; attempt += 1) {
        await empty();
        const { status, text } = await send({ method: 'DELETE', key: null });
        if (status === 204 || status === 404) return;
        assert.ok(status === 409 && attempt < 20, `DELETE of the bucket answered ${status}: ${text}`);
      }
    },
    recreateContainer: async () => {
      await raw.dropContainer();
      await raw.createBucket(wasVersioned);
    },
    close: () => agent.destroy(),
  };
  return raw;
}

const ENTITIES: Readonly<Record<string, string>> = { lt: '<', gt: '>', quot: '"', apos: "'", amp: '&' };

function numbered(word: string): string {
  const isHex = word.startsWith('#x');
  return String.fromCodePoint(Number.parseInt(word.slice(isHex ? 2 : 1), isHex ? 16 : 10));
}
