/**
 * Run: one chaos run from an empty folder to its report. Users, readers and troubles go on
 * together for the given time; then all of them stop, the fleet comes to rest, and the checker speaks.
 */
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { isAlive } from '#libs/services/processes.ts';
import { judge, type Verdict } from './checker.ts';
import { FAULTS } from './fault-proxy.ts';
import type { Finding } from './findings.ts';
import { type Fleet, migrateDatabase, startFleet } from './fleet.ts';
import { type Journal, openJournal } from './journal.ts';
import { runOperator } from './operator.ts';
import { type ChaosPair, makePairs, runUsers } from './pairs.ts';
import { randomOf } from './random.ts';
import { SecretSearch } from './secrets.ts';
import { settle } from './settle.ts';
import { readContainer, readFolder, readPrivateFolder } from './sides.ts';
import { mountSmallVolume, type SmallVolume, unmountLeftover } from './small-volume.ts';
import { endLeftoverSwift, openStand, type Queue, type Stand } from './stand.ts';
import { planTroubles, type Troubles } from './troubles.ts';

export interface RunOptions {
  readonly minutes: number;
  readonly seed: string;
  readonly queue: Queue;
  /** Ends the run before its time; it fails then, and clears up. */
  readonly signal: AbortSignal;
  /** Keep the folder of the run even when it found nothing. */
  readonly keep: boolean;
  /** Takes sentences for whoever watches. */
  readonly tell: (text: string) => void;
  /** Takes the state of things, often. */
  readonly progress: (text: string) => void;
}

export interface Report {
  readonly seed: string;
  readonly minutes: number;
  readonly queue: Queue;
  readonly swift: boolean;
  readonly pairs: Readonly<
    Record<string, Verdict['counts'] & { readonly reads: number; readonly damagedSeen: number }>
  >;
  /** How often users, faults and troubles did what. */
  readonly counts: Readonly<Record<string, number>>;
  /** Texts searched for secrets, by kind of place. */
  readonly searched: Readonly<Record<string, number>>;
  readonly secrets: number;
  readonly findings: readonly Finding[];
  /** Logs, journal, folders and evidence; null when it was removed. */
  readonly dir: string | null;
}

/** No shorter than an operator may choose, and shorter than most do. */
const SETTINGS = {
  HOLDFAST_SETTLE_MS: '200',
  HOLDFAST_SWEEP_INTERVAL_MS: '1000',
  HOLDFAST_POLL_INTERVAL_MS: '1000',
  HOLDFAST_POLL_MAX_INTERVAL_MS: '3000',
  HOLDFAST_LEASE_MS: '4000',
  HOLDFAST_CONCURRENCY: '8',
  // Low enough to be met; one pair's and the whole fleet's.
  HOLDFAST_DELETE_HOLD_NAMES: '5',
  HOLDFAST_DELETE_HOLD_PERCENT: '10',
  HOLDFAST_DELETE_HOLD_WINDOW_MS: '60000',
  HOLDFAST_FLEET_STOP_WINDOW_MS: '60000',
  HOLDFAST_ORIGIN: 'chaos',
  HOLDFAST_QUEUE_PREFIX: 'chaos',
};
const PROGRESS_MS = 1_000;
const SEARCH_EVERY_MS = 20_000;
const MOST_WHYS = 30;
const SMALL_VOLUME = 'volumes/small';
const PREFIX = 'holdfast-chaos-';

/** A stage with everything on it, and how it is cleared. */
interface Stage {
  readonly dir: string;
  readonly journal: Journal;
  readonly stand: Stand;
  readonly fleet: Fleet;
  readonly pairs: readonly ChaosPair[];
  readonly troubles: Troubles;
  readonly search: SecretSearch;
}

/** @throws Error when the run itself fails; its folder is kept then, and the message names it. */
export async function runChaos(options: RunOptions): Promise<Report> {
  await endLeftovers();
  const dir = mkdtempSync(join(tmpdir(), `${PREFIX}${process.pid}-`));
  chmodSync(dir, 0o755); // The services run as users of their own.
  mkdirSync(join(dir, 'logs'));
  await using stack = new AsyncDisposableStack();
  try {
    const stage = await openStage(dir, options, stack);
    await stir(stage, options);
    options.signal.throwIfAborted();
    options.tell('Users and faults have stopped; waiting until all is quiet.');
    const report = await conclude(stage, options);
    await stack.disposeAsync();
    if (report.dir === null) rmSync(dir, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
    return report;
  } catch (thrown) {
    throw new Error(`the run failed, see ${dir}: ${thrown instanceof Error ? thrown.stack : String(thrown)}`);
  }
}

/** Runs that were killed could not clear up. Their files stay, since somebody may look into them. */
async function endLeftovers(): Promise<void> {
  for (const name of readdirSync(tmpdir())) {
    const pid = name.startsWith(PREFIX) ? Number(name.slice(PREFIX.length).split('-')[0]) : 0;
    if (!(pid > 0) || isAlive(pid)) continue;
    await endLeftoverSwift(join(tmpdir(), name));
    unmountLeftover(join(tmpdir(), name, SMALL_VOLUME));
  }
}

async function openStage(dir: string, options: RunOptions, stack: AsyncDisposableStack): Promise<Stage> {
  const { seed, tell } = options;
  const journal = openJournal(join(dir, 'journal.jsonl'));
  const random = (label: string) => randomOf(seed, label);
  const pairs: ChaosPair[] = [];
  const stand = await openStand({
    dir,
    seed,
    queue: options.queue,
    journal,
    log: tell,
    onDamaged: (_path, body) => {
      for (const { ledger } of pairs) ledger.damaged(body);
    },
  });
  stack.defer(() => stand.stop());
  if (stand.swiftMissing !== null) {
    tell(`NO SWIFT HERE (${stand.swiftMissing}): this run knows the Pithos server only.`);
  }
  const volume = openVolume(dir, options, stack);
  await migrateDatabase(stand.databaseUrl);
  let troubles: Troubles | null = null;
  const fleet = await startFleet({
    env: {
      DATABASE_URL: stand.databaseUrl,
      ...(stand.redis === null ? {} : { REDIS_URL: stand.redis.url }),
      ...SETTINGS,
    },
    logs: join(dir, 'logs'),
    random: random('fleet'),
    journal,
    isOutage: () => troubles?.isOutage() ?? false,
  });
  stack.defer(() => fleet.stop());
  troubles = planTroubles({ stand, fleet, volume, journal, randomOf: random });
  await fleet.untilReady();
  pairs.push(...makePairs({ dir, stand, volume, journal, randomOf: random }));
  for (const pair of pairs) stack.defer(() => pair.container.close());
  await addPairs(fleet, stand, pairs);
  const search = new SecretSearch(() => [
    ...stand.secrets,
    ...stand.pithos.proxy.secrets,
    ...(stand.swift?.proxy.secrets ?? []),
  ]);
  return { dir, journal, stand, fleet, pairs, troubles, search };
}

function openVolume(dir: string, { tell }: RunOptions, stack: AsyncDisposableStack): SmallVolume | null {
  const volume = mountSmallVolume(join(dir, SMALL_VOLUME));
  if (typeof volume === 'string') {
    tell(`NO FULL VOLUME in this run: ${volume}.`);
    return null;
  }
  stack.defer(() => volume.unmount());
  return volume;
}

async function addPairs(fleet: Fleet, stand: Stand, pairs: readonly ChaosPair[]): Promise<void> {
  const stores = [stand.pithos, ...(stand.swift === null ? [] : [stand.swift])];
  await Promise.all(
    stores.map(({ kind, loginUrl, secretFile }) =>
      fleet.json('store', 'add', kind, '--kind', kind, '--url', loginUrl, '--secret-file', secretFile),
    ),
  );
  await Promise.all(
    pairs.map(async ({ name, store, folder, policies }) => {
      const chosen = policies.flatMap((policy) => ['--policy', policy]);
      const sides = ['--folder', folder, '--store', store, '--container', name];
      await fleet.json('pair', 'add', name, ...sides, ...chosen);
      await fleet.json('sync', name, '--wait', '--timeout', '60s');
    }),
  );
}

/** Everything at once, for the time that was asked for. */
async function stir(stage: Stage, options: RunOptions): Promise<void> {
  const { seed, minutes } = options;
  const { pairs, journal, troubles } = stage;
  const randoms = (label: string) => randomOf(seed, label);
  const users = new AbortController();
  const faults = new AbortController();
  const readers = new AbortController();
  const endsAt = Date.now() + minutes * 60_000;
  const reading = pairs.map((pair) => pair.reader.run(readers.signal));
  const working = pairs.map((pair) => runUsers(pair, { journal, randomOf: randoms }, users.signal));
  const stirring = troubles.run(faults.signal);
  const ledgers = pairs.map(({ ledger }) => ledger);
  const operating = runOperator(stage.fleet, ledgers, journal, randoms('operator'), faults.signal);
  let nextSearch = Date.now() + SEARCH_EVERY_MS;
  while (Date.now() < endsAt && !options.signal.aborted) {
    options.progress(progressText(stage, endsAt));
    await sleep(Math.min(PROGRESS_MS, Math.max(0, endsAt - Date.now())));
    if (Date.now() > nextSearch) {
      await lookWhileItLasts(stage);
      nextSearch = Date.now() + SEARCH_EVERY_MS;
    }
  }
  users.abort();
  await Promise.all(working);
  faults.abort();
  await Promise.all([stirring, operating]);
  stage.stand.pithos.proxy.setStorm({});
  stage.stand.swift?.proxy.setStorm({});
  readers.abort();
  await Promise.all(reading);
}

/** Queues and metrics pass: what they hold now is gone later. */
async function lookWhileItLasts({ search, stand, fleet, journal }: Stage): Promise<void> {
  if (stand.redis !== null) {
    await search
      .lookAtRedis(stand.redis.url)
      .catch((thrown) => journal.note('not-searched', { thrown: String(thrown) }));
  }
  for (const [slot, text] of await fleet.metrics()) {
    if (text !== null) search.look({ where: `metrics ${slot}`, text });
  }
}

function progressText({ journal, pairs }: Stage, endsAt: number): string {
  const count = (what: string): number => journal.counts.get(what) ?? 0;
  const faults = FAULTS.reduce((sum, fault) => sum + count(`fault ${fault}`), 0);
  const reads = pairs.reduce((sum, { reader }) => sum + reader.reads, 0);
  const partial = pairs.reduce((sum, { reader }) => sum + reader.partial.length, 0);
  const left = Math.max(0, Math.round((endsAt - Date.now()) / 1000));
  return [
    `${left} s left`,
    `${count('written')} contents`,
    `${faults} faults`,
    `${count('SIGKILL')} kills`,
    `${count('SIGSTOP')} stops`,
    `${reads} reads`,
    `${partial} partial`,
  ].join(', ');
}

async function conclude(stage: Stage, options: RunOptions): Promise<Report> {
  const { fleet, journal, stand, pairs, dir, search } = stage;
  await fleet.untilReady();
  await stand.swift?.server.settle();
  const names = pairs.map(({ name }) => name);
  const findings = await settle(fleet, names, stand.databaseUrl, journal, options.progress);
  const counts: Record<string, Report['pairs'][string]> = {};
  for (const pair of pairs) {
    options.progress(`checking ${pair.name}`);
    const verdict = await judgePair(pair);
    counts[pair.name] = { ...verdict.counts, reads: pair.reader.reads, damagedSeen: pair.reader.damagedSeen };
    findings.push(...verdict.findings);
  }
  for (const text of fleet.crashes) findings.push({ kind: 'crashed', pair: null, text, names: [] });
  await gatherEvidence(stage, findings);
  await searchEverywhere(stage);
  findings.push(...search.findings);
  for (const finding of findings) journal.note('FINDING', { ...finding });
  const report: Report = {
    seed: options.seed,
    minutes: options.minutes,
    queue: options.queue,
    swift: stand.swift !== null,
    pairs: counts,
    counts: Object.fromEntries([...journal.counts].sort()),
    searched: Object.fromEntries(search.searched),
    secrets: stand.secrets.size + stand.pithos.proxy.secrets.size + (stand.swift?.proxy.secrets.size ?? 0),
    findings,
    dir: findings.length > 0 || options.keep ? dir : null,
  };
  writeFileSync(join(dir, 'report.json'), JSON.stringify(report, null, 2));
  return report;
}

async function judgePair(pair: ChaosPair): Promise<Verdict> {
  const { ledger, folder, container, containerUser, reader } = pair;
  const [here, there] = [await readFolder(folder), await readContainer(container)];
  for (const side of [here, there]) for (const name of side.files.keys()) ledger.names.add(name);
  return judge({
    ledger,
    folder: here,
    container: there,
    privateFolder: await readPrivateFolder(folder),
    versions: await container.versions(ledger.names),
    acts: containerUser.acts,
    partial: reader.partial,
    localMayWin: pair.policies.includes('conflict=newest'),
  });
}

/** What the fleet itself says about the names of findings. */
async function gatherEvidence({ fleet, dir, pairs }: Stage, findings: readonly Finding[]): Promise<void> {
  if (findings.length === 0) return;
  const parts: string[] = [];
  const ask = async (...words: readonly string[]): Promise<void> => {
    const { stdout, stderr } = await fleet.cli(...words);
    parts.push(`$ holdfast ${words.join(' ')}\n${stdout}${stderr}`);
  };
  await ask('status');
  await ask('problems');
  for (const { name } of pairs) await ask('plan', name);
  const asked = new Set<string>();
  for (const { pair, names } of findings) {
    for (const name of names) {
      const key = `${pair}\n${name}`;
      if (pair === null || asked.has(key) || asked.size >= MOST_WHYS) continue;
      asked.add(key);
      await ask('why', pair, name);
    }
  }
  writeFileSync(join(dir, 'evidence.txt'), parts.join('\n'));
}

async function searchEverywhere(stage: Stage): Promise<void> {
  const { search, stand, dir, pairs, fleet } = stage;
  for (const words of [['store', 'list'], ['pair', 'list'], ['doctor'], ['status']])
    await fleet.cli(...words, '--json');
  for (const { name } of pairs) {
    await fleet.cli('conflicts', name);
    await fleet.cli('trash', name, 'list');
  }
  await lookWhileItLasts(stage);
  await search.lookAtPostgres(stand.databaseUrl);
  await search.lookAtFiles('logs', join(dir, 'logs'));
  for (const { folder } of pairs) await search.lookAtFiles('folder', join(folder, '.holdfast'));
}
