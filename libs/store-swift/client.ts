/**
 * Client: one function per Swift request on one container, answering in our terms. It
 * classifies what no caller expects and passes on, as data, what a commit must judge itself.
 */
import type { HttpResponse } from '#libs/http/client.ts';
import { SharedLook } from '#libs/http/shared-look.ts';
import { HoldfastError } from '#ports/errors.ts';
import { type ContainerHead, containerHead, type Manifest, type ObjectHead, objectHead } from './heads.ts';
import { openSegments, type SegmentsClient } from './segments-client.ts';
import type { AccountRequest, Session } from './session.ts';

export interface Client {
  /** Of an object, as manifests name it. */
  path(name: string): string;
  /** What the manifests of this container are made of. */
  readonly segments: SegmentsClient;
  /** The object, or one version of it, as the newest replica knows it; null for a 404, which proves nothing about the container. */
  head(name: string, version?: string): Promise<ObjectHead | null>;
  /** The raw answer: 200, 206, 404 and 412 are the caller's to judge. */
  get(name: string, version: string | null, headers: Record<string, string>): Promise<HttpResponse>;
  /**
   * The raw answer, its body discarded; any status. @param as whether the body is content, or tells the segments of it.
   * @throws whatever the body throws
   */
  put(
    name: string,
    headers: Record<string, string>,
    body: NonNullable<AccountRequest['body']>,
    as?: 'manifest',
  ): Promise<HttpResponse>;
  /**
   * Server-side copy; of a manifest as what it is, so that no content is copied. @param headers what the target is told in place of the source's metadata.
   * @returns id of the new version, null where there are none; undefined when the source is gone or not `etag`.
   */
  copy(
    name: string,
    source: { version: string | null; etag: string; manifest?: Manifest | null },
    target: string,
    headers?: Record<string, string>,
  ): Promise<string | null | undefined>;
  /** Removes the current object, or one version for good. The raw answer, its body discarded; any status. */
  remove(name: string, version: string | null, headers?: Record<string, string>): Promise<HttpResponse>;
  /**
   * As it was after the call. @param ask `newest` costs the store a look at every replica; without it callers share a look.
   * @throws HoldfastError container-missing
   */
  container(ask?: 'newest'): Promise<ContainerHead>;
  /** Creates or updates the container. @returns the status. */
  setContainer(method: 'PUT' | 'POST', headers: Record<string, string>): Promise<number>;
  /** A page of the listing as parsed JSON. @throws HoldfastError container-missing */
  listing(query: Record<string, string>): Promise<unknown>;
}

/** @param pairId tells what this pair wrote into the container's metadata from what others did. */
export function openClient(session: Session, container: string, pairId: string): Client {
  const containerPath = `/${encodeURIComponent(container)}`;
  const objectPath = (name: string, version: string | null, manifest?: 'get' | 'put'): string => {
    const words = [
      ...(version === null ? [] : [`version-id=${encodeURIComponent(version)}`]),
      ...(manifest === undefined ? [] : [`multipart-manifest=${manifest}`]),
    ];
    return `${containerPath}/${encodePath(name)}${words.length === 0 ? '' : `?${words.join('&')}`}`;
  };
  const missing = () =>
    new HoldfastError('container-missing', `the container "${container}" does not exist in this account`);
  const drained = async (response: HttpResponse): Promise<HttpResponse> => {
    await response.discard();
    return response;
  };

  // Not HEAD: through some proxies its 204 carries a body that breaks the connection.
  const lookAtContainer = async (headers: Record<string, string>): Promise<ContainerHead> => {
    const path = `${containerPath}?limit=1`;
    const response = await session.send({ method: 'GET', path, headers, what: 'look at the container' });
    if (response.status === 404) await response.discard();
    if (response.status === 404) throw missing();
    if (response.status >= 300) throw await response.failure();
    await response.discard();
    return containerHead(response.headers, pairId);
  };
  // Each name that is absent asks whether the container is there.
  const sharedLook = new SharedLook(() => lookAtContainer({}));

  return {
    path: (name) => `/${container}/${name}`,
    segments: openSegments(session, container, pairId),
    async head(name, version) {
      const response = await session.send({
        method: 'HEAD',
        path: objectPath(name, version ?? null),
        headers: { 'x-newest': 'true' },
        what: 'look at an object',
      });
      if (response.status === 404) await response.discard();
      if (response.status === 404) return null;
      if (response.status !== 200) throw await failureOf(response, name);
      await response.discard();
      return objectHead(response.headers);
    },
    get: (name, version, headers) =>
      session.send({ method: 'GET', path: objectPath(name, version), headers, what: 'read an object' }),
    async put(name, headers, body, as) {
      const path = objectPath(name, null, as === 'manifest' ? 'put' : undefined);
      return drained(await session.send({ method: 'PUT', path, headers, body, what: 'write an object' }));
    },
    async copy(name, source, target, headers) {
      const manifest = source.manifest ?? null;
      const response = await session.send({
        method: 'COPY',
        path: objectPath(name, source.version, manifest === null ? undefined : 'get'),
        headers: {
          ...(headers === undefined ? {} : { ...headers, 'x-fresh-metadata': 'true' }),
          destination: `${encodeURIComponent(container)}/${encodePath(target)}`,
          'if-match': manifest?.ownTag ?? source.etag,
        },
        what: 'copy an object',
      });
      if (response.status === 404 || response.status === 412) {
        await response.discard();
        return undefined;
      }
      if (response.status !== 201) throw await failureOf(response, target);
      await response.discard();
      return objectHead(response.headers).version;
    },
    async remove(name, version, headers = {}) {
      const path = objectPath(name, version);
      return drained(await session.send({ method: 'DELETE', path, headers, what: 'remove an object' }));
    },
    container: (ask) => (ask === 'newest' ? lookAtContainer({ 'x-newest': 'true' }) : sharedLook.look()),
    async setContainer(method, headers) {
      const what = 'set up the container';
      const response = await session.send({ method, path: containerPath, headers, what, idempotent: true });
      await response.discard();
      return response.status;
    },
    async listing(query) {
      const path = `${containerPath}?${new URLSearchParams({ ...query, format: 'json' })}`;
      const response = await session.send({ method: 'GET', path, what: 'list the container' });
      if (response.status === 404) await response.discard();
      if (response.status === 404) throw missing();
      if (response.status === 204) return [];
      if (response.status !== 200) throw await response.failure();
      return response.json();
    },
  };
}

/** From this length on a 400 or 503 may come from the name itself (Swift limits names to 1,024 characters, less when versioned). */
const LONG_NAME_BYTES = 900;

/** The error of an object request, telling a name that is too long from other refusals. */
export async function failureOf(response: HttpResponse, name: string): Promise<HoldfastError> {
  const failure = await response.failure();
  const long = Buffer.byteLength(name) > LONG_NAME_BYTES;
  if (response.status === 400 && long) return tooLong(failure);
  return failure;
}

export function tooLong(cause: unknown): HoldfastError {
  return new HoldfastError(
    'name-unsyncable',
    'the store does not take names as long as this one; shorten it',
    {
      cause,
    },
  );
}

export function isLongName(name: string): boolean {
  return Buffer.byteLength(name) > LONG_NAME_BYTES;
}

/** Percent-encodes a name for a path; slashes stay. */
function encodePath(name: string): string {
  return name.split('/').map(encodeURIComponent).join('/');
}
