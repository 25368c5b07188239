/**
 * Segments client: the requests for parts of large content, which lie in a container of their own, named by their
 * content. A segment is born with an end, so that the store itself removes what never became an object; before a
 * manifest names it, the end is taken away. Nothing of ours ever sets an end on a segment that is there, or removes
 * one: whatever manifest may name it, in whatever version or copy, finds it.
 */
import { createHash } from 'node:crypto';
import type { HttpResponse } from '#libs/http/client.ts';
import type { AccountRequest, Session } from './session.ts';

export interface Segment {
  readonly size: number;
  /** MD5 in hex. */
  readonly etag: string;
  /** Milliseconds since the epoch; null for one that stays. */
  readonly endsAt: number | null;
}

export interface SegmentsClient {
  /** As manifests name it. */
  path(name: string): string;
  /** In the segments of this pair, for content of this SHA-256. */
  name(sha256: string): string;
  /** As the newest replica knows it; null for a 404. */
  head(name: string): Promise<Segment | null>;
  /** Only where nothing is. The raw answer, its body discarded; any status. @throws whatever the body throws */
  put(
    name: string,
    headers: Record<string, string>,
    body: NonNullable<AccountRequest['body']>,
  ): Promise<HttpResponse>;
  /** Takes the end of a segment away. The raw answer, its body discarded; any status. */
  keep(name: string): Promise<HttpResponse>;
  /** Makes the container of segments; idempotent. @returns the status. */
  create(): Promise<number>;
}

export function openSegments(session: Session, container: string, pairId: string): SegmentsClient {
  const holder = segmentsContainer(container);
  const containerPath = `/${encodeURIComponent(holder)}`;
  const drained = async (request: AccountRequest): Promise<HttpResponse> => {
    const response = await session.send(request);
    await response.discard();
    return response;
  };
  const pathOf = (name: string): string => `${containerPath}/${name}`;

  return {
    path: (name) => `/${holder}/${name}`,
    name: (sha256) => `${encodeURIComponent(pairId)}/${sha256}`,
    async head(name) {
      const what = 'look at a segment';
      const headers = { 'x-newest': 'true' };
      const response = await drained({ method: 'HEAD', path: pathOf(name), headers, what });
      if (response.status === 404) return null;
      if (response.status !== 200) throw await response.failure();
      const endsAt = response.headers['x-delete-at'];
      return {
        size: Number(response.headers['content-length'] ?? 0),
        etag: (response.headers['etag'] ?? '').replaceAll('"', '').toLowerCase(),
        endsAt: endsAt === undefined ? null : Number(endsAt) * 1000,
      };
    },
    put: (name, headers, body) =>
      drained({
        method: 'PUT',
        path: pathOf(name),
        headers: { ...headers, 'if-none-match': '*' },
        body,
        what: 'write a segment',
      }),
    keep: (name) => {
      const what = 'keep a segment';
      const headers = { 'content-length': '0' };
      return drained({ method: 'POST', path: pathOf(name), headers, what, idempotent: true });
    },
    async create() {
      const what = 'make the container of segments';
      return (await drained({ method: 'PUT', path: containerPath, what, idempotent: true })).status;
    },
  };
}

const MOST_CONTAINER_BYTES = 256;

/** Beside the container, where listings of it show none of them. */
function segmentsContainer(container: string): string {
  const name = `${container}+holdfast-segments`;
  if (Buffer.byteLength(name) <= MOST_CONTAINER_BYTES) return name;
  return `holdfast-segments-${createHash('sha256').update(container).digest('hex')}`;
}
