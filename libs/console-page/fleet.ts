/** Fleet: all pairs in pages, found by name and state; what is shown changes as it happens. */
import { useState } from 'preact/hooks';
import type { FleetView, PageView, PairRow, ThroughputPoint } from '#ports/desk.ts';
import { get, me, useLive, useLoaded } from './api.ts';
import { Throughput } from './chart.ts';
import { html, type Node } from './html.ts';
import { type Column, Condition, Frame, Notice, Pager, Rows, usePaging } from './parts.ts';
import { conditionText, countText, durationText, manyText, sizeText } from './words.ts';

const LIMIT = 50;
const CONDITIONS = ['in-sync', 'syncing', 'deletes-held', 'paused', 'disabled', 'starting'] as const;

const COLUMNS: readonly Column<PairRow>[] = [
  { title: 'Pair', cell: ({ name }) => html`<a href=${`/pairs/${encodeURIComponent(name)}`}>${name}</a>` },
  {
    title: 'State',
    cell: ({ condition, lagSeconds, disabledReason }) =>
      html`<${Condition} condition=${condition} lagSeconds=${lagSeconds} />${disabledReason !== null && html` <span class="why">${disabledReason}</span>`}`,
  },
  {
    title: 'Lag',
    isNumber: true,
    cell: ({ lagSeconds }) => (lagSeconds === null ? '' : durationText(lagSeconds)),
  },
  { title: 'To do', isNumber: true, cell: ({ toDo }) => manyText(toDo) },
  { title: 'Files', isNumber: true, cell: ({ files }) => countText(files) },
  { title: 'Size', isNumber: true, cell: ({ bytes }) => sizeText(bytes) },
  {
    title: 'Rate',
    isNumber: true,
    isExtra: true,
    cell: ({ rate }) => (rate > 0 ? `${sizeText(rate)}/s` : ''),
  },
  { title: 'Problems', isNumber: true, cell: ({ problems }) => manyText(problems) },
  { title: 'Folder', isExtra: true, cell: ({ folder }) => folder },
  { title: 'Container', isExtra: true, cell: ({ store, container }) => `${store}: ${container}` },
];

export function FleetPage(): Node {
  const [search, setSearch] = useState('');
  const [condition, setCondition] = useState('');
  const [problems, setProblems] = useState(false);
  const paging = usePaging();
  const [isLive, setLive] = useState<boolean | null>(null);
  const [away, setAway] = useState<string | null>(null);
  const [fleet, setFleet] = useState<FleetView | null>(null);
  const [points, setPoints] = useState<readonly ThroughputPoint[]>([]);
  const [fresh, setFresh] = useState<ReadonlyMap<string, PairRow | null>>(new Map());
  const query = { search, condition, problems: problems || null, from: paging.from, limit: LIMIT };
  const list = useLoaded(JSON.stringify([query, fleet?.pairs]), () =>
    get<PageView<PairRow>>('/pairs', query),
  );
  const items = list.value?.items ?? [];
  const put = (name: string, row: PairRow | null) => {
    setAway(null);
    setFresh((before) => new Map(before).set(name, row));
  };
  useLive(
    { fleet: true, rows: items.map(({ name }) => name).join(',') },
    {
      fleet: (value: FleetView) => {
        setAway(null);
        setFleet(value);
      },
      throughput: (value: readonly ThroughputPoint[]) => setPoints(value),
      row: (row: PairRow) => put(row.name, row),
      gone: ({ name }: { name: string }) => put(name, null),
      away: ({ message }: { message: string }) => setAway(message),
    },
    setLive,
  );
  const rows = items.flatMap((row) => {
    const now = fresh.get(row.name);
    return now === null ? [] : [now ?? row];
  });
  const changed = (set: () => void) => {
    set();
    paging.first();
  };
  return html`<${Frame} title="Fleet" isLive=${isLive}>
    <${Notice} text=${away ?? list.failure} />
    <${Totals} fleet=${fleet} onChoose=${(chosen: string) => changed(() => setCondition(chosen))} chosen=${condition} />
    <${Throughput} points=${points} />
    <div class="tools">
      <label>Search <input type="search" value=${search} maxlength="63" onInput=${(event: InputEvent) => changed(() => setSearch((event.target as HTMLInputElement).value))} /></label>
      <label>State <select value=${condition} onChange=${(event: Event) => changed(() => setCondition((event.target as HTMLSelectElement).value))}>
        <option value="">any</option>${CONDITIONS.map((each) => html`<option value=${each}>${conditionText(each)}</option>`)}</select></label>
      <label class="check"><input type="checkbox" checked=${problems} onChange=${() => changed(() => setProblems(!problems))} /> with problems</label>
      ${me.isOperator && html`<a class="button main" href="/add">Add a pair</a>`}
    </div>
    ${
      list.value !== null &&
      html`<${Rows} label="Pairs" columns=${COLUMNS} rows=${rows} keyOf=${({ name }: PairRow) => name}
      none=${search === '' && condition === '' && !problems ? 'There are no pairs yet.' : 'No pair is like that.'} />
    <${Pager} paging=${paging} next=${list.value.next} />`
    }
  <//>`;
}

interface TotalsProps {
  readonly fleet: FleetView | null;
  readonly chosen: string;
  onChoose(condition: string): void;
}

function Totals({ fleet, chosen, onChoose }: TotalsProps): Node {
  if (fleet === null) return html`<p class="totals">…</p>`;
  return html`<div class="totals">
    <span><b>${countText(fleet.pairs)}</b> ${fleet.pairs === 1 ? 'pair' : 'pairs'}</span>
    ${CONDITIONS.filter((condition) => fleet.conditions[condition] > 0).map(
      (
        condition,
      ) => html`<button class="quiet" aria-pressed=${chosen === condition} onClick=${() => onChoose(chosen === condition ? '' : condition)}>
        <b>${countText(fleet.conditions[condition])}</b> <${Condition} condition=${condition} /></button>`,
    )}
    <span><b>${countText(fleet.problems)}</b> ${fleet.problems === 1 ? 'problem' : 'problems'}</span>
    <span><b>${sizeText(fleet.bytesRate)}/s</b>, ${fleet.filesRate.toFixed(1)} files/s now</span></div>`;
}
