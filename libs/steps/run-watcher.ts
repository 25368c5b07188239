/** Run watcher: folders in, LOCAL candidates out, by events and by scans. */
import { type Running, repeat } from './repeat.ts';
import { PairWatcher, type WatchDeps } from './watch-pairs.ts';

export interface RunWatcherDeps extends WatchDeps {
  /** How often hints are judged, milliseconds: the share of the latency of one saved file that is ours to choose. */
  readonly judgeIntervalMs: number;
}

export function runWatcher(deps: RunWatcherDeps): Running {
  const { clock, log, judgeIntervalMs } = deps;
  const watcher = new PairWatcher(deps);
  const ended = new AbortController();
  const running = watcher.run(ended.signal);
  const judging = repeat(
    () => watcher.judge(),
    { clock, log, pauseMs: judgeIntervalMs, what: 'judging events' },
    ended.signal,
  );
  return {
    activity: () => watcher.activity(),
    drain: async () => {
      ended.abort();
      await Promise.all([running, judging]);
    },
  };
}
