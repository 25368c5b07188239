/**
 * Pages: the login form, and the frame in which the page's script shows everything else. The
 * template engine escapes every value.
 */
import { join } from 'node:path';
import ejs from 'ejs';
import type { Visitor } from './access.ts';

const PAGES = join(import.meta.dirname, 'pages');

export interface LoginView {
  readonly csrf: string;
  /** What to say of an attempt that failed; null before the first. */
  readonly failure: string | null;
  /** How the provider is called where people log in instead; null without one. */
  readonly provider: string | null;
  /** URL of the folder of the style sheet. */
  readonly assets: string;
}

export interface FrameView {
  readonly visitor: Visitor;
  /** Token that the page sends back with every change. */
  readonly csrf: string;
  /** URL of the folder of scripts and styles. */
  readonly assets: string;
  readonly environment: string;
}

export function loginPage(view: LoginView): Promise<string> {
  return page('login', view);
}

export function framePage(view: FrameView): Promise<string> {
  return page('frame', view);
}

function page(name: string, view: object): Promise<string> {
  return ejs.renderFile(join(PAGES, `${name}.ejs`), view, { cache: true });
}
