/** Others: the fleet's problems, its processes, what operators did, and adding a pair. */
import { useState } from 'preact/hooks';
import type { ActionRow, PageView, ProcessRow } from '#ports/desk.ts';
import type { ProblemView, StoreView } from '#ports/operator.ts';
import { get, me, post, useLive, useLoaded } from './api.ts';
import { html, type Node } from './html.ts';
import {
  type Column,
  Frame,
  Notice,
  Outcome,
  Pager,
  Question,
  Rows,
  Time,
  useActing,
  usePaging,
} from './parts.ts';
import { durationText, sizeText } from './words.ts';

const PROBLEMS: readonly Column<ProblemView>[] = [
  {
    title: 'Pair',
    cell: ({ pair }) => html`<a href=${`/pairs/${encodeURIComponent(pair)}#problems`}>${pair}</a>`,
  },
  { title: 'Name', cell: ({ name }) => name },
  { title: 'Problem', cell: ({ code, text }) => html`<b>${code}</b> ${text}` },
  { title: 'Attempts', isNumber: true, cell: ({ attempts }) => attempts },
  { title: 'Next attempt', cell: ({ nextAttemptAt }) => html`<${Time} at=${nextAttemptAt} />` },
];

export function ProblemsPage(): Node {
  const [code, setCode] = useState('');
  const paging = usePaging();
  const codes = useLoaded('', () => get<{ code: string; problems: number }[]>('/problem-codes'));
  const query = { code, from: paging.from };
  const list = useLoaded(JSON.stringify(query), () => get<PageView<ProblemView>>('/problems', query));
  const choose = (event: Event) => {
    setCode((event.target as HTMLSelectElement).value);
    paging.first();
  };
  return html`<${Frame} title="Problems"><${Notice} text=${list.failure} />
    <div class="tools"><label>Code <select value=${code} onChange=${choose}><option value="">any</option>
      ${codes.value?.map((each) => html`<option value=${each.code}>${each.code} (${each.problems})</option>`)}</select></label>
      <button onClick=${list.again}>Look again</button></div>
    ${
      list.value !== null &&
      html`<${Rows} label="Problems" columns=${PROBLEMS} rows=${list.value.items} keyOf=${(row: ProblemView) => `${row.pair} ${row.name}`} none="There is no problem." />
    <${Pager} paging=${paging} next=${list.value.next} />`
    }<//>`;
}

export function WorkersPage(): Node {
  const [workers, setWorkers] = useState<readonly ProcessRow[] | null>(null);
  const [isLive, setLive] = useState<boolean | null>(null);
  const [away, setAway] = useState<string | null>(null);
  const acting = useActing(() => {});
  useLive(
    { workers: true },
    {
      workers: (value: readonly ProcessRow[]) => {
        setAway(null);
        setWorkers(value);
      },
      away: ({ message }: { message: string }) => setAway(message),
    },
    setLive,
  );
  const drain = ({ id, app, host }: ProcessRow) =>
    acting.act(
      () => post(`/workers/${encodeURIComponent(id)}/drain`),
      `The ${app} on ${host} ends its work and stops.`,
    );
  const columns: readonly Column<ProcessRow>[] = [
    {
      title: 'Process',
      cell: ({ app, condition }) =>
        html`<b>${app}</b> <span class=${`badge ${condition}`}>${condition}</span>`,
    },
    { title: 'Host', cell: ({ host, pid }) => `${host} (${pid})` },
    { title: 'Up for', isNumber: true, cell: ({ uptimeSeconds }) => durationText(uptimeSeconds) },
    {
      title: 'Busy',
      isNumber: true,
      cell: ({ busy, concurrency }) =>
        concurrency === 0
          ? ''
          : html`<meter min="0" max=${concurrency} value=${busy} aria-label="Concurrency in use"></meter> ${busy} of ${concurrency}`,
    },
    {
      title: 'Pairs',
      cell: ({ holds, pairs }) =>
        html`<span title=${pairs.join(', ')}>${holds}${pairs.length > 0 && `: ${pairs.slice(0, 3).join(', ')}${holds > 3 ? ' …' : ''}`}</span>`,
    },
    { title: 'Memory', isNumber: true, cell: ({ rss }) => sizeText(rss) },
    { title: 'Loop lag', isNumber: true, cell: ({ loopLagMs }) => `${loopLagMs} ms` },
    { title: 'Volumes', isExtra: true, cell: ({ volumes }) => volumes.join(', ') },
    { title: 'Version', isExtra: true, cell: ({ version }) => version },
    {
      title: 'Heard of',
      isExtra: true,
      isNumber: true,
      cell: ({ silentSeconds }) => `${silentSeconds} s ago`,
    },
    ...(me.isOperator
      ? [
          {
            title: 'Do',
            cell: (row: ProcessRow) =>
              row.condition === 'working' &&
              html`<${Question} button="Drain" isDisabled=${acting.isBusy} question=${`End the work of the ${row.app} on ${row.host} (${row.pid}) and stop it? What runs it starts another one.`} onYes=${() => drain(row)} />`,
          },
        ]
      : []),
  ];
  return html`<${Frame} title="Workers" isLive=${isLive}><${Notice} text=${away} /><${Outcome} ...${acting} />
    ${workers !== null && html`<${Rows} label="Processes" columns=${columns} rows=${workers} keyOf=${({ id }: ProcessRow) => id} none="No process was heard of." />`}<//>`;
}

const ACTIONS: readonly Column<ActionRow>[] = [
  { title: 'When', cell: ({ at }) => html`<${Time} at=${at} />` },
  { title: 'Who', cell: ({ actor }) => actor },
  { title: 'Pair', cell: ({ pair }) => pair ?? '' },
  { title: 'What', cell: ({ text }) => text },
];

export function ActionsPage(): Node {
  const paging = usePaging();
  const list = useLoaded(String(paging.from), () =>
    get<PageView<ActionRow>>('/actions', { from: paging.from }),
  );
  return html`<${Frame} title="Actions"><${Notice} text=${list.failure} />
    ${
      list.value !== null &&
      html`<${Rows} label="What operators did" columns=${ACTIONS} rows=${list.value.items} keyOf=${({ at, text }: ActionRow) => `${at} ${text}`} none="Nobody did anything yet." />
    <${Pager} paging=${paging} next=${list.value.next} />`
    }<//>`;
}

export function AddPage(): Node {
  const stores = useLoaded('', () => get<readonly StoreView[]>('/stores'));
  const acting = useActing(() => {});
  const add = (event: Event) => {
    event.preventDefault();
    const form = new FormData(event.target as HTMLFormElement);
    const text = (field: string) => String(form.get(field) ?? '').trim();
    const name = text('name');
    const words = text('excludes') === '' ? [] : text('excludes').split(/\s+/);
    acting.act(async () => {
      await post('/pairs', {
        name,
        folder: text('folder'),
        store: text('store'),
        container: text('container'),
        volume: text('volume'),
        excludes: words,
        policies: ['conflict', 'delete-vs-edit', 'direction'].map((key) => `${key}=${text(key)}`),
      });
      location.assign(`/pairs/${encodeURIComponent(name)}`);
    }, `${name} is paired.`);
  };
  const choice = (name: string, label: string, options: readonly string[]) =>
    html`<label>${label} <select name=${name}>${options.map((option) => html`<option>${option}</option>`)}</select></label>`;
  if (!me.isOperator)
    return html`<${Frame} title="Add a pair"><${Notice} text="A viewer changes nothing; log in as an operator." /><//>`;
  return html`<${Frame} title="Add a pair"><${Notice} text=${stores.failure} /><${Outcome} ...${acting} />
    ${stores.value?.length === 0 && html`<${Notice} kind="warn" text="There is no store yet. Add one: holdfast store add --help" />`}
    <form class="settings" onSubmit=${add}>
      <label>Name <input name="name" required maxlength="63" autocomplete="off" /></label>
      <label>Folder, absolute <input name="folder" required maxlength="4096" autocomplete="off" /></label>
      ${choice('store', 'Store', stores.value?.map(({ name }) => name) ?? [])}
      <label>Container <input name="container" required maxlength="256" autocomplete="off" /></label>
      <label>Volume <input name="volume" required value="default" maxlength="63" /></label>
      <label>Left out (patterns, separated by spaces) <input name="excludes" autocomplete="off" /></label>
      ${choice('conflict', 'When both sides changed, the name goes to', ['upstream', 'newest', 'local'])}
      ${choice('delete-vs-edit', 'When one side deleted what the other changed', ['upstream', 'edit-wins'])}
      ${choice('direction', 'Direction', ['both', 'push-only', 'pull-only'])}
      <button class="main" disabled=${acting.isBusy}>${acting.isBusy ? 'Checking both sides…' : 'Add'}</button></form><//>`;
}
