/** Conflicts: both contents side by side, and which of them shall have the name. */
import { useState } from 'preact/hooks';
import type { ConflictRow, ConflictSide, ContentPreview, PageView } from '#ports/desk.ts';
import { get, me, ofPair, post, useLoaded } from './api.ts';
import { html, type Node } from './html.ts';
import type { TabProps } from './pair.ts';
import { Notice, Outcome, Pager, Time, useActing, usePaging } from './parts.ts';
import { sizeText } from './words.ts';

const ANSWERS = {
  'keep-upstream': 'Keep upstream',
  'keep-mine': 'Keep mine',
  'keep-both': 'Keep both',
} as const;

export function Conflicts({ name, version }: TabProps): Node {
  const paging = usePaging();
  const list = useLoaded(`${version} ${paging.from}`, () =>
    get<PageView<ConflictRow>>(ofPair(name, '/conflicts'), { from: paging.from, limit: 20 }),
  );
  if (list.value === null) return html`<${Notice} text=${list.failure} />`;
  const { items, next } = list.value;
  return html`<${Notice} text=${list.failure} />
    ${items.length === 0 && html`<p class="none">There was no conflict.</p>`}
    ${items.map((conflict) => html`<${Conflict} key=${conflict.id} pair=${name} conflict=${conflict} again=${list.again} />`)}
    <${Pager} paging=${paging} next=${next} />`;
}

interface ConflictProps {
  readonly pair: string;
  readonly conflict: ConflictRow;
  again(): void;
}

function Conflict({ pair, conflict, again }: ConflictProps): Node {
  const [isShown, setShown] = useState(false);
  const acting = useActing(again);
  const { id, at, winner, copy, answer, isOpen } = conflict;
  const path = ofPair(pair, `/conflicts/${id}`);
  return html`<article class="conflict"><h2>${winner.name}</h2>
    <p><${Time} at=${at} /> ${
      answer !== null
        ? html`answered with ${ANSWERS[answer.answer].toLowerCase()} by ${answer.actor} <${Time} at=${answer.at} />`
        : isOpen
          ? html`<b class="warn">open</b>`
          : 'settled: the copy is gone'
    }</p>
    <div class="sides"><${Side} title="At its name" side=${winner} path=${isShown ? `${path}/preview/winner` : null} />
      <${Side} title="Kept beside it" side=${copy} path=${isShown ? `${path}/preview/copy` : null} /></div>
    <p class="tools"><button aria-expanded=${isShown} onClick=${() => setShown(!isShown)}>${isShown ? 'Hide contents' : 'Show contents'}</button>
    ${
      isOpen &&
      me.isOperator &&
      Object.entries(ANSWERS).map(
        ([answered, text]) =>
          html`<button disabled=${acting.isBusy} onClick=${() => acting.act(() => post(path, { answer: answered }), `${text}: done.`)}>${text}</button>`,
      )
    }</p><${Outcome} ...${acting} /></article>`;
}

function Side({
  title,
  side,
  path,
}: {
  readonly title: string;
  readonly side: ConflictSide;
  readonly path: string | null;
}): Node {
  const what = side.isDirectory ? 'a directory' : side.size === null ? 'nothing now' : sizeText(side.size);
  return html`<div><h3>${title}: from ${side.from}</h3>
    <p class="name">${side.name}</p><p>${what}${side.modifiedAt !== null && html`, changed <${Time} at=${side.modifiedAt} />`}</p>
    ${path !== null && html`<${Preview} path=${path} />`}</div>`;
}

function Preview({ path }: { readonly path: string }): Node {
  const { value, failure } = useLoaded(path, () => get<ContentPreview>(path));
  if (value === null) return html`<${Notice} text=${failure} />`;
  switch (value.kind) {
    case 'text':
      return html`<pre tabindex="0">${value.text}${!value.isWhole && '\n…'}</pre>`;
    case 'image':
      return html`<img alt="The picture's content" src=${`data:${value.type};base64,${value.base64}`} />`;
    case 'none':
      return html`<p class="none">Not shown: ${value.reason}.</p>`;
  }
}
