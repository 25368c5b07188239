/** Log: JSON lines on standard error through pino. */
import { type DestinationStream, destination, type Logger, pino } from 'pino';
import type { Log } from '#ports/log.ts';
import { redactFields, redactText } from './redact.ts';

export interface LogOptions {
  /** The process: `watcher`, `transfer`, ... */
  readonly name: string;
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  /** Where lines go; standard error, unbuffered, unless a test says otherwise. */
  readonly stream?: DestinationStream;
}

/** Fields named like secrets are replaced at any depth; big integers become text. */
export function createLog({ name, level, stream }: LogOptions): Log {
  const options = {
    level,
    base: { process: name, pid: process.pid },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
  };
  // Synchronous, so that the last line of a process that dies is there.
  return behindPort(pino(options, stream ?? destination({ dest: 2, sync: true })));
}

function behindPort(logger: Logger): Log {
  const at =
    (level: 'debug' | 'info' | 'warn' | 'error') => (fields: Record<string, unknown>, message: string) => {
      if (logger.isLevelEnabled(level)) logger[level](redactFields(fields), redactText(message));
    };
  return {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    child: (fields) => behindPort(logger.child(redactFields(fields))),
  };
}
