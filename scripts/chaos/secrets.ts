/**
 * Secrets: looks for every token, key and password of a run wherever somebody could read it: Redis,
 * PostgreSQL, logs, metrics, the command line, the engine's own files in folders (invariant 12).
 */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import pg from 'pg';
import type { Finding } from './findings.ts';

/** Text with where it was found. */
export interface Exhibit {
  readonly where: string;
  readonly text: string;
}

/** A secret as it is, in base64 and as URLs and JSON would carry it; shorter ones than this would be found by chance. */
const SHORTEST = 8;

export function formsOf(secret: string): readonly string[] {
  const base64 = Buffer.from(secret).toString('base64');
  const forms = [
    secret,
    base64,
    base64.replace(/=+$/, ''),
    Buffer.from(secret).toString('base64url'),
    Buffer.from(secret).toString('hex'),
    encodeURIComponent(secret),
    JSON.stringify(secret).slice(1, -1),
  ];
  return [...new Set(forms)].filter((form) => form.length >= SHORTEST);
}

export class SecretSearch {
  /** How many texts were searched, by the kind of place. */
  readonly searched = new Map<string, number>();
  readonly #secrets: () => Iterable<string>;
  readonly #hits = new Map<string, Finding>();

  /** @param secrets all that are known by now; asked anew for each text. */
  constructor(secrets: () => Iterable<string>) {
    this.#secrets = secrets;
  }

  get findings(): readonly Finding[] {
    return [...this.#hits.values()];
  }

  look({ where, text }: Exhibit): void {
    const kind = where.split(' ')[0] ?? where;
    this.searched.set(kind, (this.searched.get(kind) ?? 0) + 1);
    for (const secret of this.#secrets()) {
      if (!formsOf(secret).some((form) => text.includes(form))) continue;
      // The report is read by people, too: only the beginning is told.
      const shown = `${secret.slice(0, 5)}...`;
      this.#hits.set(`${where} ${shown}`, {
        kind: 'secret',
        pair: null,
        text: `${where} shows the secret ${shown}`,
        names: [],
      });
    }
  }

  async lookAtRedis(url: string): Promise<void> {
    const client = new Redis(url, { maxRetriesPerRequest: 2 });
    client.on('error', () => undefined);
    try {
      for await (const keys of client.scanStream({ count: 200 }) as AsyncIterable<string[]>) {
        for (const key of keys)
          this.look({ where: `redis ${key}`, text: `${key} ${await textOf(client, key)}` });
      }
    } finally {
      client.disconnect();
    }
  }

  /** Every row of every table of every schema that is not PostgreSQL's own. */
  async lookAtPostgres(url: string): Promise<void> {
    const client = new pg.Client({ connectionString: url });
    client.on('error', () => undefined);
    await client.connect();
    try {
      const { rows: tables } = await client.query<{ name: string }>(
        `SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables
         WHERE schemaname NOT IN ('pg_catalog', 'information_schema')`,
      );
      for (const { name } of tables) {
        const { rows } = await client.query<{ text: string }>(`SELECT t::text AS text FROM ${name} AS t`);
        for (const { text } of rows) this.look({ where: `postgres ${name}`, text });
      }
    } finally {
      await client.end();
    }
  }

  /** Every file below a directory. */
  async lookAtFiles(kind: string, directory: string): Promise<void> {
    for (const entry of await readdir(directory, { withFileTypes: true, recursive: true }).catch(() => [])) {
      if (!entry.isFile()) continue;
      const file = join(entry.parentPath, entry.name);
      this.look({ where: `${kind} ${file}`, text: await readFile(file, 'latin1') });
    }
  }
}

/** As it was written: what is JSON in there stays as it is. */
async function textOf(client: Redis, key: string): Promise<string> {
  switch (await client.type(key)) {
    case 'string':
      return (await client.get(key)) ?? '';
    case 'hash':
      return Object.entries(await client.hgetall(key))
        .flat()
        .join('\n');
    case 'list':
      return (await client.lrange(key, 0, -1)).join('\n');
    case 'set':
      return (await client.smembers(key)).join('\n');
    case 'zset':
      return (await client.zrange(key, '0', '-1')).join('\n');
    case 'stream':
      return (await client.xrange(key, '-', '+')).flat(2).join('\n');
    default:
      return '';
  }
}
