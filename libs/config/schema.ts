/**
 * Schema: every variable that Holdfast reads, declared once, and the only place that reads
 * the environment. Adapters get plain values and never look here.
 */
import { homedir, hostname } from 'node:os';
import { join } from 'node:path';

/** The environment of this process. */
export function environment(): NodeJS.ProcessEnv {
  return process.env;
}

interface Setting<Value> {
  readonly doc: string;
  readonly env: string;
  readonly format: string;
  readonly default: Value;
  readonly unit: string;
  readonly example: string;
  readonly nullable?: boolean;
  readonly sensitive?: boolean;
  readonly min?: number;
  readonly max?: number;
  /** How the default reads in the table, where it depends on the machine or means something. */
  readonly defaultText?: string;
}

interface NumberRow {
  readonly default: number;
  readonly unit: string;
  readonly min: number;
  readonly max: number;
  readonly doc: string;
  readonly defaultText?: string;
}

const DAY_MS = 86_400_000;

const number = (env: string, row: NumberRow): Setting<number> => ({
  ...row,
  env,
  format: 'whole-number',
  example: String(row.default),
});

/**
 * All settings with their defaults for this account and machine.
 * @param env decides where the data folder lies by default.
 */
export function settingsFor(env: NodeJS.ProcessEnv) {
  return {
    databaseUrl: {
      doc: 'State database. Unset: `holdfast up` runs an embedded PostgreSQL.',
      env: 'DATABASE_URL',
      format: 'postgres-url',
      default: null,
      nullable: true,
      sensitive: true,
      unit: 'URL',
      example: 'postgresql://holdfast@localhost:5432/holdfast',
    } as Setting<string | null>,
    redisUrl: {
      doc: 'Queue server. Unset: the queue lives in the state database.',
      env: 'REDIS_URL',
      format: 'redis-url',
      default: null,
      nullable: true,
      sensitive: true,
      unit: 'URL',
      example: 'redis://localhost:6379',
    } as Setting<string | null>,
    dataDir: {
      doc: 'Folder for what `holdfast up` keeps: the embedded database, logs, ports.',
      env: 'HOLDFAST_DATA',
      format: 'absolute-path',
      default: defaultDataDir(env),
      defaultText: '`/var/lib/holdfast` for root, else `$XDG_DATA_HOME/holdfast` (`~/.local/share/holdfast`)',
      unit: 'path',
      example: '/var/lib/holdfast',
    } as Setting<string>,
    port: number('HOLDFAST_PORT', {
      default: 7420,
      unit: 'port',
      min: 1,
      max: 65_535,
      doc: 'Port of the console: page, API, readiness of the whole fleet.',
    }),
    ...consoleSettings(),
    ...providerSettings(),
    url: {
      doc: 'Where the command line finds a running fleet.',
      env: 'HOLDFAST_URL',
      format: 'http-url',
      default: null,
      nullable: true,
      defaultText: '`http://127.0.0.1:` and `HOLDFAST_PORT`',
      unit: 'URL',
      example: 'http://127.0.0.1:7420',
    } as Setting<string | null>,
    token: {
      doc: 'Token of that fleet. Unset: the one that `holdfast up` left for its user.',
      env: 'HOLDFAST_TOKEN',
      format: 'token',
      default: null,
      nullable: true,
      sensitive: true,
      defaultText: 'left by `holdfast up`',
      unit: 'text',
      example: 'f3a1c0',
    } as Setting<string | null>,
    volumes: {
      doc: 'Volumes that this process mounts, separated by commas.',
      env: 'HOLDFAST_VOLUMES',
      format: 'volume-list',
      default: ['default'],
      defaultText: '`default`',
      unit: 'names',
      example: 'default,homes-1',
    } as Setting<readonly string[]>,
    ...workSettings(),
    hintsOnly: {
      doc: 'Whether a watcher only listens to the pairs of its volumes, without leases and scans: one on every node of a shared volume, beside those that scan.',
      env: 'HOLDFAST_WATCHER_HINTS_ONLY',
      format: 'yes-no',
      default: false,
      defaultText: '`no`',
      unit: 'yes or no',
      example: 'yes',
    } as Setting<boolean>,
    otlpEndpoint: {
      doc: 'OpenTelemetry collector (OTLP over HTTP) that traces of changes are sent to. Unset: nothing is traced.',
      env: 'OTEL_EXPORTER_OTLP_ENDPOINT',
      format: 'http-url',
      default: null,
      nullable: true,
      unit: 'URL',
      example: 'http://collector:4318',
    } as Setting<string | null>,
    ...timeSettings(),
    ...deleteSettings(),
    origin: {
      doc: 'Name of this machine in the names of conflict copies.',
      env: 'HOLDFAST_ORIGIN',
      format: 'origin',
      default:
        hostname()
          .replaceAll(/[^A-Za-z0-9.-]/g, '-')
          .slice(0, 40) || 'unknown',
      defaultText: 'the host name',
      unit: 'name',
      example: 'node-1',
    } as Setting<string>,
    logLevel: {
      doc: 'Least grave lines that are logged: `debug`, `info`, `warn` or `error`.',
      env: 'HOLDFAST_LOG_LEVEL',
      format: 'log-level',
      default: 'info',
      unit: 'level',
      example: 'info',
    } as Setting<'debug' | 'info' | 'warn' | 'error'>,
    queuePrefix: {
      doc: 'Keeps fleets that share a queue server apart; equal in all processes of one fleet.',
      env: 'HOLDFAST_QUEUE_PREFIX',
      format: 'prefix',
      default: 'holdfast',
      unit: 'name',
      example: 'holdfast',
    } as Setting<string>,
  };
}

function consoleSettings() {
  return {
    consoleHost: {
      doc: 'Address that the console listens on. Put TLS before it where others than this machine reach it.',
      env: 'HOLDFAST_CONSOLE_HOST',
      format: 'host',
      default: '127.0.0.1',
      unit: 'address',
      example: '127.0.0.1',
    } as Setting<string>,
    consoleAccounts: {
      doc: 'File with the accounts of the console; `holdfast account set` writes it.',
      env: 'HOLDFAST_CONSOLE_ACCOUNTS',
      format: 'absolute-path',
      default: null,
      nullable: true,
      unit: 'path',
      example: '/etc/holdfast/accounts.json',
    } as Setting<string | null>,
    consoleKey: {
      doc: 'Signs the sessions of the console; equal in all consoles of one fleet. Unset: sessions end with the process.',
      env: 'HOLDFAST_CONSOLE_KEY',
      format: 'session-key',
      default: null,
      nullable: true,
      sensitive: true,
      unit: 'text',
      example: '0123456789abcdef0123456789abcdef',
    } as Setting<string | null>,
  };
}

/** Logins at an OpenID Connect provider; off while there is no issuer. */
function providerSettings() {
  const textSetting = (env: string, doc: string, format: string, example: string) =>
    ({ doc, env, format, default: null, nullable: true, unit: 'text', example }) as Setting<string | null>;
  const people = (env: string, role: string) =>
    ({
      doc: `Who logs in there as ${role}, by the claim; \`*\` is everybody.`,
      env,
      format: 'people-list',
      default: [],
      defaultText: 'nobody',
      unit: 'names',
      example: 'ada@example.org,bob@example.org',
    }) as Setting<readonly string[]>;
  return {
    oidcIssuer: textSetting(
      'HOLDFAST_OIDC_ISSUER',
      'OpenID Connect provider where people log in to the console; over https, unless it is on this machine.',
      'http-url',
      'https://login.example.org',
    ),
    oidcClientId: textSetting(
      'HOLDFAST_OIDC_CLIENT_ID',
      'What the provider calls the console. Its redirect address there is that of the console and `/login/provider/back`.',
      'token',
      'holdfast',
    ),
    oidcClientSecret: {
      ...textSetting(
        'HOLDFAST_OIDC_CLIENT_SECRET',
        'What the console shows the provider.',
        'token',
        'f3a1c0',
      ),
      sensitive: true,
    },
    oidcClaim: {
      doc: 'What the provider tells of people that names them here: a claim of its ID token.',
      env: 'HOLDFAST_OIDC_CLAIM',
      format: 'token',
      default: 'email',
      unit: 'name',
      example: 'email',
    } as Setting<string>,
    oidcOperators: people('HOLDFAST_OIDC_OPERATORS', 'operator'),
    oidcViewers: people('HOLDFAST_OIDC_VIEWERS', 'viewer'),
    consoleUrl: textSetting(
      'HOLDFAST_CONSOLE_URL',
      'Address of the console as browsers know it; needed where people log in at a provider.',
      'http-url',
      'https://holdfast.example.org',
    ),
  };
}

function workSettings() {
  return {
    concurrency: number('HOLDFAST_CONCURRENCY', {
      default: 16,
      unit: 'jobs',
      min: 1,
      max: 1_000,
      doc: 'Transfer jobs that one process works on at once.',
    }),
    window: number('HOLDFAST_WINDOW', {
      default: 1_024,
      unit: 'decisions',
      min: 1,
      max: 100_000,
      doc: 'Decisions of one pair that may be in the queue at once; the rest waits in the database.',
    }),
    trashDays: number('HOLDFAST_TRASH_DAYS', {
      default: 30,
      unit: 'days',
      min: 0,
      max: 36_500,
      doc: 'How long displaced content is kept.',
    }),
    httpPort: number('HOLDFAST_HTTP_PORT', {
      default: 0,
      defaultText: '`0` (none)',
      unit: 'port',
      min: 0,
      max: 65_535,
      doc: 'Port of `/livez`, `/readyz` and `/metrics` of one process, on all addresses.',
    }),
    notifyPort: number('HOLDFAST_NOTIFY_PORT', {
      default: 0,
      defaultText: '`0` (none)',
      unit: 'port',
      min: 0,
      max: 65_535,
      doc: 'Port of the poller on which stores tell of changes, on all addresses.',
    }),
    notifySecrets: {
      doc: 'Folder with one secret file for each store that may do so, by its name.',
      env: 'HOLDFAST_NOTIFY_SECRETS',
      format: 'absolute-path',
      default: null,
      nullable: true,
      unit: 'path',
      example: '/etc/holdfast/notify',
    } as Setting<string | null>,
    databasePool: number('HOLDFAST_DATABASE_POOL', {
      default: 8,
      unit: 'connections',
      min: 2,
      max: 200,
      doc: 'Most database connections of one process, without those of a queue that lives there.',
    }),
  };
}

function timeSettings() {
  return {
    settleMs: number('HOLDFAST_SETTLE_MS', {
      default: 1_000,
      unit: 'ms',
      min: 0,
      max: DAY_MS,
      doc: 'A file modified less than this ago is still being written and waits.',
    }),
    scanIntervalMs: number('HOLDFAST_SCAN_INTERVAL_MS', {
      default: 3_600_000,
      unit: 'ms',
      min: 1_000,
      max: 30 * DAY_MS,
      doc: 'Time between full scans of a folder.',
    }),
    pollIntervalMs: number('HOLDFAST_POLL_INTERVAL_MS', {
      default: 5_000,
      unit: 'ms',
      min: 100,
      max: DAY_MS,
      doc: 'Time between polls of a container that changes.',
    }),
    pollMaxIntervalMs: number('HOLDFAST_POLL_MAX_INTERVAL_MS', {
      default: 60_000,
      unit: 'ms',
      min: 100,
      max: DAY_MS,
      doc: 'Time between polls of a container that has long been quiet.',
    }),
    leaseMs: number('HOLDFAST_LEASE_MS', {
      default: 10_000,
      unit: 'ms',
      min: 1_000,
      max: 600_000,
      doc: 'A watcher that does not answer for this long loses its pairs to another.',
    }),
    sweepIntervalMs: number('HOLDFAST_SWEEP_INTERVAL_MS', {
      default: 5_000,
      unit: 'ms',
      min: 100,
      max: 600_000,
      doc: 'Time between looks for work that no job carries.',
    }),
    generationMs: number('HOLDFAST_GENERATION_MS', {
      default: 60_000,
      unit: 'ms',
      min: 100,
      max: DAY_MS,
      doc: 'Time after which a pair that changes tells both sides so, by which restored backups are noticed.',
    }),
    drainMs: number('HOLDFAST_DRAIN_MS', {
      default: 12_000,
      unit: 'ms',
      min: 0,
      max: 3_600_000,
      doc: 'How long a process that is asked to stop may finish its jobs.',
    }),
  };
}

function deleteSettings() {
  return {
    deleteHoldPercent: number('HOLDFAST_DELETE_HOLD_PERCENT', {
      default: 25,
      unit: '%',
      min: 0,
      max: 100,
      doc: 'Deletes of more than this share of the names of a pair wait for an operator, if they are also more than the next setting says.',
    }),
    deleteHoldNames: number('HOLDFAST_DELETE_HOLD_NAMES', {
      default: 50,
      unit: 'names',
      min: 0,
      max: 1_000_000_000,
      doc: 'Deletes of no more names than this go without an operator, unless they leave nothing.',
    }),
    deleteHoldWindowMs: number('HOLDFAST_DELETE_HOLD_WINDOW_MS', {
      default: DAY_MS,
      unit: 'ms',
      min: 60_000,
      max: 7 * DAY_MS,
      doc: 'Deletes of this time count together, so that a slow one of everything is noticed too.',
    }),
    fleetStopPairs: number('HOLDFAST_FLEET_STOP_PAIRS', {
      default: 3,
      defaultText: '`3` (`0`: never)',
      unit: 'pairs',
      min: 0,
      max: 1_000_000,
      doc: 'Deletes held in so many pairs at about the same time stop the deletes of all pairs, until fewer of them are unanswered.',
    }),
    fleetStopWindowMs: number('HOLDFAST_FLEET_STOP_WINDOW_MS', {
      default: 3_600_000,
      unit: 'ms',
      min: 1_000,
      max: 7 * DAY_MS,
      doc: 'What about the same time means in the setting before.',
    }),
  };
}

function defaultDataDir(env: NodeJS.ProcessEnv): string {
  if (process.getuid?.() === 0) return '/var/lib/holdfast';
  return join(env['XDG_DATA_HOME'] || join(homeOf(env), '.local', 'share'), 'holdfast');
}

/** A container's user may have no name and so no home; of a default that nobody uses this is no failure. */
function homeOf(env: NodeJS.ProcessEnv): string {
  if (env['HOME']) return env['HOME'];
  try {
    return homedir();
  } catch {
    return '/';
  }
}

export type Settings = ReturnType<typeof settingsFor>;
