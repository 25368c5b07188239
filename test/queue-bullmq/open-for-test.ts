// Opens a job queue whose stalled jobs are found within seconds, and remembers what it logged.

import { openJobQueue, type QueueServer } from '#libs/queue-bullmq/open.ts';
import { systemClock } from '#libs/runtime/clock.ts';
import type { JobQueue } from '#ports/job-queue.ts';
import type { Log } from '#ports/log.ts';

export interface LoggedLine {
  readonly level: string;
  readonly fields: Record<string, unknown>;
  readonly message: string;
}

export function memoryLog(lines: LoggedLine[] = []): Log {
  const at = (level: string) => (fields: Record<string, unknown>, message: string) => {
    lines.push({ level, fields, message });
  };
  const log: Log = {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    child: () => log,
  };
  return log;
}

export function openForTest(
  server: QueueServer,
  prefix: string,
  lines: LoggedLine[] = [],
): Promise<JobQueue> {
  return openJobQueue(server, {
    prefix,
    clock: systemClock,
    log: memoryLog(lines),
    lockDurationMs: 1_500,
    stalledIntervalMs: 400,
  });
}
