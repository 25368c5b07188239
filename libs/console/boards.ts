/**
 * Boards: Bull Board under `/queues`, with what each queue is for. Jobs carry keys only; of
 * those a page shows how many, never the names of users' files.
 */
import { createBullBoard } from '@bull-board/api';
import { BullMQAdapter } from '@bull-board/api/bullMQAdapter';
import { FastifyAdapter } from '@bull-board/fastify';
import type { Queue } from 'bullmq';
import type { FastifyInstance } from 'fastify';

export const BOARD_PATH = '/queues';

const DESCRIPTIONS: readonly (readonly [prefix: string, text: string])[] = [
  ['candidates.', 'Pairs with names that may have changed: deciders probe both sides and decide.'],
  ['transfer.', 'Decisions that transfer workers carry out: uploads, downloads, deletes.'],
  ['poll', 'Containers to list, on a schedule or on request.'],
];
/** New volumes bring new queues. */
const REFRESH_MS = 30_000;

/**
 * @param queues all queues of the fleet, opened once each.
 * @param environment shown at the top, so that nobody takes one fleet for another.
 */
export async function serveBoards(
  app: FastifyInstance,
  queues: () => Promise<readonly Queue[]>,
  environment: string,
): Promise<void> {
  const serverAdapter = new FastifyAdapter();
  serverAdapter.setBasePath(BOARD_PATH);
  const adapters = new Map<string, BullMQAdapter>();
  const current = async (): Promise<BullMQAdapter[]> => {
    const opened = await queues();
    return opened.map((queue) => {
      const adapter = adapters.get(queue.name) ?? boardOf(queue);
      adapters.set(queue.name, adapter);
      return adapter;
    });
  };
  const board = createBullBoard({
    queues: await current(),
    serverAdapter,
    options: {
      uiConfig: {
        boardTitle: 'Holdfast queues',
        // Its own text on it is dark.
        environment: { label: environment, color: '#a9cbec' },
        // It would ask the server for all its connections at every look.
        showWorkers: false,
        pollingInterval: { forceInterval: 5 },
      },
    },
  });
  serverAdapter.setErrorHandler(boardFailure);
  const refreshing = setInterval(() => {
    void current()
      .then((found) => board.setQueues(found))
      // The queue server is away: the page says so itself, and the next look follows.
      .catch(() => undefined);
  }, REFRESH_MS);
  app.addHook('onClose', async () => clearInterval(refreshing));
  await app.register(serverAdapter.registerPlugin(), { prefix: BOARD_PATH });
}

const AWAY = /ECONN|timed out|max retries|connection is closed/i;

/** As Bull Board's page reads failures; one of a server that is away is said to be that, and to pass. */
function boardFailure(error: Error & { readonly statusCode?: number }) {
  const isAway = AWAY.test(error.message);
  const message = isAway ? 'the queue server does not answer; ask again once it does' : error.message;
  const code = isAway ? 'queue-unreachable' : 'usage';
  const status = isAway ? 503 : (error.statusCode ?? 500);
  const body = { error: { key: 'ERRORS.INTERNAL_SERVER_ERROR', code, message }, message };
  // Its types name only the states that its own handlers answer.
  return { status: status as 500, body };
}

function boardOf(queue: Queue): BullMQAdapter {
  const description = DESCRIPTIONS.find(([prefix]) => queue.name.startsWith(prefix))?.[1] ?? '';
  const adapter = new BullMQAdapter(queue, { description, delimiter: '.' });
  adapter.setFormatter('data', redactPayload);
  return adapter;
}

/** The pair, and how many decisions. */
export function redactPayload(data: unknown): Readonly<Record<string, number>> {
  if (typeof data !== 'object' || data === null) return {};
  const { pairId, items } = data as { pairId?: unknown; items?: unknown };
  return {
    ...(typeof pairId === 'number' ? { pairId } : {}),
    ...(Array.isArray(items) ? { decisions: items.length } : {}),
  };
}
