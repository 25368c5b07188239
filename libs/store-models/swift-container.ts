/**
 * Swift container: what the object servers and container servers of one Swift keep for one
 * container. Every method is one atomic change or look; what lies between them is up to the server.
 * Each name holds the write with the newest stamp, whichever was applied last; with versioning the
 * name holds a link, and contents and delete markers lie apart under their own stamps.
 */
import { createHash } from 'node:crypto';
import { compareNames } from '#core/name.ts';
import type { Recorded } from '#libs/memory/raw-store.ts';
import { LaggingListing, type LagOptions, type Row } from './lagging-listing.ts';

/** What a PUT brings, or a copy finds. */
export interface Content {
  /** Of a static large object those of its segments. */
  readonly bytes: Uint8Array;
  /** Of a static large object that of its list of segments. */
  readonly etag: string;
  readonly manifest: Manifest | null;
  readonly type: string;
  /** Headers that are kept with the object: `x-object-meta-*`, `x-object-manifest` and `x-delete-at`. */
  readonly meta: Readonly<Record<string, string>>;
}

/** Of a static large object. */
export interface Manifest {
  /** What reads show as its ETag. */
  readonly tag: string;
  readonly segments: readonly { readonly container: string; readonly name: string }[];
}

export interface Version extends Content {
  /** The stamp of its write. */
  readonly id: string;
  readonly isMarker: boolean;
}

/** What a name holds. The stamp of a removal is kept: an older write that arrives later stays without effect. */
type Held =
  | { readonly kind: 'nothing'; readonly stamp: string }
  | { readonly kind: 'plain' | 'link'; readonly stamp: string; readonly version: Version };

const MARKER_TYPE = 'application/x-deleted;swift_versions_deleted=1';
const NO_BYTES = new Uint8Array();
const EMPTY_MD5 = 'd41d8cd98f00b204e9800998ecf8427e';

export function md5Of(bytes: Uint8Array): string {
  return bytes.length === 0 ? EMPTY_MD5 : createHash('md5').update(bytes).digest('hex');
}

export class SwiftContainer {
  readonly #names = new Map<string, Held>();
  /** Versions and markers of a name, newest first. */
  readonly #versions = new Map<string, Version[]>();
  readonly #ever = new Map<string, Version[]>();
  readonly #wasCurrent = new Set<Version>();
  readonly listing: LaggingListing;
  readonly versionListing: LaggingListing;
  /** Headers `x-container-meta-*`. */
  readonly meta = new Map<string, string>();
  isVersioned = false;

  constructor(options: LagOptions) {
    this.listing = new LaggingListing(options);
    this.versionListing = new LaggingListing(options);
  }

  /** Content from before versioning becomes a version, as the first versioned request for its name does to it. */
  adopt(name: string): void {
    const held = this.#names.get(name);
    if (held?.kind === 'plain') this.#addVersion(name, held.version);
  }

  /** @returns why a write that started at `stamp` is not taken: 412 refused, 202 overtaken; null when it is. */
  objection(name: string, stamp: string, isCreateOnly: boolean): 412 | 202 | null {
    const held = this.#names.get(name);
    if (held === undefined) return null;
    if (isCreateOnly && held.kind !== 'nothing') return 412;
    return held.stamp >= stamp ? 202 : null;
  }

  /** Keeps a content under its own stamp, which nothing leads to yet. */
  keep(name: string, version: Version): void {
    this.#addVersion(name, version);
    this.#record(name, version);
  }

  mark(name: string, stamp: string): void {
    const marker = {
      id: stamp,
      isMarker: true,
      bytes: NO_BYTES,
      etag: EMPTY_MD5,
      type: MARKER_TYPE,
      manifest: null,
      meta: {},
    };
    this.#addVersion(name, marker);
  }

  /** Makes a kept version the current one, unless the name holds something newer. */
  link(name: string, version: Version): void {
    this.#hold(name, { kind: 'link', stamp: version.id, version });
  }

  writePlain(name: string, version: Version): void {
    this.#record(name, version);
    this.#hold(name, { kind: 'plain', stamp: version.id, version });
  }

  /** Tells an object without versions other headers to keep. @returns whether there is one. */
  retell(name: string, meta: Content['meta']): boolean {
    const held = this.#names.get(name);
    if (held?.kind !== 'plain') return false;
    this.#names.set(name, { ...held, version: { ...held.version, meta } });
    return true;
  }

  /** @returns the status: 204, 404 when there was nothing, 409 when the name holds something newer. */
  remove(name: string, stamp: string): 204 | 404 | 409 {
    const held = this.#names.get(name);
    if (held !== undefined && held.stamp >= stamp) return held.kind === 'nothing' ? 404 : 409;
    this.#hold(name, { kind: 'nothing', stamp });
    return held === undefined || held.kind === 'nothing' ? 404 : 204;
  }

  /** Removes one version for good. @returns whether it was there. */
  removeVersion(name: string, id: string, stamp: string): boolean {
    const versions = this.#versions.get(name) ?? [];
    const version = versions.find((one) => one.id === id);
    if (version === undefined) return false;
    this.#versions.set(
      name,
      versions.filter((one) => one !== version),
    );
    this.versionListing.report({ ...versionRow(name, version), stamp, isDeleted: true });
    return true;
  }

  /** What the name holds; null also where a link leads to a version that is gone. */
  current(name: string): { readonly version: Version; readonly isLink: boolean } | null {
    const held = this.#names.get(name);
    if (held === undefined || held.kind === 'nothing') return null;
    const isLink = held.kind === 'link';
    if (isLink && this.version(name, held.version.id) === null) return null;
    return { version: held.version, isLink };
  }

  /** Id of the version that the name leads to. */
  linkedId(name: string): string | null {
    const held = this.#names.get(name);
    return held?.kind === 'link' ? held.version.id : null;
  }

  version(name: string, id: string): Version | null {
    return this.#versions.get(name)?.find((version) => version.id === id) ?? null;
  }

  /** What the versions that can still be read are made of. */
  segments(): Manifest['segments'] {
    const current = [...this.#names.values()].flatMap((held) =>
      held.kind === 'nothing' ? [] : [held.version],
    );
    return [...current, ...[...this.#versions.values()].flat()].flatMap(
      ({ manifest }) => manifest?.segments ?? [],
    );
  }

  names(): string[] {
    return [...this.#names.keys()].filter((name) => this.current(name) !== null).sort(compareNames);
  }

  namesEver(): string[] {
    return [...this.#ever.keys()].sort(compareNames);
  }

  history(name: string): Recorded[] {
    const current = this.current(name)?.version;
    return (this.#ever.get(name) ?? []).map((version) => ({
      name,
      id: version.id,
      kind: kindOf(version),
      bytes: version.bytes,
      wasCurrent: this.#wasCurrent.has(version),
      isReachable: version === current || this.version(name, version.id) !== null,
    }));
  }

  #hold(name: string, held: Held): void {
    const before = this.#names.get(name);
    if (before !== undefined && before.stamp >= held.stamp) return;
    this.#names.set(name, held);
    if (held.kind !== 'nothing') this.#wasCurrent.add(held.version);
    this.listing.report(rowOf(name, held));
  }

  #addVersion(name: string, version: Version): void {
    const versions = this.#versions.get(name) ?? [];
    if (versions.some((one) => one.id === version.id)) return;
    this.#versions.set(
      name,
      [version, ...versions].sort((left, right) => (left.id < right.id ? 1 : -1)),
    );
    this.versionListing.report(versionRow(name, version));
  }

  #record(name: string, version: Version): void {
    this.#ever.set(name, [...(this.#ever.get(name) ?? []), version]);
  }
}

export function kindOf(content: Content): Recorded['kind'] {
  if (content.meta['x-object-manifest'] !== undefined) return 'unhandled';
  return content.type === 'application/directory' && content.bytes.length === 0 ? 'directory' : 'file';
}

function rowOf(name: string, held: Held): Row {
  const { stamp } = held;
  const row = { key: name, name, stamp, lastModified: listedTime(stamp), isDeleted: held.kind === 'nothing' };
  if (held.kind === 'nothing')
    return { ...row, bytes: 0, hash: '', list: null, type: '', version: null, isLink: false };
  const { bytes, etag: hash, manifest, type, id } = held.version;
  const isLink = held.kind === 'link';
  const list = listOf(manifest);
  return { ...row, bytes: bytes.length, hash, list, type, version: isLink ? id : null, isLink };
}

function listOf(manifest: Manifest | null): Row['list'] {
  return manifest === null ? null : { tag: manifest.tag, bytes: JSON.stringify(manifest).length };
}

function versionRow(name: string, version: Version): Row {
  const { id, bytes, etag: hash, manifest, type } = version;
  const row = { key: versionKey(name, id), name, stamp: id, lastModified: listedTime(id), isDeleted: false };
  return { ...row, bytes: bytes.length, hash, list: listOf(manifest), type, version: id, isLink: false };
}

/** `1700000000.12345` as `2023-11-14T22:13:20.123450`. */
function listedTime(stamp: string): string {
  const [seconds = '', fraction = ''] = stamp.split('.');
  return `${new Date(Number(seconds) * 1000).toISOString().slice(0, 19)}.${fraction.padEnd(6, '0')}`;
}

/** Versions of one name are listed newest first, before every longer name. */
export function versionKey(name: string, id: string): string {
  return `${name}\0${id.replaceAll(/\d/g, (digit) => String(9 - Number(digit)))}`;
}
