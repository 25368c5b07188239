/** Silent log: a verb says what went wrong itself; what adapters retry is not for its output. */
import type { Log } from '#ports/log.ts';

const nothing = (): void => {};

export const silentLog: Log = {
  debug: nothing,
  info: nothing,
  warn: nothing,
  error: nothing,
  child: () => silentLog,
};
