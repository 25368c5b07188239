/** Archive on a real PostgreSQL. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ProbeRecord } from '#ports/archive.ts';
import { describeEntries } from '#test/conformance/archive-entries.ts';
import { localFile, name, remoteFile } from '#test/conformance/archive-fixtures.ts';
import { describeMarks } from '#test/conformance/archive-marks.ts';
import { openFixture } from './fixtures.ts';

describeEntries(openFixture);
describeMarks(openFixture);

test('ten thousand names are marked, listed, recorded and read in bulk', async (t) => {
  const fixture = await openFixture(t);
  const { archive, pair } = fixture;
  const names = Array.from({ length: 10_000 }, (_, index) => name(`dir/${String(index).padStart(5, '0')}`));
  await archive.mark(pair.id, 'local', names.toReversed());
  await archive.recordListed(
    pair.id,
    names.map((each, index) => ({ name: each, state: remoteFile(index) })),
  );
  const candidates = await archive.candidates(pair.id, 20_000);
  assert.deepEqual(
    candidates.map(({ entry }) => entry.name),
    names,
  );
  const serials = await archive.issueSerials(names.length);
  const records = candidates.map((candidate, index): ProbeRecord => {
    const serial = serials[index] ?? assert.fail();
    const local = { state: localFile(index), serial };
    return { candidate, local, remote: null, outcome: { kind: 'settled' }, problem: null };
  });
  assert.equal((await archive.record(pair.id, records, [])).size, 10_000);
  const entries = await archive.load(pair.id, names.toReversed());
  assert.deepEqual(
    entries.map(({ local }) => local.kind === 'file' && local.size),
    names.map((_, index) => 9_999 - index),
  );
});
