/**
 * Differential: the same random requests to the Pithos server on a folder and to its model. They share
 * their rules, so this is about the tables in memory and the way of a request to the handlers.
 */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import fc from 'fast-check';
import { createDigest } from '#libs/digest/digest.ts';
import { createHttpClient, type HttpClient, type HttpResponse } from '#libs/http/client.ts';
import { startPithosServer } from '#libs/pithos-server/server.ts';
import { openModelClient } from '#libs/store-models/exchange.ts';
import { PITHOS_AUTH_URL, PITHOS_TOKEN, PithosModel } from '#libs/store-models/pithos-model.ts';
import { createSessions, type Sessions } from '#libs/store-pithos/auth.ts';
import { encodePath, encodePathHeader, headerText } from '#libs/store-pithos/wire.ts';
import { seeded } from '#test/core/seed.ts';
import { temporaryDirectory } from '#test/support/temporary-directory.ts';
import { createStillClock } from './still-clock.ts';

const BLOCK_SIZE = 4;
const NAMES = ['a', 'a b/ü', 'b', 'b/'];
const CONTENTS = ['', 'abcd', 'abcde', 'zz', 'zz\0\0z'];
const RUNS = 20;
const REQUESTS = 60;

type Headers = Readonly<Record<string, string>>;

/** One request below the container; `version` chooses among the serials seen so far. */
interface Ask {
  readonly method: string;
  readonly name: string | null;
  readonly query: Headers;
  readonly version: number | null;
  readonly headers: Headers;
  readonly body: string | null;
}

function blocksOf(content: string): string[] {
  const parts = content.match(/[\s\S]{1,4}/g) ?? [];
  return parts.map(merkleOf);
}

function merkleOf(content: string): string {
  const digest = createDigest({ algorithm: 'pithos', blockSize: BLOCK_SIZE });
  digest.update(Buffer.from(content));
  return digest.hex();
}

const name = fc.constantFrom(...NAMES);
const content = fc.constantFrom(...CONTENTS);
const version = fc.option(fc.nat(40), { freq: 1 });
const nothing: Ask = { method: '', name: null, query: {}, version: null, headers: {}, body: null };
const guard: fc.Arbitrary<Headers> = fc.oneof(
  fc.constant({}),
  fc.constant({ 'if-none-match': '*' }),
  content.map((text) => ({ 'if-match': merkleOf(text) })),
);

const putHashmap = fc
  .tuple(name, content, guard, fc.boolean())
  .map(([named, text, guarded, isMarked]): Ask => {
    const body = JSON.stringify({ bytes: Buffer.byteLength(text), hashes: blocksOf(text) });
    const marked: Headers = isMarked ? { 'X-Object-Meta-Mtime': '1700000000.123456789' } : {};
    const headers = { ...guarded, ...marked, 'content-type': 'application/octet-stream' };
    return { ...nothing, method: 'PUT', name: named, query: { hashmap: '', format: 'json' }, headers, body };
  });
const putData = fc.tuple(name, content, guard).map(([named, body, guarded]): Ask => {
  const headers = { ...guarded, 'content-type': 'application/directory' };
  return { ...nothing, method: 'PUT', name: named, headers, body };
});
const postBlocks = content.map((body): Ask => {
  const headers = { 'content-type': 'application/octet-stream' };
  return { ...nothing, method: 'POST', query: { update: '', format: 'json' }, headers, body };
});
const look = fc
  .tuple(
    fc.constantFrom('HEAD', 'GET'),
    name,
    version,
    fc.constantFrom<Headers>({}, { hashmap: '', format: 'json' }, { version: 'list', format: 'json' }),
    fc.constantFrom<Headers>({}, { range: 'bytes=0-1' }, { range: 'bytes=2-8' }),
  )
  .map(([method, named, chosen, query, headers]): Ask => {
    return { ...nothing, method, name: named, version: chosen, query, headers };
  });
const move = fc
  .tuple(fc.constantFrom('MOVE', 'COPY'), name, name, guard)
  .map(([method, named, to, guarded]): Ask => {
    const headers = { ...guarded, destination: encodePathHeader('c', to) };
    return { ...nothing, method, name: named, query: { ignore_content_type: '' }, headers };
  });
const moveFrom = fc.tuple(name, name, guard).map(([named, from, guarded]): Ask => {
  const headers = { ...guarded, 'x-move-from': encodePathHeader('c', from), 'content-length': '0' };
  return { ...nothing, method: 'PUT', name: named, query: { ignore_content_type: '' }, headers };
});
const remove = fc
  .tuple(name, guard, fc.constantFrom<Headers>({}, {}, {}, { until: '9999999999' }))
  .map(([named, headers, query]): Ask => ({ ...nothing, method: 'DELETE', name: named, headers, query }));
const list = fc
  .record(
    {
      limit: fc.constantFrom('1', '2', '100'),
      prefix: fc.constantFrom('a', 'a b', 'b/', '/b'),
      marker: fc.constantFrom('a', 'a b', 'b', 'c'),
      delimiter: fc.constant('/'),
      until: fc.constantFrom('1', '9999999999'),
    },
    { requiredKeys: [] },
  )
  .map((query): Ask => ({ ...nothing, method: 'GET', query: { ...query, format: 'json' } }));
const container = fc.constantFrom<Ask>(
  { ...nothing, method: 'HEAD' },
  { ...nothing, method: 'PUT' },
  { ...nothing, method: 'DELETE' },
  { ...nothing, method: 'DELETE', query: { delimiter: '/' } },
  { ...nothing, method: 'DELETE', query: { until: '9999999999' } },
  { ...nothing, method: 'POST', query: { update: '' }, headers: { 'X-Container-Policy-Versioning': 'none' } },
  { ...nothing, method: 'POST', query: { update: '' }, headers: { 'X-Container-Meta-Holdfast-Id': 'an id' } },
);
const ask: fc.Arbitrary<Ask> = fc.oneof(
  { weight: 6, arbitrary: putHashmap },
  { weight: 3, arbitrary: putData },
  { weight: 4, arbitrary: postBlocks },
  { weight: 8, arbitrary: look },
  { weight: 3, arbitrary: move },
  { weight: 2, arbitrary: moveFrom },
  { weight: 3, arbitrary: remove },
  { weight: 5, arbitrary: list },
  { weight: 2, arbitrary: container },
);

/** One of the two servers, with the serials it gave, in the order in which it gave them. */
class Side {
  readonly #http: HttpClient;
  readonly #sessions: Sessions;
  readonly #serials: number[] = [];

  constructor(http: HttpClient, authUrl: string, token: string) {
    this.#http = http;
    this.#sessions = createSessions(http, authUrl, async () => ({ token, user: null }));
  }

  async answer(asked: Ask, inContainer: string): Promise<unknown> {
    const response = await this.#send(asked, inContainer);
    const text = await response.text();
    const headers = this.#headers(asked, response);
    const isJson = asked.query['format'] === 'json' && response.status < 300 && text !== '';
    return { status: response.status, headers, body: isJson ? this.#plain(JSON.parse(text)) : text };
  }

  async #send(asked: Ask, inContainer: string): Promise<HttpResponse> {
    const { accountUrl, token } = await this.#sessions.current();
    const chosen = asked.version === null ? undefined : this.#serials[asked.version % this.#serials.length];
    const pinned: Headers = chosen === undefined ? {} : { version: String(chosen) };
    const query = new URLSearchParams({ ...pinned, ...asked.query });
    const path = asked.name === null ? '' : `/${encodePath(asked.name)}`;
    const destination = asked.headers['destination'] ?? asked.headers['x-move-from'];
    const placed: Record<string, string> = {};
    for (const [key, value] of Object.entries(asked.headers)) {
      placed[key] = value === destination ? value.replace('/c/', `/${inContainer}/`) : value;
    }
    return this.#http.request({
      method: asked.method,
      url: `${accountUrl}/${inContainer}${path}?${query}`,
      headers: { ...placed, 'x-auth-token': token },
      ...(asked.body === null ? {} : { body: asked.body }),
    });
  }

  #headers(asked: Ask, response: HttpResponse): unknown {
    const kept: Record<string, unknown> = {};
    for (const key of Object.keys(response.headers)) {
      const isAlike = /^(etag|available|content-(type|length|range)|x-(object|container)-.*)$/.test(key);
      if (isAlike && !/uuid|timestamp|policy-project|modified-by/.test(key)) {
        kept[key] = headerText(response.headers, key);
      }
    }
    // Of what names serials and uuids, which are not as long on both sides.
    if (asked.name === null || asked.query['version'] === 'list') delete kept['content-length'];
    const serial = /\d+/.exec(String(kept['x-object-version'] ?? ''))?.[0];
    if (serial !== undefined) kept['x-object-version'] = this.#label(Number(serial));
    return kept;
  }

  /** A serial by its place among those seen; both sides number from where they happen to be. */
  #label(serial: number): string {
    if (!this.#serials.includes(serial)) this.#serials.push(serial);
    return `serial ${this.#serials.indexOf(serial)}`;
  }

  #plain(value: unknown): unknown {
    if (!Array.isArray(value)) {
      const { versions, ...rest } = value as { versions?: [number, string][] };
      return versions === undefined ? rest : versions.map(([serial]) => this.#label(serial));
    }
    return value.map((row: unknown) => {
      if (typeof row !== 'object' || row === null || !('x_object_version' in row)) return row;
      const {
        name: named,
        bytes,
        content_type,
        hash,
        x_object_hash,
        x_object_version,
        ...rest
      } = row as Record<string, unknown>;
      const fields = Object.keys(rest)
        .sort()
        .filter((key) => key !== 'last_modified');
      return {
        named,
        bytes,
        content_type,
        hash,
        x_object_hash,
        serial: this.#label(Number(x_object_version)),
        fields,
      };
    });
  }
}

it('a model Pithos answers as the server on a folder', async (t) => {
  const dir = await temporaryDirectory(t, 'holdfast-pithos-');
  const users = [{ token: 'token-1', userId: 'user-1', name: 'User' }];
  const server = await startPithosServer({ dir, users, blockSize: BLOCK_SIZE });
  const http = createHttpClient({ connections: 2, timeoutMs: 30_000 });
  t.after(async () => {
    await http.close();
    await server.close();
  });
  const model = new PithosModel({ clock: createStillClock(), blockSize: BLOCK_SIZE });
  let containers = 0;
  const alike = fc.asyncProperty(
    fc.array(ask, { minLength: REQUESTS / 2, maxLength: REQUESTS }),
    async (asks) => {
      containers += 1;
      const named = `c${containers}`;
      const real = new Side(http, server.authUrl, 'token-1');
      const modelled = new Side(openModelClient(model), PITHOS_AUTH_URL, PITHOS_TOKEN);
      const first: Ask = { ...nothing, method: 'PUT' };
      for (const [index, asked] of [first, ...asks].entries()) {
        const expected = await real.answer(asked, named);
        const found = await modelled.answer(asked, named);
        assert.deepEqual(found, expected, `request ${index}: ${JSON.stringify(asked)}`);
      }
    },
  );
  await fc.assert(alike, seeded(t, RUNS));
});
