/** Fake Keystone: answers v3 logins with the token and storage URL of a real Swift, and records what was asked. */
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface FakeKeystone {
  /** Login URL, ending in `/v3`. */
  readonly url: string;
  /** Parsed bodies of all logins. */
  readonly logins: unknown[];
  /** Status of the next logins; 201 lets them in. */
  status: number;
  close(): Promise<void>;
}

export async function startFakeKeystone(token: string, storageUrl: string): Promise<FakeKeystone> {
  const endpoint = (kind: string, region: string, url: string) => ({
    interface: kind,
    region_id: region,
    region,
    url,
  });
  const nowhere = 'http://127.0.0.1:1/v1/AUTH_wrong';
  const catalog = [
    { type: 'identity', endpoints: [endpoint('public', 'one', nowhere)] },
    {
      type: 'object-store',
      endpoints: [
        endpoint('admin', 'two', nowhere),
        endpoint('public', 'one', nowhere),
        endpoint('public', 'two', storageUrl),
      ],
    },
  ];
  const server = createServer((request, response) => {
    void readBody(request).then((body) => {
      keystone.logins.push(JSON.parse(body));
      const accepted = request.url === '/v3/auth/tokens' && keystone.status === 201;
      response.writeHead(accepted ? 201 : keystone.status, accepted ? { 'x-subject-token': token } : {});
      response.end(JSON.stringify(accepted ? { token: { catalog } } : { error: {} }));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const keystone: FakeKeystone = {
    url: `http://127.0.0.1:${port}/v3`,
    logins: [],
    status: 201,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  return keystone;
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}
