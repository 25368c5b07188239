/**
 * Pithos tables in memory: what a Pithos server keeps, for a model of it. Nothing is undone, as
 * none of the changes that a model is asked for fails half-way.
 */
import { compareNames } from '#core/name.ts';
import type { Container } from '#libs/pithos-server/container.ts';
import {
  type BlockTable,
  CLUSTER,
  type ContainerTable,
  type NameRange,
  type Tables,
  type VersionTable,
} from '#libs/pithos-server/tables.ts';
import type { Version } from '#libs/pithos-server/version-store.ts';

export interface PithosTables extends Tables {
  /** Every version that was ever inserted for a path, oldest first, whether still there or not. */
  everOf(container: number, path: string): readonly Version[];
  /** In order of UTF-8 bytes. */
  pathsEver(container: number): string[];
}

export function createPithosTables(): PithosTables {
  const versions = new MemoryVersions();
  return {
    containers: createContainers(versions),
    versions,
    blocks: createBlocks(),
    transaction: (work) => work(),
    close: () => undefined,
    everOf: (container, path) => versions.everOf(container, path),
    pathsEver: (container) => versions.pathsEver(container),
  };
}

function createContainers(versions: MemoryVersions): ContainerTable {
  const rows = new Map<number, Container>();
  let lastId = 0;
  const change = (id: number, changes: (row: Container) => Partial<Container>): void => {
    const row = rows.get(id);
    if (row !== undefined) rows.set(id, { ...row, ...changes(row) });
  };
  const inAccount = (account: string): Container[] =>
    [...rows.values()].filter((row) => row.account === account);
  return {
    find: (account, name) => inAccount(account).find((row) => row.name === name),
    list: (account, after, limit) => {
      const found = inAccount(account)
        .filter((row) => compareNames(row.name, after) > 0)
        .sort((left, right) => compareNames(left.name, right.name));
      return limit < 0 ? found : found.slice(0, limit);
    },
    create: (account, name, { versioning, quota, project }, meta, mtime) => {
      lastId += 1;
      const totals = { objectCount: 0, objectBytes: 0, objectsChangedAt: 0 };
      const policy = { versioning, quota, project };
      rows.set(lastId, {
        id: lastId,
        account,
        name,
        ...policy,
        meta: JSON.stringify(meta),
        mtime,
        ...totals,
      });
    },
    setPolicy: (id, { versioning, quota, project }) => change(id, () => ({ versioning, quota, project })),
    setMeta: (id, meta, mtime) => change(id, () => ({ meta: JSON.stringify(meta), mtime })),
    account: (id, count, bytes, changedAt) =>
      change(id, ({ objectCount, objectBytes }) => ({
        objectCount: objectCount + count,
        objectBytes: objectBytes + bytes,
        objectsChangedAt: changedAt,
      })),
    remove: (id) => {
      versions.removeContainer(id);
      rows.delete(id);
    },
  };
}

/** The versions of one path, oldest first. */
type Line = Version[];

class MemoryVersions implements VersionTable {
  readonly #lines = new Map<number, Map<string, Line>>();
  readonly #ever = new Map<number, Map<string, Line>>();
  readonly #places = new Map<number, { readonly container: number; readonly path: string }>();
  readonly #maps = new Map<string, string[]>();
  /** Paths of each container in order; missing after a path was added. */
  readonly #sorted = new Map<number, readonly string[]>();
  #serial = 0;

  current(container: number, path: string): Version | undefined {
    const newest = this.newest(container, path);
    return newest?.cluster === CLUSTER.current ? newest : undefined;
  }

  newest(container: number, path: string): Version | undefined {
    return this.#line(container, path).at(-1);
  }

  readable(container: number, path: string, serial: number): Version | undefined {
    return this.history(container, path).find((version) => version.serial === serial);
  }

  history(container: number, path: string): Version[] {
    return this.#line(container, path).filter((version) => version.cluster !== CLUSTER.deleted);
  }

  page(range: NameRange, limit: number): Version[] {
    const { container, after, from, end, until } = range;
    const found: Version[] = [];
    for (const path of this.#paths(container)) {
      if (found.length === limit) break;
      const isBefore = compareNames(path, after) <= 0 || compareNames(path, from) < 0;
      if (isBefore || (end !== undefined && compareNames(path, end) >= 0)) continue;
      const newest = this.#line(container, path).findLast(
        (version) => until === undefined || version.mtime < until,
      );
      if (newest !== undefined && newest.cluster !== CLUSTER.deleted) found.push(newest);
    }
    return found;
  }

  insert(container: number, row: Omit<Version, 'serial'>): number {
    this.#serial += 1;
    const version = { ...row, serial: this.#serial };
    const { path } = row;
    append(this.#lines, container, version);
    append(this.#ever, container, version);
    this.#places.set(this.#serial, { container, path });
    this.#sorted.delete(container);
    return this.#serial;
  }

  skipSerial(): void {
    this.#serial += 1;
  }

  demote(serial: number): void {
    // A new row: whoever read the old one keeps what was read.
    this.#change(serial, (version) => [{ ...version, cluster: CLUSTER.history }]);
  }

  remove(serial: number): void {
    this.#change(serial, () => []);
  }

  removePath(container: number, path: string, until: number): void {
    const line = this.#line(container, path);
    this.#lines.get(container)?.set(
      path,
      line.filter((version) => version.mtime > until),
    );
  }

  removeHistory(container: number, until: number): void {
    for (const [path, line] of this.#lines.get(container) ?? []) {
      this.#lines.get(container)?.set(
        path,
        line.filter((version) => version.cluster === CLUSTER.current || version.mtime > until),
      );
    }
  }

  removeContainer(container: number): void {
    this.#lines.delete(container);
    this.#sorted.delete(container);
  }

  saveMap(hash: string, leaves: readonly string[]): void {
    this.#maps.set(`${hash}/${leaves.length}`, [...leaves]);
  }

  loadMap(hash: string, blocks: number): string[] | undefined {
    return this.#maps.get(`${hash}/${blocks}`);
  }

  everOf(container: number, path: string): readonly Version[] {
    return this.#ever.get(container)?.get(path) ?? [];
  }

  pathsEver(container: number): string[] {
    return [...(this.#ever.get(container)?.keys() ?? [])].sort(compareNames);
  }

  #line(container: number, path: string): Line {
    return this.#lines.get(container)?.get(path) ?? [];
  }

  #paths(container: number): readonly string[] {
    const known = this.#sorted.get(container);
    if (known !== undefined) return known;
    const sorted = [...(this.#lines.get(container)?.keys() ?? [])].sort(compareNames);
    this.#sorted.set(container, sorted);
    return sorted;
  }

  #change(serial: number, replace: (version: Version) => Version[]): void {
    const place = this.#places.get(serial);
    if (place === undefined) return;
    const { container, path } = place;
    const line = this.#line(container, path);
    this.#lines.get(container)?.set(
      path,
      line.flatMap((version) => (version.serial === serial ? replace(version) : [version])),
    );
  }
}

function append(to: Map<number, Map<string, Line>>, container: number, version: Version): void {
  const lines = to.get(container) ?? new Map<string, Line>();
  to.set(container, lines);
  lines.set(version.path, [...(lines.get(version.path) ?? []), version]);
}

function createBlocks(): BlockTable {
  const blocks = new Map<string, Uint8Array>();
  return {
    has: (hash) => blocks.has(hash),
    read: (hash) => blocks.get(hash),
    write: (hash, content) => void blocks.set(hash, Uint8Array.from(content)),
    forget: (hash) => void blocks.delete(hash),
  };
}
