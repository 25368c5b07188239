import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createLog } from '#libs/runtime/log.ts';
import { isTurning } from '#libs/runtime/loop-lag.ts';
import { HoldfastError } from '#ports/errors.ts';

function logged(write: (log: ReturnType<typeof createLog>) => void): Record<string, unknown>[] {
  const lines: string[] = [];
  write(createLog({ name: 'app', level: 'info', stream: { write: (line) => lines.push(line) } }));
  return lines.map((line) => JSON.parse(line));
}

describe('log', () => {
  it('writes one JSON line with process, level, time, fields and message', () => {
    const [line] = logged((log) => log.child({ queue: 'poll' }).warn({ pairId: 7 }, 'it rains'));
    assert.ok(line);
    const { level, process, queue, pairId, msg } = line;
    assert.deepEqual(
      { level, process, queue, pairId, msg },
      { level: 'warn', process: 'app', queue: 'poll', pairId: 7, msg: 'it rains' },
    );
    assert.match(String(line['time']), /^\d{4}-\d\d-\d\dT/);
  });

  it('leaves out what is below its level', () => {
    assert.equal(logged((log) => log.debug({}, 'x')).length, 0);
  });

  it('shows no secret, at whatever depth and in whatever case', () => {
    const secret = 'sesame';
    const fields = {
      token: secret,
      key: secret,
      headers: { 'X-Auth-Token': secret, Authorization: secret, 'X-Auth-Key': secret },
      list: [{ password: secret, secretAccessKey: secret, client_secret: secret }],
      url: `postgresql://user:${secret}@host/db`,
      error: new HoldfastError('queue-unreachable', `no redis://:${secret}@host`, {
        cause: new Error(`cause redis://u:${secret}@host`),
      }),
    };
    const [line] = logged((log) => log.error(fields, `at https://u:${secret}@host/`));
    assert.doesNotMatch(JSON.stringify(line), /sesame/);
    assert.match(JSON.stringify(line), /queue-unreachable.*redis:\/\/\*\*\*@host/);
    const [child] = logged((log) => log.child({ token: secret }).info({}, 'x'));
    assert.doesNotMatch(JSON.stringify(child), /sesame/);
  });

  it('takes big integers, cycles and bytes', () => {
    const cycle: Record<string, unknown> = { serial: 12n, bytes: new Uint8Array(3) };
    cycle['self'] = cycle;
    const [line] = logged((log) => log.info(cycle, 'x'));
    assert.equal(line?.['serial'], '12');
    assert.equal(line?.['bytes'], '[3 bytes]');
  });
});

describe('loop lag', () => {
  it('forgives a pause and reports a loop that only crawls', () => {
    assert.equal(isTurning([]), true);
    assert.equal(isTurning([0, 60_000, 3, 1, 0]), true);
    assert.equal(isTurning([9_000, 8_000, 0, 7_000, 1]), false);
  });
});
