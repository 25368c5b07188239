/**
 * Connect: where the verbs go. Straight to the database and queue where DATABASE_URL is
 * set, else over HTTP to a `holdfast up`, with the token that it left for its own user.
 */
import { type Config, loadConfig } from '#libs/config/load.ts';

import type { Operator } from '#ports/operator.ts';
import { silentLog } from './silent-log.ts';
import { readUpFile, upFilePlaces } from './up-file.ts';

/** @throws what `work` throws; HoldfastError configuration-invalid, database-unreachable, queue-unreachable, schema-behind, schema-newer */
export async function withOperator<Result>(
  env: NodeJS.ProcessEnv,
  work: (operator: Operator) => Promise<Result>,
): Promise<Result> {
  const config = loadConfig(env);
  const { operator, close } =
    config.databaseUrl === null ? await overHttp(env, config) : await direct(config);
  try {
    return await work(operator);
  } finally {
    await close();
  }
}

interface Connected {
  readonly operator: Operator;
  close(): Promise<void>;
}

// Imported only here: the database client alone takes longer to load than an answer over HTTP.
async function direct(config: Config): Promise<Connected> {
  const { openFleet } = await import('#libs/compose/fleet.ts');
  return openFleet({ config, log: silentLog });
}

async function overHttp(env: NodeJS.ProcessEnv, config: Config): Promise<Connected> {
  const { connectOperator } = await import('#libs/operator-http/client.ts');
  const { url, token } = findUp(env, config);
  return connectOperator(url, token);
}

interface Address {
  readonly url: string;
  readonly token: string | null;
}

/** An address that was given wins; then the `up` on the given data folder, then the one on the default port. */
function findUp(env: NodeJS.ProcessEnv, config: Config): Address {
  const isAddressed = config.url !== null || Boolean(env['HOLDFAST_PORT']);
  const url = config.url ?? `http://127.0.0.1:${config.port}`;
  const found = upFilePlaces(env, portOf(url), config.dataDir).map(readUpFile);
  if (!isAddressed && env['HOLDFAST_DATA']) found.reverse();
  const match = found.find((file) => file !== null && (!isAddressed || isSamePlace(file.url, url)));
  return { url: isAddressed ? url : (match?.url ?? url), token: config.token ?? match?.token ?? null };
}

const LOOPBACK = new Set(['127.0.0.1', 'localhost', '[::1]']);

/** A token is only for the server that made it: another host on the same port must not get it. */
function isSamePlace(ours: string, asked: string): boolean {
  const isLoopback = LOOPBACK.has(new URL(asked).hostname) && LOOPBACK.has(new URL(ours).hostname);
  return isLoopback && portOf(ours) === portOf(asked);
}

function portOf(url: string): string {
  const { port, protocol } = new URL(url);
  return port || (protocol === 'https:' ? '443' : '80');
}
