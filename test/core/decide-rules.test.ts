/** Rules of safety that hold for every combination of states and policies (invariants 1, 6 and 10). */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sameContent } from '#core/state.ts';
import { allCases, describeDecision } from './cases.ts';

test('a first contact never deletes', () => {
  for (const found of allCases()) {
    if (found.sync.kind !== 'absent' || found.decision.kind !== 'transfer') continue;
    assert.ok(['upload', 'download'].includes(found.decision.action), found.text);
  }
});

test('only content that equals SYNC is displaced as recoverable', () => {
  for (const found of allCases()) {
    if (found.decision.kind !== 'transfer' || found.decision.displaced !== 'recoverable') continue;
    const isLocal = found.decision.action === 'download' || found.decision.action === 'delete-local';
    const target = isLocal ? found.local : found.remote;
    assert.ok(target.kind === 'absent' || sameContent(target, found.sync), found.text);
  }
});

test('a push-only pair never writes here and a pull-only pair never upstream', () => {
  for (const found of allCases()) {
    if (found.decision.kind !== 'transfer') continue;
    const { action } = found.decision;
    if (found.policies.direction === 'push-only') {
      assert.ok(action === 'upload' || action === 'delete-remote', found.text);
    }
    if (found.policies.direction === 'pull-only') {
      assert.ok(action === 'download' || action === 'delete-local', found.text);
    }
  }
});

test('an upload or download always carries a file or directory, a delete follows a proved absence', () => {
  for (const found of allCases()) {
    if (found.decision.kind !== 'transfer') continue;
    const isPush = found.decision.action === 'upload' || found.decision.action === 'delete-remote';
    const source = isPush ? found.local : found.remote;
    const carries = source.kind === 'file' || source.kind === 'directory';
    const moves = found.decision.action === 'upload' || found.decision.action === 'download';
    assert.equal(carries, moves, found.text);
    assert.equal(source.kind === 'absent', !moves, found.text);
  }
});

test('what cannot be synced is never displaced upstream and never deletes upstream', () => {
  for (const found of allCases()) {
    if (found.remote.kind === 'unhandled') assert.equal(found.decision.kind, 'none', found.text);
    if (found.local.kind === 'unhandled' && found.decision.kind === 'transfer') {
      assert.equal(describeDecision(found.decision), 'download, conflict-copy', found.text);
    }
  }
});

test('only equal sides are acknowledged, or an absence beside a special file', () => {
  for (const found of allCases()) {
    if (found.decision.kind !== 'acknowledge') continue;
    assert.ok(sameContent(found.remote, found.decision.sync), found.text);
    const isBeside = found.local.kind === 'unhandled' && found.remote.kind === 'absent';
    assert.ok(isBeside || sameContent(found.local, found.decision.sync), found.text);
  }
});
