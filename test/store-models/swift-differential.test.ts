/**
 * Differential: the same random requests, of the kinds that the adapter sends, to a real Swift and
 * to its model. Status, the headers that matter and bodies must be alike; ids and times may differ.
 */
import assert from 'node:assert/strict';
import { createHash, randomUUID } from 'node:crypto';
import { it } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { createHttpClient, type HttpClient, type HttpResponse } from '#libs/http/client.ts';
import { openModelClient } from '#libs/store-models/exchange.ts';
import { SWIFT_AUTH_URL, SWIFT_CREDENTIALS, SwiftModel } from '#libs/store-models/swift-model.ts';
import { type AccountRequest, createLogin, openSession, type Session } from '#libs/store-swift/session.ts';
import { seeded } from '#test/core/seed.ts';
import { swift } from '#test/support/services.ts';
import { createStillClock } from './still-clock.ts';

const NAMES = ['a', 'a b/ü', 'b'];
const CONTENTS = ['', 'x', 'some content', 'other content'];
const RUNS = 8;
const REQUESTS = 40;
/** So often a real listing that is behind is let catch up. */
const SETTLES = 3;

/** One request; numbers choose among the version ids that were seen so far. */
type Ask =
  | {
      readonly kind: 'put';
      readonly name: string;
      readonly content: string;
      readonly type: string;
      readonly headers: Readonly<Record<string, string>>;
    }
  | {
      readonly kind: 'large';
      readonly name: string;
      /** What its segments hold; their container is another one. */
      readonly contents: readonly string[];
      readonly says: 'truth' | 'wrong segment' | 'wrong etag';
      readonly headers: Readonly<Record<string, string>>;
    }
  | {
      readonly kind: 'HEAD' | 'GET' | 'DELETE';
      readonly name: string;
      readonly version: number | null;
      readonly headers: Readonly<Record<string, string>>;
    }
  | {
      readonly kind: 'copy';
      readonly name: string;
      readonly version: number | null;
      readonly to: string;
      /** Null: whatever it is, and a large object as its list of segments. */
      readonly etag: string | null;
    }
  | { readonly kind: 'list'; readonly query: Readonly<Record<string, string>>; readonly after: number | null }
  | {
      readonly kind: 'container';
      readonly method: string;
      readonly headers: Readonly<Record<string, string>>;
    };

interface Answer {
  readonly status: number;
  readonly headers: unknown;
  readonly body: unknown;
}

function md5(text: string): string {
  return createHash('md5').update(text).digest('hex');
}

const name = fc.constantFrom(...NAMES);
const content = fc.constantFrom(...CONTENTS);
const version = fc.option(fc.nat(20), { freq: 2 });
const noHeaders = fc.constant({});

const put = fc.record({
  kind: fc.constant('put' as const),
  name,
  content,
  type: fc.constantFrom('application/octet-stream', 'application/directory'),
  headers: fc.oneof(
    noHeaders,
    fc.constant({ 'if-none-match': '*' }),
    fc.constant({ 'if-match': md5('never') }),
    fc.constant({ 'if-none-match': md5('never') }),
    content.map((text) => ({ etag: md5(text) })),
    fc.constant({ 'x-object-meta-mtime': '1700000000.123456789', 'x-object-meta-mode': '100644' }),
  ),
});
const large = fc.record({
  kind: fc.constant('large' as const),
  name,
  contents: fc.array(fc.constantFrom(...CONTENTS.filter((text) => text !== '')), {
    minLength: 1,
    maxLength: 3,
  }),
  says: fc.constantFrom('truth', 'truth', 'truth', 'wrong segment', 'wrong etag'),
  headers: fc.oneof(noHeaders, fc.constant({ 'if-none-match': '*' })),
});
const look = fc.record({
  kind: fc.constantFrom('HEAD' as const, 'GET' as const),
  name,
  version,
  headers: fc.oneof(
    noHeaders,
    content.map((text) => ({ 'if-match': md5(text) })),
    content.map((text) => ({ 'if-match': md5(md5(text)) })),
    fc.constantFrom('bytes=0-3', 'bytes=2-2', 'bytes=5-100').map((range) => ({ range })),
  ),
});
const remove = fc.record({
  kind: fc.constant('DELETE' as const),
  name,
  version,
  headers: fc.oneof(noHeaders, fc.constant({ 'if-match': md5('never') })),
});
const copy = fc.record({
  kind: fc.constant('copy' as const),
  name,
  version,
  to: name,
  etag: fc.oneof(content.map(md5), fc.constant(null)),
});
const list = fc.record({
  kind: fc.constant('list' as const),
  query: fc.record(
    {
      versions: fc.constant(''),
      limit: fc.constantFrom('1', '2', '3', '16', '10000', '10001'),
      prefix: fc.constantFrom('', 'a', 'a b', 'b'),
      marker: fc.constantFrom('a', 'a b', 'b', 'c', 'a\u{10ffff}', '`\u{10ffff}'),
    },
    { requiredKeys: [] },
  ),
  after: version,
});
const container = fc.record({
  kind: fc.constant('container' as const),
  method: fc.constantFrom('PUT', 'POST', 'POST', 'HEAD', 'DELETE'),
  headers: fc.oneof(
    noHeaders,
    fc.constant({ 'x-versions-enabled': 'true' }),
    fc.constant({ 'x-container-meta-holdfast-id': 'an identity' }),
  ),
});
const ask: fc.Arbitrary<Ask> = fc.oneof(
  { weight: 6, arbitrary: put },
  { weight: 3, arbitrary: large },
  { weight: 4, arbitrary: look },
  { weight: 4, arbitrary: remove },
  { weight: 2, arbitrary: copy },
  { weight: 6, arbitrary: list },
  { weight: 1, arbitrary: container },
);

/** One of the two servers, with the version ids it gave, in the order in which it gave them. */
class Side {
  readonly #session: Session;
  readonly #path: string;
  readonly #ids: string[] = [];
  #hasLarge = false;

  constructor(http: HttpClient, url: string, credentials: Readonly<Record<string, string>>, named: string) {
    this.#session = openSession(http, createLogin(http, { url, credentials: async () => credentials }));
    this.#path = `/${encodeURIComponent(named)}`;
  }

  async answer(asked: Ask): Promise<Answer> {
    this.#hasLarge ||= asked.kind === 'large';
    if (asked.kind === 'large') await this.#putSegments(asked.contents);
    const response = await this.#session.send(this.#request(asked));
    const isWrite =
      asked.kind === 'put' || asked.kind === 'large' || asked.kind === 'copy' || asked.kind === 'DELETE';
    const id = response.headers['x-object-version-id'];
    if (isWrite && id !== undefined && id !== 'null' && !this.#ids.includes(id)) this.#ids.push(id);
    return {
      status: response.status,
      headers: this.#headers(asked, response),
      body: await this.#body(asked, response),
    };
  }

  async drop(): Promise<void> {
    for (let attempt = 0; attempt < 20; attempt += 1) {
      const rows = [...(await this.#rows('?versions&format=json')), ...(await this.#rows('?format=json'))];
      for (const row of rows) {
        const id = row['version_id'];
        const query = id === undefined ? '' : `?version-id=${id}`;
        await this.#send('DELETE', `${encodePath(String(row['name']))}${query}`);
      }
      const { status } = await this.#send('DELETE', '');
      if (status === 204 || status === 404) return;
    }
    throw new Error('the container does not get empty');
  }

  async #putSegments(contents: readonly string[]): Promise<void> {
    const path = `${this.#path}-segments`;
    await this.#session.send({ method: 'PUT', path });
    for (const text of contents) {
      const { status } = await this.#session.send({
        method: 'PUT',
        path: `${path}/${md5(text)}`,
        body: () => text,
      });
      assert.equal(status, 201);
    }
  }

  async #rows(query: string): Promise<Record<string, unknown>[]> {
    const response = await this.#send('GET', query);
    return response.status === 200 ? ((await response.json()) as Record<string, unknown>[]) : [];
  }

  #send(method: string, path: string): Promise<HttpResponse> {
    return this.#session.send({ method, path: `${this.#path}${path}` });
  }

  #request(asked: Ask): AccountRequest {
    switch (asked.kind) {
      case 'put': {
        const headers = { 'content-type': asked.type, ...asked.headers };
        return { method: 'PUT', path: this.#pathOf(asked.name, null), headers, body: () => asked.content };
      }
      case 'large': {
        const holder = `${decodeURIComponent(this.#path)}-segments`;
        const etags = asked.contents.map(md5);
        const rows = asked.contents.map((text, index) => ({
          path: `${holder}/${etags[index]}`,
          etag: asked.says === 'wrong segment' ? md5('never') : etags[index],
          size_bytes: text.length,
        }));
        const etag = asked.says === 'wrong etag' ? md5('never') : md5(etags.join(''));
        const headers = { 'content-type': 'application/octet-stream', etag, ...asked.headers };
        const path = `${this.#pathOf(asked.name, null)}?multipart-manifest=put`;
        return { method: 'PUT', path, headers, body: () => JSON.stringify(rows) };
      }
      case 'HEAD':
      case 'GET':
      case 'DELETE':
        return { method: asked.kind, path: this.#pathOf(asked.name, asked.version), headers: asked.headers };
      case 'copy': {
        const destination = `${this.#path.slice(1)}${encodePath(asked.to)}`;
        const from = this.#pathOf(asked.name, asked.version);
        if (asked.etag !== null)
          return { method: 'COPY', path: from, headers: { destination, 'if-match': asked.etag } };
        const path = `${from}${from.includes('?') ? '&' : '?'}multipart-manifest=get`;
        return { method: 'COPY', path, headers: { destination } };
      }
      case 'list': {
        const { query, after } = asked;
        const id = this.#idAt(after);
        const isAfter = id !== null && 'versions' in query && 'marker' in query;
        const whole = { ...query, format: 'json', ...(isAfter ? { version_marker: id } : {}) };
        return { method: 'GET', path: `${this.#path}?${new URLSearchParams(whole)}` };
      }
      case 'container':
        return { method: asked.method, path: this.#path, headers: asked.headers };
      default:
        return asked satisfies never;
    }
  }

  #pathOf(named: string, chosen: number | null): string {
    const id = this.#idAt(chosen);
    return `${this.#path}${encodePath(named)}${id === null ? '' : `?version-id=${id}`}`;
  }

  #idAt(chosen: number | null): string | null {
    return chosen === null ? null : (this.#ids[chosen % this.#ids.length] ?? null);
  }

  /** An id by its place; what was written before there were versions has none that both sides know. */
  #label(id: unknown): string {
    const index = this.#ids.indexOf(String(id));
    return id === undefined || id === 'null' ? String(id) : index < 0 ? 'from before' : `id ${index}`;
  }

  #headers(asked: Ask, { status, headers }: HttpResponse): unknown {
    const kept: Record<string, unknown> = {};
    const keep = (pattern: RegExp): void => {
      for (const [key, value] of Object.entries(headers)) if (pattern.test(key)) kept[key] = value;
    };
    if (asked.kind === 'container' || asked.kind === 'list') {
      keep(/^x-(container-meta-|container-object-count$|container-bytes-used$|versions-enabled$)/);
      // A real one counts the bytes of its versions from a cache, which may be a minute old.
      // Each of them has its own text for a list of segments.
      if (kept['x-versions-enabled'] !== undefined || this.#hasLarge) delete kept['x-container-bytes-used'];
      return kept;
    }
    kept['version'] = this.#label(headers['x-object-version-id']);
    if (status >= 300 || asked.kind === 'DELETE') return kept;
    const isList = headers['x-static-large-object'] !== undefined;
    // Of a copied list it is that of the list, whose text each of them chooses by itself.
    if (asked.kind !== 'copy' || asked.etag !== null) kept['etag'] = headers['etag']?.replaceAll('"', '');
    kept['large'] = isList && headers['x-manifest-etag'] !== undefined;
    if (asked.kind === 'put' || asked.kind === 'large' || asked.kind === 'copy') return kept;
    keep(/^(content-(type|length|range)$|x-object-meta-)/);
    kept['has time'] = headers['x-timestamp'] !== undefined;
    kept['leads to'] = this.#label(/version-id=(.*)/.exec(headers['content-location'] ?? '')?.[1]);
    return kept;
  }

  async #body(asked: Ask, response: HttpResponse): Promise<unknown> {
    if (response.status >= 300 || response.status === 204) return response.discard();
    if (asked.kind === 'GET') return response.text();
    if (asked.kind !== 'list') return response.discard();
    const rows = (await response.json()) as Record<string, unknown>[];
    return rows.map(({ last_modified: time, version_id: id, symlink_path: path, ...row }) => ({
      ...row,
      hash: row['slo_etag'] === undefined ? row['hash'] : 'of a list',
      time: typeof time === 'string' && /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}$/.test(time),
      id: this.#label(id),
      link: this.#label(/version-id=(.*)/.exec(String(path))?.[1]),
    }));
  }
}

function encodePath(named: string): string {
  return `/${named.split('/').map(encodeURIComponent).join('/')}`;
}

const real = await swift();
const skip = real === null ? 'there is no Swift here' : false;

it('a model Swift answers as a real one', { skip }, async (t) => {
  assert.ok(real !== null);
  const http = createHttpClient({ connections: 2, timeoutMs: 30_000 });
  t.after(() => http.close());
  const whole = fc.array(ask, { minLength: REQUESTS / 2, maxLength: REQUESTS });
  const alike = fc.asyncProperty(fc.boolean(), whole, async (isVersioned, asks) => {
    const named = `differential ${randomUUID()}`;
    const model = new SwiftModel({ clock: createStillClock() });
    const sides = [
      new Side(http, real.authUrl, { user: real.user, key: real.key }, named),
      new Side(openModelClient(model), SWIFT_AUTH_URL, SWIFT_CREDENTIALS, named),
    ] as const;
    const headers: Record<string, string> = isVersioned ? { 'x-versions-enabled': 'true' } : {};
    const first: Ask = { kind: 'container', method: 'PUT', headers };
    try {
      for (const [index, asked] of [first, ...asks].entries()) {
        // A busy machine lets real listings fall behind; they catch up when told to.
        const isListing = asked.kind === 'list' || (asked.kind === 'container' && asked.method === 'HEAD');
        // One that is behind would let a container go that is not empty, or keep one that is.
        if (asked.kind === 'container' && asked.method === 'DELETE') await real.settle();
        let expected = await sides[0].answer(asked);
        // Too busy to answer: what it did then, nobody knows.
        if (expected.status >= 500) return t.diagnostic(`ended at request ${index}: ${expected.status}`);
        const found = await sides[1].answer(asked);
        for (let again = 0; isListing && again < SETTLES && !isDeepStrictEqual(found, expected); again += 1) {
          await real.settle();
          expected = await sides[0].answer(asked);
        }
        assert.deepEqual(found, expected, `request ${index}: ${JSON.stringify(asked)}`);
      }
    } finally {
      await sides[0].drop();
    }
  });
  // Not shrunk: each request costs a real one, and the one that differs is named.
  await fc.assert(alike, { ...seeded(t, RUNS), endOnFailure: true });
});
