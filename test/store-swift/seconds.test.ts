import assert from 'node:assert/strict';
import { it } from 'node:test';
import { formatSeconds, parseSeconds, versionTime } from '#libs/store-swift/seconds.ts';

const cases = [
  { text: '1700000000.123456789', ns: 1_700_000_000_123_456_789n },
  { text: '0.000000001', ns: 1n },
  { text: '-1.500000000', ns: -1_500_000_000n },
  { text: '4102444800.000000000', ns: 4_102_444_800_000_000_000n },
];

for (const { text, ns } of cases) {
  it(`reads and writes ${text} as rclone does`, () => {
    assert.equal(parseSeconds(text), ns);
    assert.equal(formatSeconds(ns), text);
  });
}

it('reads any number of digits, cut to nanoseconds', () => {
  assert.equal(parseSeconds('12'), 12_000_000_000n);
  assert.equal(parseSeconds('1795382749.14029'), 1_795_382_749_140_290_000n);
  assert.equal(parseSeconds('1.1234567899'), 1_123_456_789n);
});

it('takes nothing else for a time', () => {
  for (const text of [undefined, '', 'yesterday', '1e9', '1.2.3', '.5', ' 1']) {
    assert.equal(parseSeconds(text), null, String(text));
  }
});

it('reads the time of a version id, with or without an offset', () => {
  assert.equal(versionTime('1795382749.14029').toISOString(), '2026-11-22T21:25:49.140Z');
  assert.equal(versionTime('1795382749.14029_0000000000000001').getTime(), 1_795_382_749_140);
});
