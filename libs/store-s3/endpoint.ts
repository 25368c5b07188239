/** Endpoint: where the objects of one bucket are, by path (`host/bucket/key`) or by host (`bucket.host/key`). */
import { HoldfastError } from '#ports/errors.ts';
import { encodeKey, encodeStrictly } from './names.ts';

export type Addressing = 'path' | 'virtual';

export interface S3Endpoint {
  /** `https://host[:port][/prefix]`. */
  readonly url: string;
  /** Signed for; any word will do for most stores but Amazon's. */
  readonly region: string;
  readonly addressing: Addressing;
}

export interface BucketAddress {
  readonly origin: string;
  /** As the Host header has it: with the port unless it is the protocol's own. */
  readonly host: string;
  /** Encoded; null: the bucket itself. */
  path(key: string | null): string;
}

/** @throws HoldfastError usage for a bucket's name that cannot be a part of a URL. */
export function bucketAddress({ url, addressing }: S3Endpoint, bucket: string): BucketAddress {
  if (bucket === '' || bucket === '.' || bucket === '..' || bucket.includes('/')) {
    throw new HoldfastError('usage', `"${bucket}" cannot be a bucket's name; choose one without a slash`);
  }
  const { protocol, host, pathname } = new URL(url);
  const prefix = pathname.replace(/\/+$/, '');
  if (addressing === 'virtual') {
    if (!/^[a-z0-9][a-z0-9.-]*$/.test(bucket)) {
      throw new HoldfastError(
        'usage',
        `bucket "${bucket}" cannot be part of a host's name; use lower-case letters, digits and dashes, or a store with --option addressing=path`,
      );
    }
    const own = `${bucket}.${host}`;
    return {
      origin: `${protocol}//${own}`,
      host: own,
      path: (key) => `${prefix}/${key === null ? '' : encodeKey(key)}`,
    };
  }
  const base = `${prefix}/${encodeStrictly(bucket)}`;
  return {
    origin: `${protocol}//${host}`,
    host,
    path: (key) => (key === null ? base : `${base}/${encodeKey(key)}`),
  };
}
