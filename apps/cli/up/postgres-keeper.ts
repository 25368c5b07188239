/** Postgres keeper: an embedded PostgreSQL that is started again whenever it ends. */
import { setTimeout as sleep } from 'node:timers/promises';
import { type RunningPostgres, startPostgres } from '#libs/services/embedded-postgres.ts';
import { isAlive } from '#libs/services/processes.ts';
import type { Log } from '#ports/log.ts';

const LOOK_MS = 250;
const RETRY_MS = 1_000;

export interface KeptPostgres {
  /** Of the server that ran last; a restart keeps the port unless somebody took it meanwhile. */
  readonly url: string;
  /** Ends the server cleanly. */
  stop(): Promise<void>;
}

/**
 * @param onMoved called when the server came back under another URL.
 * @throws ServiceError when the first start fails.
 */
export async function keepPostgres(
  dataDir: string,
  log: Log,
  onMoved: (url: string) => void,
): Promise<KeptPostgres> {
  // It goes with this process even when that is killed, so that nothing is left running.
  const start = (): Promise<RunningPostgres> =>
    startPostgres({ dataDir, dieWithParent: true, log: (text) => log.info({}, text) });
  let server = await start();
  const ended = new AbortController();
  const watching = watch();

  async function watch(): Promise<void> {
    while (!ended.signal.aborted) {
      if (isAlive(server.pid)) {
        await pause(LOOK_MS, ended.signal);
        continue;
      }
      log.warn({ pid: server.pid }, 'PostgreSQL ended; it is started again');
      const before = server.url;
      try {
        server = await start();
        if (server.url !== before) onMoved(server.url);
      } catch (thrown) {
        log.error({ err: String(thrown) }, 'PostgreSQL did not start; it is tried again');
        await pause(RETRY_MS, ended.signal);
      }
    }
  }

  return {
    get url() {
      return server.url;
    },
    stop: async () => {
      ended.abort();
      await watching;
      await server.stop();
    },
  };
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  // Only the abort rejects, and whoever loops looks at the signal next.
  await sleep(ms, undefined, { signal }).catch(() => {});
}
