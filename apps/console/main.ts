/** Console: the fleet as a page and an API, its queues as Bull Board, its backlog as a metric. Its README says what a crash leaves behind. */
import { randomBytes } from 'node:crypto';
import { openFleet } from '#libs/compose/fleet.ts';
import { runApp } from '#libs/compose/run-app.ts';
import { fileAccounts } from '#libs/console/accounts.ts';
import { providerOf } from '#libs/console/provider.ts';
import { createConsole } from '#libs/console/server.ts';
import { openQueueBoard } from '#libs/queue-bullmq/board.ts';
import { fleetMetrics } from '#libs/telemetry/fleet-metrics.ts';
import { HoldfastError } from '#ports/errors.ts';

await runApp('console', async ({ config, log, telemetry, tracing }) => {
  const { consoleAccounts, consoleHost, consoleKey, port, queuePrefix, redisUrl, databaseUrl } = config;
  if (consoleAccounts === null) {
    throw new HoldfastError(
      'configuration-invalid',
      'HOLDFAST_CONSOLE_ACCOUNTS is not set; make an account with "holdfast account set NAME --role operator --file FILE" and set it to that file',
    );
  }
  const fleet = await openFleet({ config, log, telemetry, tracing });
  const { clock, queue, database, as } = fleet;
  const metrics = fleetMetrics({ queue, figures: () => database.figures(), now: () => clock.now() });
  const server = redisUrl === null ? { databaseUrl: databaseUrl ?? '' } : { redisUrl };
  const board = openQueueBoard(server, { prefix: queuePrefix, clock, log });
  const app = await createConsole({
    accounts: fileAccounts(consoleAccounts),
    sessionKey: consoleKey ?? randomBytes(32).toString('hex'),
    provider: providerOf(config),
    clock,
    as,
    overview: database.overview,
    metrics,
    queues: () => board.queues(),
    environment: queuePrefix,
    isReady: () =>
      fleet.ping().then(
        () => true,
        () => false,
      ),
    log,
  });
  const ended = new AbortController();
  const following = fleet.follower.run(ended.signal);
  await app.listen({ host: consoleHost, port });
  log.info({ url: `http://${consoleHost}:${port}` }, 'console listens');
  return {
    metrics,
    fleet,
    activity: () => ({ concurrency: 0, busy: 0, pairs: [] }),
    ready: () => fleet.ping(),
    drain: async () => {
      ended.abort();
      await app.close();
      await following;
      await board.close();
      await fleet.close();
    },
  };
});
