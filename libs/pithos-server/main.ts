// Runs the server as a process of its own: one line with the login URL and the
// token when ready, then requests until SIGTERM or SIGINT.

import { parseArgs } from 'node:util';
import { startPithosServer } from './server.ts';

const HELP = `Usage: node libs/pithos-server/main.ts --data DIR --port N [options]

A Pithos object store for development and tests, with its data in a folder.

  --data DIR          where objects are kept (created when absent)
  --port N            port to listen on; 0 picks a free one
  --host ADDRESS      address to listen on (default 127.0.0.1)
  --token T           token of the one user (default dev-token)
  --user U            user id, which is also the account (default dev-user)
  --container NAME    create this container if it is absent; may be repeated
  --block-size BYTES  default 4194304; keep it the same for one folder
  --md5               ETags are MD5s (PITHOS_UPDATE_MD5)
  --versioning POLICY policy of new containers: auto (default) or none
  --control           serve fault injection and counters on /_control
  --help              show this text
`;

const { values } = parseArgs({
  options: {
    data: { type: 'string' },
    port: { type: 'string' },
    host: { type: 'string', default: '127.0.0.1' },
    token: { type: 'string', default: 'dev-token' },
    user: { type: 'string', default: 'dev-user' },
    container: { type: 'string', multiple: true, default: [] },
    'block-size': { type: 'string', default: '4194304' },
    md5: { type: 'boolean', default: false },
    versioning: { type: 'string', default: 'auto' },
    control: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

if (values.help) {
  process.stdout.write(HELP);
  process.exit(0);
}

const port = Number(values.port);
const blockSize = Number(values['block-size']);
const { versioning } = values;
const isUsable =
  Number.isInteger(port) && port >= 0 && port <= 65535 && Number.isInteger(blockSize) && blockSize > 0;
if (!isUsable || values.data === undefined || (versioning !== 'auto' && versioning !== 'none')) {
  process.stderr.write(HELP);
  process.exit(2);
}

const server = await startPithosServer({
  dir: values.data,
  port,
  host: values.host,
  blockSize,
  users: [{ token: values.token, userId: values.user, name: values.user }],
  isControlServed: values.control,
});
server.control.set({ md5Mode: values.md5, defaultVersioning: versioning });
for (const name of values.container) server.control.ensureContainer(values.user, name);

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  process.once(signal, () => {
    server.close().then(() => process.exit(0));
  });
}
process.stdout.write(
  `pithos-server ready: login ${server.authUrl} token ${values.token} user ${values.user}\n`,
);
