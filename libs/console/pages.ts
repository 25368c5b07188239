/**
 * Pages: the console as plain HTML that works without a script, in light and dark, on a phone.
 * The template engine escapes every value: names of files are anybody's words.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import ejs from 'ejs';
import type { FleetStatus, PairStatus, ProblemView } from '#ports/operator.ts';
import type { Visitor } from './access.ts';

const PAGES = join(import.meta.dirname, 'pages');
/** Pages that show what goes on are loaded again. */
const REFRESH_SECONDS = 10;

interface Viewed {
  readonly visitor: Visitor;
  /** Token that a form of this page sends back. */
  readonly csrf: string;
}

export function loginPage(view: { readonly csrf: string; readonly failed: boolean }): Promise<string> {
  return page('login', 'Log in', view);
}

export function fleetPage(view: Viewed & { readonly fleet: FleetStatus }): Promise<string> {
  return page('fleet', 'Pairs', { ...view, refreshSeconds: REFRESH_SECONDS });
}

export function pairPage(
  view: Viewed & { readonly pair: PairStatus; readonly problems: readonly ProblemView[] },
): Promise<string> {
  const verbs = [
    ['sync', 'Sync now'],
    ...(view.pair.condition === 'paused' || view.pair.disabled !== null
      ? [['resume', 'Resume']]
      : [['pause', 'Pause']]),
  ];
  return page('pair', view.pair.name, { ...view, verbs, refreshSeconds: REFRESH_SECONDS });
}

export function stylesheet(): Promise<string> {
  return readFile(join(PAGES, 'style.css'), 'utf8');
}

function page(name: string, title: string, view: object): Promise<string> {
  return ejs.renderFile(join(PAGES, `${name}.ejs`), { ...view, title }, { cache: true });
}
