/**
 * The API's document is exact: requests made from its own schemas, and others that break them,
 * asked by nobody, by a viewer and by an operator. Every answer is one that the document tells
 * of and looks as it says; none is a 500, and none tells what it must not.
 */
import assert from 'node:assert/strict';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import fc from 'fast-check';
import type { FastifyInstance, InjectOptions } from 'fastify';
import pg from 'pg';
import { type Fleet, openFleet } from '#libs/compose/fleet.ts';
import { loadConfig } from '#libs/config/load.ts';
import { fileAccounts, hashToken } from '#libs/console/accounts.ts';
import { createConsole } from '#libs/console/server.ts';
import { SILENT } from '#test/archive-prisma/fixtures.ts';
import { fillFleet } from '#test/support/large-fleet.ts';
import { LastFirst } from '#test/support/last-first.ts';
import { testDatabase, testRedisUrl } from '#test/support/services.ts';

const RUNS = Number(process.env['HOLDFAST_FUZZ_RUNS'] ?? 4);
/** Always the same unless told otherwise, so that a change is judged by itself. */
const SEED = Number(process.env['HOLDFAST_TEST_SEED'] ?? 77);
const TOKENS = { viewer: 'hf_of-the-viewer', operator: 'hf_of-the-operator' } as const;
const SESSION_KEY = 'a session key that nobody may see, at 32 signs';
/** Names that there are, so that not every request ends at a name that there is not. */
const KNOWN = ['pair-00001', 'pair-00002', 'pair-00004', 'large', 'file-1', 'store-quota', '97', '1'];

type Schema = Readonly<Record<string, unknown>>;
interface Operation {
  readonly method: string;
  readonly path: string;
  readonly operationId: string;
  readonly parameters: readonly {
    readonly name: string;
    readonly in: string;
    readonly required?: boolean;
    readonly schema: Schema;
  }[];
  readonly body: Schema | null;
  readonly responses: Readonly<
    Record<string, { readonly content?: Readonly<Record<string, { readonly schema: Schema }>> }>
  >;
}

const undoing = new LastFirst();
let app: FastifyInstance;
let operations: readonly Operation[] = [];
let isValid: (schema: Schema, value: unknown) => string | null;

before(async () => {
  console.log(`requests of seed ${SEED}`);
  const databaseUrl = await testDatabase(undoing);
  const dir = await mkdtemp(join(tmpdir(), 'holdfast-fuzz-'));
  await chmod(dir, 0o755);
  undoing.after(() => rm(dir, { recursive: true, force: true }));
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  await fillFleet(client, { pairs: 5, events: 400 });
  await client.end();
  const accounts = join(dir, 'accounts.json');
  const record = (role: 'viewer' | 'operator') => ({ role, hash: hashToken(TOKENS[role]) });
  await writeFile(accounts, JSON.stringify({ vera: record('viewer'), olga: record('operator') }));
  const config = loadConfig({
    DATABASE_URL: databaseUrl,
    REDIS_URL: await testRedisUrl(),
    HOLDFAST_QUEUE_PREFIX: `fuzz-${process.pid}`,
  });
  const fleet: Fleet = await openFleet({ config, log: SILENT });
  undoing.after(() => fleet.close());
  app = await createConsole({
    accounts: fileAccounts(accounts),
    sessionKey: SESSION_KEY,
    provider: null,
    clock: fleet.clock,
    as: fleet.as,
    overview: fleet.database.overview,
    metrics: () => Promise.reject(new Error('nobody asks')),
    queues: () => Promise.resolve([]),
    environment: 'fuzz',
    isReady: () => Promise.resolve(true),
    log: SILENT,
  });
  undoing.after(() => app.close());
  await app.ready();
  const document = (await ask({ method: 'GET', url: '/api/v1/openapi.json' }, 'viewer')).json();
  operations = operationsOf(document as Document);
  const Ajv = createRequire(import.meta.url)('ajv/dist/2020.js') as typeof import('ajv/dist/2020.js');
  const ajv = new Ajv.Ajv2020({ strict: false });
  isValid = (schema, value) => (ajv.validate(schema, value) ? null : ajv.errorsText(ajv.errors));
});

after(() => undoing.undo());

interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Written>>>>;
}

type Written = Pick<Operation, 'operationId' | 'responses'> &
  Partial<Pick<Operation, 'parameters'>> & {
    readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema: Schema }>> };
  };

function operationsOf({ paths }: Document): readonly Operation[] {
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, { operationId, parameters = [], requestBody, responses }]) => {
      const body = requestBody?.content['application/json']?.schema ?? null;
      return { method: method.toUpperCase(), path, operationId, parameters, body, responses };
    }),
  );
}

type Who = keyof typeof TOKENS | 'nobody';

function ask(request: InjectOptions, who: Who) {
  const headers = {
    ...request.headers,
    ...(who === 'nobody' ? {} : { authorization: `Bearer ${TOKENS[who]}` }),
  };
  return app.inject({ ...request, headers });
}

/** Values that a schema allows. */
function valuesOf(schema: Schema, key = ''): fc.Arbitrary<unknown> {
  const { type, enum: words, anyOf, const: only } = schema as { readonly [key: string]: never };
  // A folder that is there would be made a pair's.
  if (key === 'folder') return fc.constantFrom('/does/not/exist', '/does/not/exist/either');
  if (only !== undefined) return fc.constant(only);
  if (words !== undefined) return fc.constantFrom(...(words as unknown[]));
  if (anyOf !== undefined) return fc.oneof(...(anyOf as Schema[]).map((each) => valuesOf(each, key)));
  if (Array.isArray(type))
    return fc.oneof(...(type as string[]).map((each) => valuesOf({ ...schema, type: each }, key)));
  switch (type as string | undefined) {
    case 'string':
      return textOf(schema);
    case 'integer':
    case 'number':
      return fc.integer({
        min: Number(schema['minimum'] ?? -5),
        max: Number(schema['maximum'] ?? 1_000_000),
      });
    case 'boolean':
      return fc.boolean();
    case 'null':
      return fc.constant(null);
    case 'array':
      return listOf(schema);
    case 'object':
      return objectOf(schema);
    default:
      return fc.jsonValue();
  }
}

function textOf(schema: Schema): fc.Arbitrary<string> {
  const maxLength = Math.min(Number(schema['maxLength'] ?? 80), 80);
  const minLength = Number(schema['minLength'] ?? 0);
  const any = fc.string({ unit: 'binary', minLength, maxLength });
  const known = fc.constantFrom(...KNOWN.filter((name) => name.length <= maxLength));
  return fc.oneof(
    known,
    any,
    fc.constantFrom('../../etc/passwd', "'; DROP TABLE pair; --", '<script>alert(1)</script>', '\u0000'),
  );
}

function listOf(schema: Schema): fc.Arbitrary<unknown> {
  const { prefixItems, items } = schema as {
    readonly prefixItems?: readonly Schema[];
    readonly items?: Schema | false;
  };
  if (prefixItems !== undefined) return fc.tuple(...prefixItems.map((each) => valuesOf(each)));
  if (items === undefined || items === false || schema['maxItems'] === 0) return fc.constant([]);
  return fc.array(valuesOf(items), { maxLength: 3 });
}

function objectOf(schema: Schema): fc.Arbitrary<unknown> {
  const { properties = {}, required = [] } = schema as {
    readonly properties?: Readonly<Record<string, Schema>>;
    readonly required?: readonly string[];
  };
  const values = Object.fromEntries(
    Object.entries(properties).map(([key, each]) => [key, valuesOf(each, key)]),
  );
  return fc.record(values, { requiredKeys: [...required] });
}

/** A request that keeps to the document, or one that breaks it somewhere. */
function requestsOf({ method, path, parameters, body }: Operation): fc.Arbitrary<InjectOptions> {
  const given = parameters.map(({ name, in: where, required, schema }) =>
    fc
      .oneof(
        { weight: 5, arbitrary: valuesOf(schema, name) },
        { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 300 }) },
      )
      .chain((value) =>
        required === true ? fc.constant(value) : fc.option(fc.constant(value), { nil: undefined }),
      )
      .map((value) => ({ name, where, value })),
  );
  const bodies =
    body === null
      ? fc.constant(undefined)
      : fc.oneof({ weight: 5, arbitrary: valuesOf(body) }, { weight: 1, arbitrary: fc.jsonValue() });
  return fc.tuple(fc.tuple(...given), bodies).map(([values, payload]) => {
    let url = path;
    const query = new URLSearchParams();
    for (const { name, where, value } of values) {
      if (where === 'path')
        url = url.replace(`{${name}}`, encodeURIComponent(String(value).toWellFormed()) || '-');
      else if (value !== undefined) query.set(name, String(value));
    }
    const request = { method: method as 'GET', url: query.size === 0 ? url : `${url}?${query}` };
    return payload === undefined
      ? request
      : { ...request, headers: { 'content-type': 'application/json' }, payload: JSON.stringify(payload) };
  });
}

/** What no answer may hold, whoever asks: secrets, and how the console is made. */
const NEVER = [
  SESSION_KEY,
  TOKENS.viewer,
  TOKENS.operator,
  'sha256$',
  'node_modules',
  'at async ',
  '.ts:',
  'prisma.',
  'SELECT ',
];

async function check(operation: Operation, request: InjectOptions, who: Who): Promise<void> {
  const answer = await ask(request, who);
  const { statusCode: status, body } = answer;
  const told = `${who}: ${request.method} ${request.url} ${String(request.payload ?? '')} answered ${status} ${body.slice(0, 500)}`;
  assert.notEqual(status, 500, told);
  for (const never of NEVER) {
    // What was sent may come back in the sentence that refuses it.
    if (!JSON.stringify(request).includes(never))
      assert.ok(!body.includes(never), `it tells "${never}": ${told}`);
  }
  const documented = operation.responses[status];
  assert.ok(documented !== undefined, `a status that the document does not tell: ${told}`);
  const schema = documented.content?.['application/json']?.schema;
  if (schema !== undefined) assert.equal(isValid(schema, JSON.parse(body)), null, told);
  if (who === 'nobody') {
    assert.equal(status, 401, told);
    assert.doesNotMatch(body, /pair-0000|user-1/, told);
  }
}

/** Those that take pairs away come last: the others shall find some. */
const isLast = ({ method, operationId }: Operation): boolean =>
  method === 'DELETE' || /emove/.test(operationId);

describe('requests made of the document', { timeout: 280_000 }, () => {
  it('are answered as the document says, to whoever asks, and tell nothing they must not', async () => {
    const asked = operations.filter(({ operationId }) => operationId !== 'live');
    assert.ok(asked.length > 55, `${asked.length} operations`);
    for (const operation of [...asked.filter((each) => !isLast(each)), ...asked.filter(isLast)]) {
      for (const who of ['nobody', 'viewer', 'operator'] as const) {
        const { parameters, body } = operation;
        const isFixed =
          parameters.length === 0 && (body === null || /_(doctor|recovery)$/.test(operation.operationId));
        const numRuns = isFixed ? 1 : who === 'nobody' ? 2 : RUNS;
        const property = fc.asyncProperty(requestsOf(operation), (request) => check(operation, request, who));
        await fc.assert(property, { numRuns, seed: SEED, endOnFailure: true });
      }
    }
  });

  it('by a viewer change nothing', async () => {
    for (const operation of operations.filter(
      ({ method, operationId }) => method !== 'GET' && !/^verb_/.test(operationId),
    )) {
      const [request = {}] = fc.sample(requestsOf(operation), { numRuns: 1, seed: SEED });
      const { statusCode } = await ask(request, 'viewer');
      assert.ok([400, 403].includes(statusCode), `${operation.operationId} answered ${statusCode}`);
    }
  });
});
