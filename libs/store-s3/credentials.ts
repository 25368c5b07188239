/**
 * Credentials: the secret's fields as S3 takes them. They are kept until the store refuses them,
 * and then read anew, so that a replaced secret or a renewed session is used without a restart.
 */
import { HoldfastError } from '#ports/errors.ts';

export interface S3Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** Of temporary credentials. */
  readonly sessionToken?: string;
}

/** Reads the secret's fields afresh. @throws HoldfastError secret-missing */
export type ReadCredentials = () => Promise<Readonly<Record<string, unknown>>>;

export interface CredentialKeeper {
  /** @throws HoldfastError secret-missing */
  current(): Promise<S3Credentials>;
  /** Others than those that were refused; null when the secret still says the same. */
  renewed(refused: S3Credentials): Promise<S3Credentials | null>;
}

export function keepCredentials(read: ReadCredentials): CredentialKeeper {
  let kept: S3Credentials | null = null;
  return {
    async current() {
      kept ??= parseCredentials(await read());
      return kept;
    },
    async renewed(refused) {
      const now = parseCredentials(await read());
      kept = now;
      return isSame(now, refused) ? null : now;
    },
  };
}

function isSame(a: S3Credentials, b: S3Credentials): boolean {
  return (
    a.accessKeyId === b.accessKeyId &&
    a.secretAccessKey === b.secretAccessKey &&
    a.sessionToken === b.sessionToken
  );
}

/** @throws HoldfastError secret-missing, also instead of ever sending a request that nobody signed. */
export function parseCredentials(fields: Readonly<Record<string, unknown>>): S3Credentials {
  const { accessKeyId, secretAccessKey, sessionToken } = fields;
  if (!isText(accessKeyId) || !isText(secretAccessKey)) {
    throw new HoldfastError(
      'secret-missing',
      'the secret of an S3 store needs "accessKeyId" and "secretAccessKey" (and "sessionToken" with temporary ' +
        'credentials); Holdfast makes no anonymous requests, since it must be able to write',
    );
  }
  if (sessionToken === undefined || sessionToken === null || sessionToken === '') {
    return { accessKeyId, secretAccessKey };
  }
  if (!isText(sessionToken)) {
    throw new HoldfastError('secret-missing', 'the "sessionToken" of the S3 store\'s secret is no text');
  }
  return { accessKeyId, secretAccessKey, sessionToken };
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '';
}
