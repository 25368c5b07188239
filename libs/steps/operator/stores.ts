/** Stores: what `holdfast store` does. A store is only recorded; pairs find out whether it works. */
import { HoldfastError } from '#ports/errors.ts';
import type { StoreAddRequest, StoreView } from '#ports/operator.ts';
import type { Registry } from '#ports/registry.ts';
import { assertLabel } from './labels.ts';
import { storeView } from './views.ts';

/** @throws HoldfastError usage for a bad name or URL; already-exists */
export async function addStore(registry: Registry, request: StoreAddRequest): Promise<StoreView> {
  assertLabel('store', request.name);
  assertUrl(request);
  if (request.kind === 's3') {
    throw new HoldfastError('usage', 'stores of kind s3 are not supported yet; choose pithos or swift');
  }
  return storeView(await registry.addStore(request));
}

function assertUrl({ url, kind }: StoreAddRequest): void {
  const parsed = URL.parse(url);
  if (parsed === null || (parsed.protocol !== 'http:' && parsed.protocol !== 'https:')) {
    throw new HoldfastError(
      'usage',
      `"${url}" is not an http or https URL; give the login URL, such as ${EXAMPLES[kind]}`,
    );
  }
  if (parsed.username !== '' || parsed.password !== '') {
    throw new HoldfastError(
      'usage',
      'the URL must not hold a user or password; put them into a file and give --secret-file',
    );
  }
}

const EXAMPLES = {
  swift: 'https://swift.example.org/auth/v1.0 or https://keystone.example.org/v3',
  pithos: 'https://accounts.example.org/identity/v2.0',
  s3: 'https://s3.example.org',
} as const;
