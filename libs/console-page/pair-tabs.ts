/** Pair tabs: the lists and settings of one pair. */
import { useState } from 'preact/hooks';
import type { EventRow, PageView } from '#ports/desk.ts';
import type { PairView, PlanItem, ProblemView, TrashView, WhyView } from '#ports/operator.ts';
import { get, me, ofPair, patch, post, type Query, useLoaded } from './api.ts';
import { html, type Node } from './html.ts';
import type { TabProps } from './pair.ts';
import {
  type Column,
  Notice,
  Outcome,
  Pager,
  type Paging,
  Question,
  Rows,
  Time,
  useActing,
  usePaging,
} from './parts.ts';
import { countText, sizeText } from './words.ts';

function usePage<Item>(path: string, version: string, query: Query = {}) {
  const paging = usePaging();
  const asked = { ...query, from: paging.from };
  const list = useLoaded(`${version} ${JSON.stringify(asked)}`, () => get<PageView<Item>>(path, asked));
  return { paging, list, items: list.value?.items ?? [], next: list.value?.next ?? null };
}

interface ListProps<Row> {
  readonly label: string;
  readonly page: {
    readonly paging: Paging;
    readonly list: { readonly value: unknown; readonly failure: string | null };
    readonly items: readonly Row[];
    readonly next: string | null;
  };
  readonly columns: readonly Column<Row>[];
  keyOf(row: Row): string;
  readonly none: string;
}

function List<Row>({ label, page, columns, keyOf, none }: ListProps<Row>): Node {
  return html`<${Notice} text=${page.list.failure} />
    ${page.list.value !== null && html`<${Rows} label=${label} columns=${columns} rows=${page.items} keyOf=${keyOf} none=${none} />`}
    <${Pager} paging=${page.paging} next=${page.next} />`;
}

export function Problems({ name, version }: TabProps): Node {
  const [code, setCode] = useState('');
  const codes = useLoaded(version, () =>
    get<{ code: string; problems: number }[]>(ofPair(name, '/problem-codes')),
  );
  const page = usePage<ProblemView>(ofPair(name, '/problems'), version, { code });
  const acting = useActing(page.list.again);
  const retry = (body: object, what: string) =>
    acting.act(() => post(ofPair(name, '/problems/retry'), body), `${what} is tried again now.`);
  const columns: readonly Column<ProblemView>[] = [
    { title: 'Name', cell: (row) => row.name },
    { title: 'Problem', cell: (row) => html`<b>${row.code}</b> ${row.text}` },
    { title: 'Attempts', isNumber: true, cell: ({ attempts }) => countText(attempts) },
    { title: 'Since', isExtra: true, cell: ({ firstSeenAt }) => html`<${Time} at=${firstSeenAt} />` },
    { title: 'Next attempt', cell: ({ nextAttemptAt }) => html`<${Time} at=${nextAttemptAt} />` },
    ...(me.isOperator
      ? [
          {
            title: 'Do',
            cell: (row: ProblemView) =>
              html`<button disabled=${acting.isBusy} onClick=${() => retry({ names: [row.name] }, `"${row.name}"`)}>Retry</button>`,
          },
        ]
      : []),
  ];
  const choose = (event: Event) => {
    setCode((event.target as HTMLSelectElement).value);
    page.paging.first();
  };
  return html`<div class="tools"><label>Code <select value=${code} onChange=${choose}><option value="">any</option>
      ${codes.value?.map((each) => html`<option value=${each.code}>${each.code} (${each.problems})</option>`)}</select></label>
      ${me.isOperator && page.items.length > 0 && html`<button disabled=${acting.isBusy} onClick=${() => retry(code === '' ? {} : { code }, code === '' ? 'Everything' : `All of ${code}`)}>${code === '' ? 'Retry all' : `Retry all of ${code}`}</button>`}</div>
    <${Outcome} ...${acting} />
    <${List} label="Problems" page=${page} columns=${columns} keyOf=${(row: ProblemView) => row.name} none="There is no problem." />`;
}

interface HeldDelete {
  readonly name: string;
  readonly side: string;
  readonly size: number | null;
  readonly since: string;
}

export function Deletes({ name, version }: TabProps): Node {
  const page = usePage<HeldDelete>(ofPair(name, '/deletes'), version);
  const acting = useActing(page.list.again);
  const answer = (verb: string, said: string) =>
    acting.act(() => post(ofPair(name, `/deletes/${verb}`)), said);
  const columns: readonly Column<HeldDelete>[] = [
    { title: 'Name', cell: (row) => row.name },
    { title: 'Went away', cell: ({ side }) => (side === 'local' ? 'here' : 'upstream') },
    { title: 'Size', isNumber: true, cell: ({ size }) => (size === null ? '' : sizeText(size)) },
    { title: 'Since', cell: ({ since }) => html`<${Time} at=${since} />` },
  ];
  return html`${
    me.isOperator &&
    page.items.length > 0 &&
    html`<p>So many deletes at once may be a mistake. Until you answer, nothing of them is carried out on the other side.</p>
    <div class="tools"><${Question} button="Approve all" isBad=${true} isDisabled=${acting.isBusy} question="Delete all these names on the other side, too?" onYes=${() => answer('approve', 'The deletes are carried out.')} />
      <button disabled=${acting.isBusy} onClick=${() => answer('revert', 'What went away comes back.')}>Revert all</button></div>`
  }<${Outcome} ...${acting} />
    <${List} label="Held deletes" page=${page} columns=${columns} keyOf=${(row: HeldDelete) => row.name} none="No delete waits for an operator." />`;
}

export function History({ name, version }: TabProps): Node {
  const [path, setPath] = useState('');
  const page = usePage<EventRow>(ofPair(name, '/history'), version, { path });
  const [asked, setAsked] = useState<string | null>(null);
  const columns: readonly Column<EventRow>[] = [
    { title: 'When', cell: ({ at }) => html`<${Time} at=${at} />` },
    {
      title: 'What',
      cell: ({ kind, side }) => `${kind}${side === null ? '' : side === 'local' ? ' here' : ' upstream'}`,
    },
    { title: 'Name', cell: (row) => row.name ?? '' },
    { title: 'Why', cell: ({ text }) => text },
    { title: 'Serial', isNumber: true, isExtra: true, cell: ({ serial }) => serial ?? '' },
    {
      title: 'Chain',
      cell: (row) =>
        row.name !== null &&
        html`<button class="quiet" aria-label=${`Why is ${row.name} as it is?`} onClick=${() => setAsked(row.name)}>Why?</button>`,
    },
  ];
  const search = (event: Event) => {
    setPath((event.target as HTMLInputElement).value);
    page.paging.first();
  };
  return html`<div class="tools"><label>Only this path <input type="search" value=${path} maxlength="1024" onChange=${search} /></label></div>
    ${asked !== null && html`<${Why} pair=${name} path=${asked} />`}
    <${List} label="History" page=${page} columns=${columns} keyOf=${({ id }: EventRow) => id} none="Nothing has happened yet." />`;
}

function Why({ pair, path }: { readonly pair: string; readonly path: string }): Node {
  const { value, failure } = useLoaded(`${pair} ${path}`, () => get<WhyView>(ofPair(pair, '/why'), { path }));
  if (value === null) return html`<${Notice} text=${failure} />`;
  return html`<article class="conflict" aria-live="polite"><h2>Why ${value.name} is as it is</h2>
    <dl><dt>Here</dt><dd>${value.local}</dd><dt>Upstream</dt><dd>${value.remote}</dd><dt>Synced</dt><dd>${value.sync}</dd>
      ${value.decision !== null && html`<dt>Decided</dt><dd>${value.decision}</dd>`}
      ${value.problem !== null && html`<dt>Problem</dt><dd>${value.problem}</dd>`}</dl>
    <ol>${value.history.map(({ at, kind, text }) => html`<li><${Time} at=${at} /> <b>${kind}</b> ${text}</li>`)}</ol></article>`;
}

export function Trash({ name, version }: TabProps): Node {
  const page = usePage<TrashView>(ofPair(name, '/trash'), version);
  const acting = useActing(page.list.again);
  const restore = ({ name: path, item }: TrashView, as: string | null) =>
    acting.act(() => post(ofPair(name, '/trash/restore'), { path, item, as }), `"${as ?? path}" is back.`);
  const columns: readonly Column<TrashView>[] = [
    { title: 'Name', cell: (row) => row.name },
    {
      title: 'Displaced',
      cell: ({ displacedAt, side }) =>
        html`<${Time} at=${displacedAt} /> ${side === 'local' ? 'here' : 'upstream'}`,
    },
    { title: 'Size', isNumber: true, cell: ({ size }) => sizeText(size) },
    { title: 'Kept until', isExtra: true, cell: ({ expiresAt }) => html`<${Time} at=${expiresAt} />` },
    ...(me.isOperator
      ? [
          {
            title: 'Do',
            cell: (
              row: TrashView,
            ) => html`<button disabled=${acting.isBusy} aria-label=${`Restore ${row.name}`} onClick=${() => restore(row, null)}>Restore</button>
          <button disabled=${acting.isBusy} aria-label=${`Restore beside ${row.name}`} onClick=${() => restore(row, besideName(row.name))}>Restore beside</button>`,
          },
        ]
      : []),
  ];
  return html`<${Outcome} ...${acting} />
    <${List} label="Trash" page=${page} columns=${columns} keyOf=${({ item }: TrashView) => item} none="The trash is empty." />`;
}

function besideName(name: string): string {
  const dot = name.lastIndexOf('.');
  const isExtension = dot > name.lastIndexOf('/') + 1;
  return isExtension ? `${name.slice(0, dot)}_restored${name.slice(dot)}` : `${name}_restored`;
}

export function Plan({ name }: TabProps): Node {
  const [round, setRound] = useState(0);
  const plan = useLoaded(`${name} ${round}`, () => get<readonly PlanItem[]>(ofPair(name, '/plan')));
  const columns: readonly Column<PlanItem>[] = [
    { title: 'Name', cell: (row) => row.name },
    { title: 'Would', cell: ({ action }) => action },
    { title: 'Since', cell: ({ reason }) => reason },
    { title: 'Size', isNumber: true, cell: ({ bytes }) => (bytes > 0 ? sizeText(bytes) : '') },
  ];
  return html`<p>What a sync would do now, looking at both sides and doing nothing. <button onClick=${() => setRound(round + 1)}>Look again</button></p>
    <${Notice} text=${plan.failure} />
    ${plan.value === null ? plan.failure === null && html`<p class="none">Looking at both sides…</p>` : html`<${Rows} label="Plan" columns=${columns} rows=${plan.value.slice(0, 500)} keyOf=${(row: PlanItem) => row.name} none="A sync would do nothing." />`}
    ${(plan.value?.length ?? 0) > 500 && html`<p>The first 500 of ${countText(plan.value?.length ?? 0)}.</p>`}`;
}

export function Settings({ name, version }: TabProps): Node {
  const pair = useLoaded(`${name} ${version}`, () => get<PairView>(ofPair(name)));
  const acting = useActing(pair.again);
  if (pair.value === null) return html`<${Notice} text=${pair.failure} />`;
  const { retention, policies, excludes } = pair.value;
  const save = (event: Event) => {
    event.preventDefault();
    const form = new FormData(event.target as HTMLFormElement);
    const number = (field: string) => {
      const text = String(form.get(field) ?? '').trim();
      return text === '' ? null : Number(text);
    };
    acting.act(
      () => patch(ofPair(name), { retention: { days: number('days'), bytes: number('bytes') } }),
      'Saved.',
    );
  };
  return html`<form class="settings" onSubmit=${save}><h2>Displaced contents</h2>
      <label>Days kept (empty: as configured) <input name="days" type="number" min="0" max="36500" value=${retention.days ?? ''} disabled=${!me.isOperator} /></label>
      <label>Bytes kept at most (empty: any) <input name="bytes" type="number" min="0" value=${retention.bytes ?? ''} disabled=${!me.isOperator} /></label>
      ${me.isOperator && html`<button class="main" disabled=${acting.isBusy}>Save</button>`}</form><${Outcome} ...${acting} />
    <h2>As it was made</h2><dl>${Object.entries(policies).map(([key, value]) => html`<dt>${key}</dt><dd>${value}</dd>`)}
      <dt>Left out</dt><dd>${excludes.length === 0 ? 'nothing' : excludes.join(' ')}</dd></dl>`;
}
