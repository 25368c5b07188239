/** Run app: what the four processes have in common: configuration, log, signals, health; fatal errors in one sentence. */
import { type Config, loadConfig } from '#libs/config/load.ts';
import { createLog } from '#libs/runtime/log.ts';
import { exitWithError, type RunningProcess, runProcess } from '#libs/runtime/start.ts';
import type { Log } from '#ports/log.ts';

/** What an app gives back; `ready` resolves while its dependencies answer. */
export interface StartedApp {
  ready(): Promise<void>;
  drain(budgetMs: number): Promise<void>;
}

export async function runApp(
  name: string,
  start: (context: { readonly config: Config; readonly log: Log }) => Promise<StartedApp>,
): Promise<void> {
  try {
    const config = loadConfig();
    const log = createLog({ name, level: config.logLevel });
    await runProcess({ name, config, log, start: async () => asProcess(await start({ config, log })) });
  } catch (thrown) {
    exitWithError(thrown);
  }
}

function asProcess(app: StartedApp): RunningProcess {
  const ready = async (): Promise<boolean> => {
    await app.ready();
    return true;
  };
  return { ready: () => ready().catch(() => false), drain: (budgetMs) => app.drain(budgetMs) };
}
