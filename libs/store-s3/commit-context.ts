/** Commit context: what pull and remove share, and the look at a name that both begin with. */
import type { Name } from '#core/name.ts';
import type { RemoteState } from '#core/state.ts';
import type { Turns } from '#core/turns.ts';
import type { PartSizes } from '#libs/digest/parts.ts';
import type { SharedPages } from '#libs/http/shared-pages.ts';
import type { CommitOrder, CommitOutcome } from '#ports/commit.ts';
import type { StoreCapabilities } from '#ports/object-store.ts';
import type { Client } from './client.ts';
import type { ObjectHead } from './heads.ts';
import { markerKey } from './names.ts';
import type { ListedVersion } from './xml.ts';

export type Order = CommitOrder<RemoteState>;
export type Outcome = CommitOutcome<RemoteState>;

export interface CommitContext {
  readonly client: Client;
  /** As found by trying: a guard that is enforced is trusted, any other is verified afterwards. */
  readonly capabilities: StoreCapabilities;
  /** Names what this pair keeps in the bucket for itself. */
  readonly pairId: string;
  readonly sizes: PartSizes;
  /** Of all transfers of the process, for parts of large content. */
  readonly turns: Turns;
  /** Of the versions of keys, where a listing shows what was written before it began; else null. */
  readonly histories: SharedPages<ListedVersion> | null;
}

/** What is at a name; a file hides a marker of its name. */
export async function look(client: Client, name: Name): Promise<ObjectHead | null> {
  const file = await client.head(name);
  if (file !== null) return file;
  const marker = await client.head(markerKey(name));
  return marker?.kind === 'directory' ? marker : null;
}
