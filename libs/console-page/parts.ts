/** Parts: what all pages are made of: frame, notices, badges, tables, pages of lists, questions. */
import type { ComponentChildren } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { me, sentence } from './api.ts';
import { html, type Node } from './html.ts';
import { BEHIND_SECONDS, conditionText, timeText } from './words.ts';

const LINKS: readonly (readonly [href: string, text: string])[] = [
  ['/', 'Fleet'],
  ['/problems', 'Problems'],
  ['/workers', 'Workers'],
  ['/actions', 'Actions'],
  ['/queues/', 'Queues'],
];

interface FrameProps {
  readonly title: string;
  /** Null before the first event. */
  readonly isLive?: boolean | null;
  readonly children: ComponentChildren;
}

export function Frame({ title, isLive = null, children }: FrameProps): Node {
  useEffect(() => {
    document.title = `${title} - Holdfast`;
  }, [title]);
  const here = (href: string) => (location.pathname === href ? 'page' : undefined);
  return html`
    <a class="skip" href="#main">Skip to the content</a>
    <header>
      <a class="brand" href="/">Holdfast</a>
      <nav aria-label="Pages">${LINKS.map(([href, text]) => html`<a href=${href} aria-current=${here(href)}>${text}</a>`)}</nav>
      <span class="who">${isLive === false && html`<span class="warn" role="status">reconnecting…</span>`}
        ${me.name} (${me.isOperator ? 'operator' : 'viewer'})
        <form method="post" action="/logout"><input type="hidden" name="_csrf" value=${me.csrf} /><button class="quiet">Log out</button></form></span>
    </header>
    <main id="main"><h1>${title}</h1>${children}</main>`;
}

export function Notice({
  text,
  kind = 'bad',
}: {
  readonly text: string | null;
  readonly kind?: 'bad' | 'warn' | 'good';
}): Node | null {
  return text === null
    ? null
    : html`<p class=${`notice ${kind}`} role=${kind === 'bad' ? 'alert' : 'status'}>${text}</p>`;
}

export function Condition({
  condition,
  lagSeconds = null,
}: {
  readonly condition: string;
  readonly lagSeconds?: number | null;
}): Node {
  const isBehind = condition === 'syncing' && lagSeconds !== null && lagSeconds > BEHIND_SECONDS;
  const shown = isBehind ? 'behind' : condition;
  return html`<span class=${`badge ${shown}`}>${conditionText(shown)}</span>`;
}

export function Time({ at }: { readonly at: string | null }): Node | null {
  return at === null ? null : html`<time datetime=${at} title=${at}>${timeText(at)}</time>`;
}

export interface Column<Row> {
  readonly title: string;
  readonly isNumber?: boolean;
  /** Not shown on narrow screens. */
  readonly isExtra?: boolean;
  cell(row: Row): unknown;
}

interface RowsProps<Row> {
  readonly label: string;
  readonly columns: readonly Column<Row>[];
  readonly rows: readonly Row[];
  keyOf(row: Row): string;
  readonly none: string;
}

/** A plain table; its order and its pages are the console's. */
export function Rows<Row>({ label, columns, rows, keyOf, none }: RowsProps<Row>): Node {
  if (rows.length === 0) return html`<p class="none">${none}</p>`;
  const classOf = ({ isNumber, isExtra }: Column<Row>) =>
    `${isNumber === true ? 'number' : ''} ${isExtra === true ? 'extra' : ''}`.trim() || undefined;
  return html`<div class="scroll" role="region" aria-label=${label} tabindex="0"><table>
    <thead><tr>${columns.map((column) => html`<th scope="col" class=${classOf(column)}>${column.title}</th>`)}</tr></thead>
    <tbody>${rows.map(
      (row) =>
        html`<tr key=${keyOf(row)}>${columns.map((column) => html`<td class=${classOf(column)}>${column.cell(row)}</td>`)}</tr>`,
    )}</tbody></table></div>`;
}

export interface Paging {
  readonly from: string | null;
  readonly isFirst: boolean;
  next(from: string): void;
  back(): void;
  first(): void;
}

/** Remembers where the pages before began. */
export function usePaging(): Paging {
  const [trail, setTrail] = useState<readonly (string | null)[]>([null]);
  return {
    from: trail.at(-1) ?? null,
    isFirst: trail.length === 1,
    next: (from) => setTrail((before) => [...before, from]),
    back: () => setTrail((before) => (before.length > 1 ? before.slice(0, -1) : before)),
    first: () => setTrail([null]),
  };
}

export function Pager({
  paging,
  next,
}: {
  readonly paging: Paging;
  readonly next: string | null;
}): Node | null {
  if (paging.isFirst && next === null) return null;
  return html`<p class="pager">
    <button disabled=${paging.isFirst} onClick=${paging.back}>Previous</button>
    <button disabled=${next === null} onClick=${() => next !== null && paging.next(next)}>Next</button></p>`;
}

export interface Acting {
  readonly failure: string | null;
  readonly success: string | null;
  readonly isBusy: boolean;
  /** @param said what is said when it is done. */
  act(work: () => Promise<unknown>, said: string): void;
}

/** One change at a time, and what became of it. */
export function useActing(after: () => void): Acting {
  const [state, setState] = useState<Omit<Acting, 'act'>>({ failure: null, success: null, isBusy: false });
  return {
    ...state,
    act: (work, said) => {
      setState({ failure: null, success: null, isBusy: true });
      work().then(
        () => {
          setState({ failure: null, success: said, isBusy: false });
          after();
        },
        (thrown) => setState({ failure: sentence(thrown), success: null, isBusy: false }),
      );
    },
  };
}

export function Outcome({ failure, success }: Pick<Acting, 'failure' | 'success'>): Node {
  return html`<div aria-live="polite"><${Notice} text=${failure} /><${Notice} text=${success} kind="good" /></div>`;
}

interface QuestionProps {
  readonly button: string;
  readonly question: string;
  readonly isBad?: boolean;
  readonly isDisabled?: boolean;
  onYes(): void;
}

/** A button that asks once more before it does what cannot be taken back easily. */
export function Question({
  button,
  question,
  isBad = false,
  isDisabled = false,
  onYes,
}: QuestionProps): Node {
  const dialog = useRef<HTMLDialogElement>(null);
  const answer = (isYes: boolean) => {
    dialog.current?.close();
    if (isYes) onYes();
  };
  return html`<button class=${isBad ? 'bad' : undefined} disabled=${isDisabled} onClick=${() => dialog.current?.showModal()}>${button}</button>
    <dialog ref=${dialog} aria-label=${button}><p>${question}</p>
      <p class="answers"><button onClick=${() => answer(false)}>No</button>
      <button class=${isBad ? 'bad' : 'main'} onClick=${() => answer(true)}>Yes, ${button.toLowerCase()}</button></p></dialog>`;
}
