/**
 * Load: reads the environment through convict once and hands out frozen plain data. convict
 * stays in here: its `set` and `load` write wherever a key from outside points
 * (CVE-2026-106550), so neither is ever called.
 */
import convict from 'convict';
import { HoldfastError } from '#ports/errors.ts';
import { FORMATS, type Limits } from './formats.ts';
import { environment, type Settings, settingsFor } from './schema.ts';

/** The whole configuration as plain, frozen data. Names that end in `Ms` are milliseconds. */
export type Config = { readonly [Key in keyof Settings]: Settings[Key]['default'] };

for (const { name, coerce, validate } of FORMATS) {
  convict.addFormat({
    name,
    coerce,
    validate: (value: unknown, setting: Limits) => validate(value, setting),
  });
}

/**
 * @param env the environment to read; that of the process unless a test says otherwise.
 * @throws HoldfastError configuration-invalid: one sentence with the variable, its problem and an example
 */
export function loadConfig(env: NodeJS.ProcessEnv = environment()): Config {
  const given = meant(env);
  const settings = settingsFor(given);
  const loaded = convict<Config>(settings as unknown as convict.Schema<Config>, { env: given, args: [] });
  const config = loaded.getProperties();
  try {
    loaded.validate({ allowed: 'strict' });
  } catch (thrown) {
    throw firstProblem(config, settings, thrown);
  }
  if (config.pollMaxIntervalMs < config.pollIntervalMs) {
    throw invalid(
      'HOLDFAST_POLL_MAX_INTERVAL_MS',
      'must not be less than HOLDFAST_POLL_INTERVAL_MS',
      '60000',
    );
  }
  return Object.freeze({ ...config, volumes: Object.freeze([...new Set(config.volumes)]) });
}

/** All variables as a Markdown table, in the order in which they are declared. */
export function configurationTable(): string {
  const rows = Object.values(settingsFor({})).map((setting) => {
    const fallback = setting.defaultText ?? (setting.default === null ? 'unset' : `\`${setting.default}\``);
    return `| \`${setting.env}\` | ${fallback} | ${setting.unit} | ${setting.doc} |`;
  });
  return ['| variable | default | unit | meaning |', '|---|---|---|---|', ...rows, ''].join('\n');
}

/** Without empty variables, which mean unset, and without what Kubernetes sets for a Service named `holdfast`. */
function meant(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const entries = Object.entries(env).filter(
    ([name, value]) => value !== '' && !(name === 'HOLDFAST_PORT' && value?.startsWith('tcp://')),
  );
  return Object.fromEntries(entries);
}

// convict's own message repeats values, secret ones too: the problem is found again here.
function firstProblem(config: Config, settings: Settings, cause: unknown): HoldfastError {
  for (const [key, setting] of Object.entries(settings)) {
    const value: unknown = config[key as keyof Config];
    if (value === null && setting.nullable === true) continue;
    const format = FORMATS.find(({ name }) => name === setting.format);
    try {
      format?.validate(value, { ...setting });
    } catch (thrown) {
      return invalid(setting.env, (thrown as Error).message, setting.example);
    }
  }
  throw cause;
}

function invalid(env: string, problem: string, example: string): HoldfastError {
  return new HoldfastError('configuration-invalid', `${env} ${problem}, for example ${env}=${example}.`);
}
