// Prisma's own schema engine as WebAssembly, from npm: the migrations it writes
// and applies are standard ones, and no binary has to be downloaded.
//
// One thing is ours. The stock driver adapter cuts a script at every semicolon
// and sends the pieces one by one, which breaks function bodies and leaves half
// a migration behind after an error. Here a script is sent as one message,
// which PostgreSQL runs as one transaction.

import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { PrismaPg } from '@prisma/adapter-pg';
import {
  bindMigrationAwareSqlAdapterFactory,
  ColumnTypeEnum,
  DriverAdapterError,
  type SqlDriverAdapter,
  type SqlMigrationAwareDriverAdapterFactory,
} from '@prisma/driver-adapter-utils';
import type { SchemaEngine } from '@prisma/schema-engine-wasm';
import * as bindings from '@prisma/schema-engine-wasm/schema_engine_bg';
import pg from 'pg';

interface Bindings {
  readonly SchemaEngine: typeof SchemaEngine;
  __wbg_set_wasm(exports: Record<string, unknown>): void;
}

// Node has it, its type lives in the DOM library, which this project does without.
declare const WebAssembly: {
  instantiate(
    bytes: Uint8Array,
    imports: Record<string, unknown>,
  ): Promise<{ instance: { exports: Record<string, unknown> } }>;
};

const DATASOURCE = 'datasource db {\n  provider = "postgresql"\n}\n';

const CHAR_OID = 18;
const TEXT_OID = 25;

/** No table and no enum of the database is managed by somebody else. */
export const EVERYTHING = { externalTables: [], externalEnums: [] };

// The engine hands a panic's words to this global before it traps; without it the words are lost.
const panic: { text: string; set_message(text: string): void } = {
  text: '',
  set_message(text) {
    panic.text = text;
  },
};

let loaded: Promise<typeof SchemaEngine> | undefined;

function loadEngine(): Promise<typeof SchemaEngine> {
  loaded ??= (async () => {
    Object.assign(globalThis, { PRISMA_WASM_PANIC_REGISTRY: panic });
    const module = bindings as unknown as Bindings;
    const main = fileURLToPath(import.meta.resolve('@prisma/schema-engine-wasm'));
    const bytes = readFileSync(main.replace(/schema_engine\.js$/, 'schema_engine_bg.wasm'));
    const { instance } = await WebAssembly.instantiate(bytes, {
      './schema_engine_bg.js': module,
    });
    module.__wbg_set_wasm(instance.exports);
    (instance.exports['__wbindgen_start'] as () => void)();
    return module.SchemaEngine;
  })();
  return loaded;
}

export interface EngineOptions {
  /** Gets a script before it is sent and may change it. */
  readonly rewrite?: (script: string) => string;
  /** Gets what the database said against a script; the engine words it less exactly. */
  readonly onRefusal?: (error: Error) => void;
}

/** Runs work with an engine on the database and releases everything after it. */
export async function withSchemaEngine<T>(
  databaseUrl: string,
  work: (engine: SchemaEngine) => Promise<T>,
  options: EngineOptions = {},
): Promise<T> {
  const Engine = await loadEngine();
  const config = { connectionString: databaseUrl, connectionTimeoutMillis: 15_000 };
  const pool = new pg.Pool(config);
  pool.on('error', () => {}); // An idle connection that ends is replaced at the next use.
  // The shadow database is opened with the factory's configuration, which a pool does not carry.
  const adapters = wholeScripts(new PrismaPg(pool), new PrismaPg(config), options);
  const engine = await Engine.new(
    { datamodels: [['schema.prisma', DATASOURCE]] },
    () => {},
    bindMigrationAwareSqlAdapterFactory(adapters),
  );
  try {
    return await work(engine);
  } catch (error) {
    throw panic.text === ''
      ? error
      : new Error(`the schema engine panicked: ${panic.text}`, { cause: error });
  } finally {
    if (panic.text === '') engine.free();
    await pool.end();
  }
}

type PgAdapter = Awaited<ReturnType<PrismaPg['connect']>>;

function wholeScripts(
  main: PrismaPg,
  shadow: PrismaPg,
  options: EngineOptions,
): SqlMigrationAwareDriverAdapterFactory {
  const whole = (adapter: PgAdapter): SqlDriverAdapter => {
    readCatalogChars(adapter);
    adapter.executeScript = async (script) => {
      try {
        await adapter.underlyingDriver().query(options.rewrite?.(script) ?? script);
      } catch (error) {
        if (error instanceof Error) options.onRefusal?.(error);
        throw describeForEngine(error);
      }
    };
    return adapter;
  };
  return {
    provider: main.provider,
    adapterName: main.adapterName,
    connect: async () => whole(await main.connect()),
    connectToShadowDb: async () => whole(await shadow.connectToShadowDb()),
  };
}

/**
 * The catalog has columns of the one-byte type "char", which the adapter refuses. It
 * is shown text instead, and the engine, which asks one thing at a time, what it was.
 */
function readCatalogChars(adapter: PgAdapter): void {
  let chars: number[] = [];
  const pool = adapter.underlyingDriver();
  const send = pool.query.bind(pool) as (config: unknown) => Promise<pg.QueryResult>;
  const query = async (config: unknown): Promise<pg.QueryResult> => {
    const result = await send(config);
    chars = (result.fields ?? []).flatMap(({ dataTypeID }, index) =>
      dataTypeID === CHAR_OID ? [index] : [],
    );
    for (const index of chars) result.fields[index]!.dataTypeID = TEXT_OID;
    return result;
  };
  pool.query = query as typeof pool.query;
  const queryRaw = adapter.queryRaw.bind(adapter);
  adapter.queryRaw = async (statement) => {
    const result = await queryRaw(statement);
    for (const index of chars) result.columnTypes[index] = ColumnTypeEnum.Character;
    return result;
  };
}

function describeForEngine(error: unknown): unknown {
  if (!(error instanceof pg.DatabaseError) || error.code === undefined) return error;
  return new DriverAdapterError({
    kind: 'postgres',
    code: error.code,
    severity: error.severity ?? 'ERROR',
    message: error.message,
    detail: error.detail,
    column: error.column,
    hint: error.hint,
    originalCode: error.code,
    originalMessage: error.message,
  });
}
