/** Main: shows the page that the address names. */
import { render } from 'preact';
import { FleetPage } from './fleet.ts';
import { html, type Node } from './html.ts';
import { ActionsPage, AddPage, ProblemsPage, WorkersPage } from './others.ts';
import { PairPage } from './pair.ts';

const PAGES: Readonly<Record<string, () => Node>> = {
  '/': FleetPage,
  '/problems': ProblemsPage,
  '/workers': WorkersPage,
  '/actions': ActionsPage,
  '/add': AddPage,
};

function shown(): Node {
  const pair = /^\/pairs\/([^/]+)$/.exec(location.pathname)?.[1];
  if (pair !== undefined) return html`<${PairPage} name=${decodeURIComponent(pair)} />`;
  return html`<${PAGES[location.pathname] ?? FleetPage} />`;
}

const place = document.getElementById('page');
if (place !== null) render(shown(), place);
performance.mark('holdfast-interactive');
