/** Stores: what `holdfast store` does. One that cannot be logged in to is not recorded, unless that is asked for. */
import { HoldfastError } from '#ports/errors.ts';
import type { StoreAddRequest, StoreView } from '#ports/operator.ts';
import type { Registry } from '#ports/registry.ts';
import type { Sides } from '#ports/sides.ts';
import { assertLabel } from './labels.ts';
import { assertStoreOptions } from './store-options.ts';
import { storeView } from './views.ts';

/** @throws HoldfastError usage for a bad name or URL; already-exists; what `Sides.login` throws, when it is checked */
export async function addStore(
  { registry, sides }: { readonly registry: Registry; readonly sides: Pick<Sides, 'login'> },
  request: StoreAddRequest,
): Promise<StoreView> {
  assertLabel('store', request.name);
  assertUrl(request);
  assertStoreOptions(request.kind, request.options);
  const { check, ...store } = request;
  if (check) await sides.login(store);
  return storeView(await registry.addStore(store));
}

function assertUrl({ url, kind }: StoreAddRequest): void {
  const parsed = URL.parse(url);
  if (parsed === null || (parsed.protocol !== 'http:' && parsed.protocol !== 'https:')) {
    throw new HoldfastError(
      'usage',
      `"${url}" is not an http or https URL; give the ${kind === 's3' ? 'endpoint' : 'login URL'}, such as ${EXAMPLES[kind]}`,
    );
  }
  if (parsed.username !== '' || parsed.password !== '') {
    throw new HoldfastError(
      'usage',
      'the URL must not hold a user or password; put them into a file and give --secret-file',
    );
  }
  if (kind === 's3' && (parsed.search !== '' || parsed.hash !== '')) {
    throw new HoldfastError(
      'usage',
      `the endpoint of an S3 store has no query; give it such as ${EXAMPLES.s3}`,
    );
  }
}

const EXAMPLES = {
  swift: 'https://swift.example.org/auth/v1.0 or https://keystone.example.org/v3',
  pithos: 'https://accounts.example.org/identity/v2.0',
  s3: 'https://s3.eu-central-1.amazonaws.com or https://minio.example.org:9000',
} as const;
