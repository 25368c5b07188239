/** Pair: everything about one pair, a tab for each thing an operator looks at. */
import { useEffect, useState } from 'preact/hooks';
import type { PairLive } from '#ports/desk.ts';
import type { PairView } from '#ports/operator.ts';
import { get, me, ofPair, post, remove, useLive, useLoaded } from './api.ts';
import { Conflicts } from './conflicts.ts';
import { html, type Node } from './html.ts';
import { Deletes, History, Plan, Problems, Settings, Trash } from './pair-tabs.ts';
import { Condition, Frame, Notice, Outcome, Question, useActing } from './parts.ts';
import { countText, durationText, sizeText } from './words.ts';

const TABS = {
  now: 'Now',
  problems: 'Problems',
  conflicts: 'Conflicts',
  deletes: 'Held deletes',
  history: 'History',
  trash: 'Trash',
  plan: 'Plan',
  settings: 'Settings',
} as const;
type Tab = keyof typeof TABS;

export interface TabProps {
  readonly name: string;
  /** Changes when something happened, so that what is shown is asked anew. */
  readonly version: string;
}

const SHOWN: Readonly<Record<Exclude<Tab, 'now'>, (props: TabProps) => Node>> = {
  problems: Problems,
  conflicts: Conflicts,
  deletes: Deletes,
  history: History,
  trash: Trash,
  plan: Plan,
  settings: Settings,
};

export function PairPage({ name }: { readonly name: string }): Node {
  const [tab, setTab] = useState<Tab>(() => tabOf(location.hash));
  const [live, setLive] = useState<PairLive | null>(null);
  const [line, setLine] = useState<boolean | null>(null);
  const [isGone, setGone] = useState(false);
  const [away, setAway] = useState<string | null>(null);
  useEffect(() => {
    const follow = () => setTab(tabOf(location.hash));
    addEventListener('hashchange', follow);
    return () => removeEventListener('hashchange', follow);
  }, []);
  const pair = useLoaded(`${name} ${live?.condition}`, () => get<PairView>(ofPair(name)));
  useLive(
    { pair: name },
    {
      pair: (value: PairLive) => {
        setAway(null);
        setGone(false);
        setLive(value);
      },
      gone: () => setGone(true),
      away: ({ message }: { message: string }) => setAway(message),
    },
    setLine,
  );
  if (isGone)
    return html`<${Frame} title=${name}><${Notice} kind="warn" text=${`There is no pair "${name}" any more. Both sides' files stay where they are.`} /><p><a href="/">All pairs</a></p><//>`;
  const choose = (chosen: Tab) => {
    setTab(chosen);
    history.replaceState(null, '', `#${chosen}`);
  };
  const version = `${live?.lastEvent} ${live?.problems} ${live?.heldDeletes?.names} ${live?.condition}`;
  const badge: Partial<Record<Tab, number>> = {
    problems: live?.problems ?? 0,
    deletes: live?.heldDeletes?.names ?? 0,
  };
  const Body = tab === 'now' ? null : SHOWN[tab];
  return html`<${Frame} title=${name} isLive=${line}>
    <${Notice} text=${away ?? pair.failure} />
    <${Verbs} name=${name} live=${live} again=${pair.again} />
    ${live?.disabledReason && html`<${Notice} text=${live.disabledReason} />`}
    ${pair.value?.notes.map((note) => html`<${Notice} kind="warn" text=${note} />`)}
    <div class="tabs" role="tablist" aria-label="About this pair">${(Object.keys(TABS) as Tab[]).map(
      (
        each,
      ) => html`<button role="tab" id=${`tab-${each}`} aria-selected=${each === tab} aria-controls="panel" tabindex=${each === tab ? 0 : -1}
        onClick=${() => choose(each)} onKeyDown=${(event: KeyboardEvent) => moveTab(event, each, choose)}>${TABS[each]}${(badge[each] ?? 0) > 0 && html` <b>${countText(badge[each] ?? 0)}</b>`}</button>`,
    )}</div>
    <section id="panel" role="tabpanel" aria-labelledby=${`tab-${tab}`} tabindex="0">
      ${Body === null ? html`<${Now} live=${live} pair=${pair.value} />` : html`<${Body} key=${tab} name=${name} version=${version} />`}
    </section>
  <//>`;
}

function tabOf(hash: string): Tab {
  const asked = hash.slice(1);
  return asked in TABS ? (asked as Tab) : 'now';
}

/** As tabs everywhere: arrows go from one to the next. */
function moveTab(event: KeyboardEvent, from: Tab, choose: (tab: Tab) => void): void {
  const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  if (step === undefined) return;
  const all = Object.keys(TABS) as Tab[];
  const to = all[(all.indexOf(from) + step + all.length) % all.length] as Tab;
  event.preventDefault();
  choose(to);
  document.getElementById(`tab-${to}`)?.focus();
}

interface VerbsProps {
  readonly name: string;
  readonly live: PairLive | null;
  again(): void;
}

function Verbs({ name, live, again }: VerbsProps): Node {
  const acting = useActing(again);
  const condition = live?.condition ?? 'starting';
  const isStopped = condition === 'paused' || condition === 'disabled';
  const ask = (verb: string, said: string) => acting.act(() => post(ofPair(name, `/${verb}`)), said);
  const forget = async () => {
    await remove(ofPair(name));
    location.assign('/');
  };
  return html`<div class="tools"><${Condition} condition=${condition} lagSeconds=${live?.lagSeconds ?? null} />
    ${
      me.isOperator &&
      html`<button disabled=${acting.isBusy || isStopped} onClick=${() => ask('sync', 'A full scan and poll were asked for.')}>Sync now</button>
      ${
        isStopped
          ? html`<button disabled=${acting.isBusy} onClick=${() => ask('resume', 'Resumed.')}>Resume</button>`
          : html`<button disabled=${acting.isBusy} onClick=${() => ask('pause', 'Paused.')}>Pause</button>`
      }
      <${Question} button="Remove" isBad=${true} isDisabled=${acting.isBusy} question=${`Forget the pair ${name}, its history and its trash list? Both sides' files stay.`} onYes=${() => acting.act(forget, 'Removed.')} />`
    }</div><${Outcome} ...${acting} />`;
}

interface NowProps {
  readonly live: PairLive | null;
  readonly pair: PairView | null;
}

function Now({ live, pair }: NowProps): Node {
  if (live === null) return html`<p class="none">…</p>`;
  const { progress } = live;
  const all = progress.filesDone + progress.filesToDo;
  const allBytes = progress.bytesDone + progress.bytesToDo;
  const isMoving = progress.filesToDo > 0 || progress.filesDone > 0;
  return html`
    ${
      isMoving &&
      html`<div class="progress"><progress max=${Math.max(1, all)} value=${progress.filesDone} aria-label="Names done"></progress>
      <p>${countText(progress.filesDone)} of ${countText(all)} names, ${sizeText(progress.bytesDone)} of ${sizeText(allBytes)}
      ${progress.bytesRate > 0 && `, ${sizeText(progress.bytesRate)}/s`}${progress.filesRate > 0 && `, ${progress.filesRate.toFixed(1)} names/s`}
      ${progress.etaSeconds !== null && `, about ${durationText(progress.etaSeconds)} left`}</p></div>`
    }
    ${!isMoving && html`<p class="none">Nothing is to be done.</p>`}
    ${
      live.active.length > 0 &&
      html`<h2>Being moved</h2><ul class="active">${live.active.map(({ name, action, size }) => html`<li key=${name}><b>${action}</b> ${name} ${size > 0 && `(${sizeText(size)})`}</li>`)}</ul>`
    }
    <dl>
      <dt>Files, directories</dt><dd>${countText(live.files)}, ${countText(live.directories)}</dd>
      <dt>Size</dt><dd>${sizeText(live.bytes)}</dd>
      <dt>Lag</dt><dd>${live.lagSeconds === null ? 'none' : durationText(live.lagSeconds)}</dd>
      ${pair !== null && html`<dt>Folder</dt><dd>${pair.folder} on volume ${pair.volume}</dd><dt>Container</dt><dd>${pair.store}: ${pair.container}</dd>`}
    </dl>`;
}
