/** Relay: a service seen through another port of this machine, where it can be away for a while and come back. */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import type { Cleanup } from './services.ts';

export interface Relay {
  /** The service's URL, through here. */
  readonly url: string;
  /** Ends all connections and takes none. */
  away(): Promise<void>;
  back(): Promise<void>;
}

export async function relayTo(t: Cleanup, serviceUrl: string): Promise<Relay> {
  const service = new URL(serviceUrl);
  const sockets = new Set<Socket>();
  const keep = (socket: Socket): Socket => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    // Whoever ends first ends the other, too; how does not matter here.
    return socket.on('error', () => {});
  };
  const server = createServer((inner) => {
    const outer = keep(connect(Number(service.port), service.hostname));
    keep(inner).pipe(outer).pipe(inner);
    inner.once('close', () => outer.destroy());
    outer.once('close', () => inner.destroy());
  });
  const listen = async (port: number): Promise<void> => {
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
  };
  await listen(0);
  const { port } = server.address() as AddressInfo;
  const away = async (): Promise<void> => {
    const closed = once(server, 'close');
    server.close();
    for (const socket of sockets) socket.destroy();
    await closed;
  };
  t.after(async () => {
    if (server.listening) await away();
  });
  const url = new URL(serviceUrl);
  url.host = `127.0.0.1:${port}`;
  return { url: url.href, away, back: () => listen(port) };
}
