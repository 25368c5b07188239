/** Digest: which algorithm a store identifies content by; the local side computes the same, so that hashes compare across sides. */

export type DigestSpec =
  /** Lower-case hex MD5 of the bytes (Swift, S3). */
  | { readonly algorithm: 'md5' }
  /** Pithos Merkle hash over blocks of this many bytes (pithos-api section 4.1). */
  | { readonly algorithm: 'pithos'; readonly blockSize: number };
