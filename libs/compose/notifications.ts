/** Notifications: the poller's door for what stores post, where a port and a folder of secrets are configured. */
import { join } from 'node:path';
import type { Config } from '#libs/config/load.ts';
import { type NotifyServer, startNotifyServer } from '#libs/notify-http/server.ts';
import { HoldfastError } from '#ports/errors.ts';
import type { Log } from '#ports/log.ts';
import { NoticeTaker } from '#steps/take-notices.ts';
import type { Fleet } from './fleet.ts';
import { readSecret } from './secrets.ts';

export interface Notifications {
  readonly taker: NoticeTaker;
  close(): Promise<void>;
}

/** @throws HoldfastError configuration-invalid */
export async function openNotifications(fleet: Fleet, config: Config, log: Log): Promise<Notifications> {
  const { database, queue, sides, clock } = fleet;
  const taker = new NoticeTaker({ ...database, queue, sides, clock });
  const { notifyPort: port, notifySecrets } = config;
  if (port === 0) return { taker, close: async () => {} };
  if (notifySecrets === null) {
    throw new HoldfastError(
      'configuration-invalid',
      'HOLDFAST_NOTIFY_PORT is set without HOLDFAST_NOTIFY_SECRETS; give a folder that holds a secret file for each store that may notify, by its name',
    );
  }
  const server: NotifyServer = await startNotifyServer({
    // All addresses: the store is another machine.
    host: '0.0.0.0',
    port,
    clock,
    log,
    secretOf: (store) => secretOf(join(notifySecrets, store)),
    take: (store, notices) => taker.take(store, notices),
  });
  log.info({ port: server.port }, 'stores can notify');
  return { taker, close: () => server.close() };
}

/** Read anew each time, so that a renewed one is found. A store without one cannot notify. */
async function secretOf(at: string): Promise<string | null> {
  try {
    const { token } = await readSecret({ from: 'file', at }, () => undefined);
    return typeof token === 'string' && token !== '' ? token : null;
  } catch (thrown) {
    if (thrown instanceof HoldfastError && thrown.code === 'secret-missing') return null;
    throw thrown;
  }
}
