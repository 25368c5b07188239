/**
 * Error report: a server that is away makes every connection fail many times a second.
 * The first of equal errors is logged at once, the others as a count once a minute.
 */
import type { Clock } from '#ports/clock.ts';
import type { Log } from '#ports/log.ts';

const QUIET_MS = 60_000;
/** Messages may hold job ids; more different ones than this start over. */
const MAX_REMEMBERED = 200;

/** @returns a listener that logs at most one line a minute per message. */
export function errorReport(log: Log, clock: Clock): (error: Error) => void {
  const seen = new Map<string, { loggedAt: number; unlogged: number }>();
  return (error) => {
    // ioredis reports a name that resolves to several addresses as an error without a message.
    const causes = error instanceof AggregateError ? error.errors : [error];
    const message = causes
      .map((cause) => (cause instanceof Error ? cause.message : String(cause)))
      .join('; ');
    const now = clock.now();
    const last = seen.get(message);
    if (last !== undefined && now - last.loggedAt < QUIET_MS) {
      last.unlogged += 1;
      return;
    }
    if (seen.size >= MAX_REMEMBERED) seen.clear();
    seen.set(message, { loggedAt: now, unlogged: 0 });
    log.warn({ error: message, repeated: last?.unlogged ?? 0 }, 'the queue reported an error');
  };
}
