/** Store options: what `--option KEY=VALUE` may say of a store, by its kind, so that a slip is told when the store is added. */
import { HoldfastError } from '#ports/errors.ts';
import type { StoreKind } from '#ports/pair.ts';

interface OptionRule {
  readonly allowed: RegExp;
  /** Completes "must be ...". */
  readonly form: string;
}

const REGION: OptionRule = { allowed: /^[A-Za-z0-9][A-Za-z0-9._-]*$/, form: 'a word such as eu-central-1' };
const HEADER: OptionRule = {
  allowed: /^[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?$/,
  form: 'the plain text of a header',
};

const RULES: Readonly<Record<StoreKind, Readonly<Record<string, OptionRule>>>> = {
  pithos: {},
  swift: {
    region: REGION,
    interface: { allowed: /^(public|internal|admin)$/, form: 'public, internal or admin' },
  },
  s3: {
    region: REGION,
    addressing: { allowed: /^(path|virtual)$/, form: 'path or virtual' },
    'x-amz-server-side-encryption': {
      allowed: /^(AES256|aws:kms|aws:kms:dsse)$/,
      form: 'AES256, aws:kms or aws:kms:dsse',
    },
    'x-amz-server-side-encryption-aws-kms-key-id': HEADER,
    'x-amz-server-side-encryption-context': HEADER,
    'x-amz-server-side-encryption-bucket-key-enabled': { allowed: /^(true|false)$/, form: 'true or false' },
    'x-amz-storage-class': { allowed: /^[A-Z_]+$/, form: 'a class such as STANDARD_IA' },
  },
};

/** @throws HoldfastError usage for an option that the kind does not have, or a value that it cannot have */
export function assertStoreOptions(kind: StoreKind, options: Readonly<Record<string, string>>): void {
  for (const [key, value] of Object.entries(options)) {
    const rule = Object.hasOwn(RULES[kind], key) ? RULES[kind][key] : undefined;
    if (rule === undefined) throw new HoldfastError('usage', unknownOption(kind, key));
    if (!rule.allowed.test(value)) {
      throw new HoldfastError(
        'usage',
        `option ${key} of a ${kind} store must be ${rule.form}, not "${value}"`,
      );
    }
  }
}

function unknownOption(kind: StoreKind, key: string): string {
  if (key.startsWith('x-amz-server-side-encryption-customer')) {
    return 'keys of your own (SSE-C) are not supported: the store would keep nothing that Holdfast could read back without them';
  }
  const known = Object.keys(RULES[kind]);
  const choice = known.length === 0 ? 'it has none' : `choose from ${known.join(', ')}`;
  return `a ${kind} store has no option "${key}"; ${choice}`;
}
