import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { configurationTable, loadConfig } from '#libs/config/load.ts';
import { HoldfastError } from '#ports/errors.ts';

function problemOf(env: NodeJS.ProcessEnv): string {
  try {
    loadConfig(env);
  } catch (thrown) {
    assert.ok(thrown instanceof HoldfastError);
    assert.equal(thrown.code, 'configuration-invalid');
    return thrown.message;
  }
  return assert.fail('it was accepted');
}

describe('configuration', () => {
  it('has a default for everything', () => {
    const config = loadConfig({});
    assert.equal(config.databaseUrl, null);
    assert.equal(config.port, 7420);
    assert.deepEqual(config.volumes, ['default']);
    assert.equal(config.window, 1024);
    assert.match(config.dataDir, /holdfast$/);
    assert.match(config.origin, /^[A-Za-z0-9.-]+$/);
  });

  it('takes values from the environment', () => {
    const config = loadConfig({
      DATABASE_URL: 'postgresql://u:p@h/d',
      REDIS_URL: 'rediss://h:6380/1',
      HOLDFAST_VOLUMES: 'a, b-1,a',
      HOLDFAST_SETTLE_MS: '0',
      HOLDFAST_URL: 'https://sync.example.org',
      HOLDFAST_LOG_LEVEL: 'debug',
    });
    assert.equal(config.databaseUrl, 'postgresql://u:p@h/d');
    assert.deepEqual(config.volumes, ['a', 'b-1']);
    assert.equal(config.settleMs, 0);
    assert.equal(config.logLevel, 'debug');
  });

  it('takes an empty variable as unset', () => {
    assert.equal(loadConfig({ REDIS_URL: '', HOLDFAST_PORT: '' }).redisUrl, null);
  });

  it('ignores the port variable that Kubernetes sets for a service of the same name', () => {
    assert.equal(loadConfig({ HOLDFAST_PORT: 'tcp://10.0.0.1:7420' }).port, 7420);
  });

  const refused: readonly (readonly [string, string])[] = [
    ['HOLDFAST_PORT', '70000'],
    ['HOLDFAST_PORT', '0'],
    ['HOLDFAST_CONCURRENCY', '12abc'],
    ['HOLDFAST_CONCURRENCY', '1e3'],
    ['HOLDFAST_CONCURRENCY', '-1'],
    ['HOLDFAST_CONCURRENCY', 'NaN'],
    ['HOLDFAST_LEASE_MS', '15s'],
    ['HOLDFAST_VOLUMES', 'a,,b'],
    ['HOLDFAST_VOLUMES', 'a:b'],
    ['HOLDFAST_DATA', 'relative/folder'],
    ['HOLDFAST_LOG_LEVEL', 'loud'],
    ['HOLDFAST_ORIGIN', 'a b'],
    ['HOLDFAST_QUEUE_PREFIX', 'a:b'],
    ['HOLDFAST_URL', 'localhost:7420'],
    ['DATABASE_URL', 'mysql://u:sesame@h/d'],
    ['REDIS_URL', 'sesame'],
    ['HOLDFAST_POLL_INTERVAL_MS', '61000'],
  ];
  for (const [name, value] of refused) {
    it(`refuses ${name}=${value.replace('sesame', '***')} in one sentence`, () => {
      const sentence = problemOf({ [name]: value });
      assert.match(sentence, /^[A-Z_]+ must [^.]*.*, for example [A-Z_]+=.*\.$/);
      assert.doesNotMatch(sentence, /\n|sesame/);
      if (name !== 'HOLDFAST_POLL_INTERVAL_MS') assert.ok(sentence.startsWith(`${name} `));
      assert.equal(value.includes('sesame') && sentence.includes(value), false);
    });
  }

  it('gives an example that would be accepted', () => {
    for (const [name, value] of refused) {
      const sentence = problemOf({ [name]: value });
      const [, variable = '', example] = /for example ([A-Z_]+)=(.*)\.$/.exec(sentence) ?? [];
      assert.doesNotThrow(() => loadConfig({ [variable]: example }));
    }
  });

  it('cannot be changed', () => {
    const config = loadConfig({});
    assert.ok(Object.isFrozen(config) && Object.isFrozen(config.volumes));
  });

  it('is described by one table row per variable', () => {
    const rows = configurationTable().trim().split('\n').slice(2);
    assert.equal(rows.length, Object.keys(loadConfig({})).length);
    for (const row of rows) assert.match(row, /^\| `[A-Z_]+` \| [^|]+ \| [^|]+ \| [^|]+ \|$/);
  });
});
