/** Endpoints: the stores that end-to-end tests run against, as an operator would register them. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startPithosServer } from '#libs/pithos-server/server.ts';
import { type Cleanup, swift } from '#test/support/services.ts';

export interface Endpoint {
  readonly kind: 'swift' | 'pithos';
  readonly url: string;
  readonly secret: Readonly<Record<string, string>>;
}

export const ENDPOINTS: readonly { readonly label: string; open(t: Cleanup): Promise<Endpoint | null> }[] = [
  { label: 'pithos', open: openPithosEndpoint },
  { label: 'swift', open: openSwiftEndpoint },
];

async function openPithosEndpoint(t: Cleanup): Promise<Endpoint> {
  const dir = await mkdtemp(join(tmpdir(), 'holdfast-e2e-pithos-'));
  const server = await startPithosServer({
    dir,
    users: [{ token: 'e2e-token', userId: 'e2e-user', name: 'E2E' }],
  });
  t.after(async () => {
    await server.close();
    await rm(dir, { recursive: true, force: true });
  });
  return { kind: 'pithos', url: server.authUrl, secret: { token: 'e2e-token' } };
}

async function openSwiftEndpoint(): Promise<Endpoint | null> {
  const login = await swift();
  return login === null
    ? null
    : { kind: 'swift', url: login.authUrl, secret: { user: login.user, key: login.key } };
}
