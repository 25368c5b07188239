// Container rows: policy, user metadata, and the running totals that HEAD
// reports. Last-Modified is the later of the container's own change and the
// last change of its current objects.

export type Versioning = 'auto' | 'none';

export interface Container {
  readonly id: number;
  readonly account: string;
  readonly name: string;
  readonly versioning: Versioning;
  /** Bytes; 0 means no limit. */
  readonly quota: number;
  readonly project: string;
  /** JSON object of full header names. */
  readonly meta: string;
  readonly mtime: number;
  readonly objectCount: number;
  readonly objectBytes: number;
  readonly objectsChangedAt: number;
}

export interface Policy {
  readonly versioning: Versioning;
  readonly quota: number;
  readonly project: string;
}

export function lastModified(container: Container): number {
  return Math.max(container.mtime, container.objectsChangedAt);
}
