import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DEFAULT_POLICIES, parsePolicies } from '#core/policies.ts';

test('without words upstream is the master of a two-way pair', () => {
  assert.deepEqual(parsePolicies([]), DEFAULT_POLICIES);
  assert.deepEqual(DEFAULT_POLICIES, { conflict: 'upstream', deleteVsEdit: 'upstream', direction: 'both' });
});

test('each policy is read, the last word wins, the others keep their default', () => {
  assert.deepEqual(parsePolicies(['delete-vs-edit=edit-wins']), {
    ...DEFAULT_POLICIES,
    deleteVsEdit: 'edit-wins',
  });
  assert.deepEqual(parsePolicies(['conflict=local', 'direction=pull-only', 'conflict=newest']), {
    ...DEFAULT_POLICIES,
    conflict: 'newest',
    direction: 'pull-only',
  });
});

test('an unknown policy is refused with the known ones', () => {
  for (const word of [
    'colour=red',
    'conflicts=local',
    '',
    '=local',
    'deleteVsEdit=edit-wins',
    'toString=x',
  ]) {
    assert.throws(() => parsePolicies([word]), {
      name: 'RangeError',
      message: /unknown policy ".*"; the policies are conflict, delete-vs-edit, direction/,
    });
  }
});

test('an unknown choice is refused with the valid ones', () => {
  for (const word of ['conflict=remote', 'conflict', 'conflict=', 'conflict=local=x', 'conflict=LOCAL']) {
    assert.throws(() => parsePolicies([word]), {
      name: 'RangeError',
      message: /policy conflict cannot be ".*"; choose upstream, newest, local/,
    });
  }
});
