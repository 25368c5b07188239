/** Pairs: the three of a run, each with a folder, a container, two users, a reader and a ledger. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ContainerUser } from './container-user.ts';
import { FolderUser } from './folder-user.ts';
import type { Journal } from './journal.ts';
import { Ledger, pithosDigest, swiftDigest } from './ledger.ts';
import { NAME_SPACE } from './names.ts';
import type { Random } from './random.ts';
import type { RawContainer } from './raw-container.ts';
import { openRawPithos } from './raw-pithos.ts';
import { openRawSwift } from './raw-swift.ts';
import { Reader } from './reader.ts';
import type { SmallVolume } from './small-volume.ts';
import { PITHOS_BLOCK_SIZE, PITHOS_USER, type Stand } from './stand.ts';

export interface ChaosPair {
  readonly name: string;
  readonly store: 'swift' | 'pithos';
  readonly folder: string;
  /** For container users, the reader and the checker. */
  readonly container: RawContainer;
  readonly policies: readonly string[];
  readonly ledger: Ledger;
  readonly folderUser: FolderUser;
  readonly containerUser: ContainerUser;
  readonly reader: Reader;
}

export interface PairsOptions {
  readonly dir: string;
  readonly stand: Stand;
  readonly volume: SmallVolume | null;
  readonly journal: Journal;
  readonly randomOf: (label: string) => Random;
}

const PLANS = [
  { name: 'swift-plain', store: 'swift', policies: [] },
  { name: 'swift-newest', store: 'swift', policies: ['conflict=newest', 'delete-vs-edit=edit-wins'] },
  { name: 'pithos-small', store: 'pithos', policies: [] },
] as const;
const WITHOUT_SWIFT = [
  { name: 'pithos-plain', store: 'pithos', policies: [] },
  { name: 'pithos-newest', store: 'pithos', policies: ['conflict=newest', 'delete-vs-edit=edit-wins'] },
  { name: 'pithos-small', store: 'pithos', policies: [] },
] as const;
/** The pair that lives on the small volume, where there is one. */
const SMALL = 'pithos-small';
const SHORTEST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 1_300;

export function makePairs(options: PairsOptions): ChaosPair[] {
  const { stand } = options;
  return (stand.swift === null ? WITHOUT_SWIFT : PLANS).map((plan) => makePair(options, plan));
}

function makePair(
  options: PairsOptions,
  { name, store, policies }: (typeof PLANS | typeof WITHOUT_SWIFT)[number],
): ChaosPair {
  const { dir, volume, journal, randomOf } = options;
  const place = name === SMALL && volume !== null ? volume.dir : join(dir, 'volumes', name);
  const folder = join(place, 'folder');
  const desk = join(place, 'desk');
  mkdirSync(folder, { recursive: true });
  mkdirSync(desk, { recursive: true });
  const ledger = new Ledger(name, store === 'swift' ? swiftDigest : pithosDigest(PITHOS_BLOCK_SIZE), journal);
  const names = NAME_SPACE;
  const open = (): RawContainer => openContainer(options.stand, store, name);
  const container = open();
  return {
    name,
    store,
    folder,
    container,
    policies,
    ledger,
    folderUser: new FolderUser({ folder, desk, ledger, journal, random: randomOf(`${name}/folder`), names }),
    containerUser: new ContainerUser({
      container,
      ledger,
      random: randomOf(`${name}/container`),
      names,
    }),
    reader: new Reader({ folder, container, ledger, journal }),
  };
}

function openContainer(stand: Stand, store: 'swift' | 'pithos', name: string): RawContainer {
  if (store === 'pithos') {
    const { url } = stand.pithos;
    return openRawPithos({ url, user: PITHOS_USER, token: () => stand.pithos.token }, name);
  }
  if (stand.swift === null) throw new Error('there is no Swift');
  const { server, key } = stand.swift;
  return openRawSwift({ authUrl: server.authUrl, user: server.user, key: () => key }, name);
}

/** Both users work until aborted; each does one thing after the other. */
export async function runUsers(
  pair: ChaosPair,
  { journal, randomOf }: Pick<PairsOptions, 'journal' | 'randomOf'>,
  signal: AbortSignal,
): Promise<void> {
  const work = async (who: string, user: { act(): Promise<void> }): Promise<void> => {
    const random = randomOf(`${pair.name}/${who}/pace`);
    while (!signal.aborted) {
      await user.act().catch((thrown) => {
        // A store that is being frozen or restarted refuses its users, too.
        journal.note('user-refused', { by: `${pair.name}/${who}`, thrown: String(thrown) });
      });
      const pauseMs = random.between(SHORTEST_PAUSE_MS, LONGEST_PAUSE_MS);
      await sleep(pauseMs, undefined, { signal }).catch(() => undefined);
    }
  };
  await Promise.all([work('folder', pair.folderUser), work('container', pair.containerUser)]);
}
