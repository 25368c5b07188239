/** Scaling: W8. A store that answers 50 ms later, and 1, 2 and 4 transfer processes of equal concurrency. */

import { once } from 'node:events';
import { createServer, type Server, Socket } from 'node:net';
import type { LastFirst } from '#test/support/last-first.ts';
import { type Finding, Rounds, type Target, wallOf } from './cost.ts';
import type { Sizes } from './sizes.ts';
import type { Stage } from './stage.ts';
import { makeContents, writeTree } from './trees.ts';

const LATENCY_MS = 50;
const PROCESSES = [1, 2, 4];
/** Of each process; few, so that the delay bounds one process and the server of one machine none of them. */
export const scalingEnv = (): Readonly<Record<string, string>> => ({ HOLDFAST_CONCURRENCY: '1' });

export async function scaling(stage: Stage, undoing: LastFirst, sizes: Sizes): Promise<readonly Finding[]> {
  const { swift } = stage;
  if (swift === null) return [];
  const port = await delayingProxy(undoing, swift.port);
  const url = swift.authUrl.replace(`:${swift.port}/`, `:${port}/`);
  await stage.addStore('far', 'swift', url, { user: swift.user, key: swift.key });
  const files = sizes.delayed;
  const rounds = new Rounds();
  for (const [index, processes] of PROCESSES.entries()) {
    const more = processes - (PROCESSES[index - 1] ?? 1);
    for (let started = 0; started < more; started += 1) await stage.fleet.start('transfer');
    for (let round = 1; round <= sizes.rounds; round += 1) {
      const name = `far-${processes}-${round}`;
      const folder = await stage.folder(name);
      await writeTree(folder, makeContents({ files, perDirectory: 100, bytes: 4_096 }, name));
      const cost = await stage.measureFleet(async () => {
        await stage.addPair({ name, folder, container: name, store: 'far', versioned: false });
        await stage.untilQuiet(name);
      });
      rounds.add(toolOf(processes), files, cost);
      await stage.operator.pairRemove(name);
    }
  }
  const conditions = [
    `${files} files of 4096 bytes to Swift through a proxy that delays every answer by ${LATENCY_MS} ms, concurrency 1.`,
  ];
  return [
    { id: 'W8', title: 'A store far away', conditions, series: rounds.series, targets: targetsOf(rounds) },
  ];
}

const toolOf = (processes: number): string => `Holdfast, ${processes} transfer`;

function targetsOf(rounds: Rounds): readonly Target[] {
  const one = rounds.of(toolOf(1));
  return PROCESSES.slice(1).flatMap((processes): Target[] => {
    const many = rounds.of(toolOf(processes));
    if (one === null || many === null) return [];
    const measured = wallOf(one) / wallOf(many) / processes;
    const text = `${processes} processes, as a share of linear`;
    return [{ workload: 'W8', text, measured, limit: 0.9, wants: 'least', unit: 'x' }];
  });
}

/** Passes every byte on; those of the server a while later. @returns its port. */
async function delayingProxy(undoing: LastFirst, port: number): Promise<number> {
  const sockets = new Set<Socket>();
  const server: Server = createServer({ noDelay: true }, (client) => {
    const upstream = new Socket().setNoDelay(true).connect(port, '127.0.0.1');
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on('error', () => socket.destroy());
      socket.on('close', () => sockets.delete(socket));
    }
    client.on('data', (chunk) => upstream.write(chunk));
    client.on('close', () => upstream.destroy());
    upstream.on('data', (chunk) => setTimeout(() => client.write(chunk), LATENCY_MS));
    upstream.on('close', () => setTimeout(() => client.destroy(), LATENCY_MS));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  undoing.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the proxy has no port');
  return address.port;
}
