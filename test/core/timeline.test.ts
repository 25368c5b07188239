import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { describeAcknowledged, outcomeTold } from '#core/describe-acknowledged.ts';
import { mayGoOn, type Told, timelineOf } from '#core/timeline.ts';

const FILE = { kind: 'file', size: 3, hash: 'abc' } as const;
const THERE = { kind: 'file', size: 3, hash: 'abc', version: null, mtimeNs: null } as const;
const GONE = { kind: 'absent' } as const;
const MADE = { kind: 'directory', version: null } as const;

let minute = 0;
const told = (name: string | null, text: string, kind = 'acknowledged'): Told => {
  minute += 0.01;
  return { at: new Date(Math.round(minute * 60_000)), name, kind, side: 'remote', text };
};
const moved = (from: string, to: string): Told =>
  told(to, describeAcknowledged({ action: 'upload', sync: FILE, target: THERE, bytes: 0, copiedFrom: from }));
const removed = (name: string): Told =>
  told(name, describeAcknowledged({ action: 'delete-remote', sync: GONE, target: GONE, bytes: 0 }));
const made = (name: string): Told =>
  told(name, describeAcknowledged({ action: 'upload', sync: { kind: 'directory' }, target: MADE, bytes: 0 }));
const uploaded = (name: string): Told =>
  told(name, describeAcknowledged({ action: 'upload', sync: FILE, target: THERE, bytes: 3 }));

/** Lines of events given in the order in which they happened, newest first. */
const lines = (...events: readonly Told[]): string[] =>
  timelineOf(events.toReversed()).map(({ name, text, files }) => `${name}: ${text} [${files}]`);

describe('a timeline', () => {
  it('has one line for a renamed directory, whatever is below it', () => {
    const files = Array.from({ length: 1_200 }, (_, index) => `d${index % 7}/f${index}`);
    const directories = Array.from({ length: 7 }, (_, index) => `d${index}`);
    assert.deepEqual(
      lines(
        made('b'),
        ...directories.map((name) => made(`b/${name}`)),
        ...files.map((name) => moved(`a/${name}`, `b/${name}`)),
        ...files.map((name) => removed(`a/${name}`)),
        ...directories.map((name) => removed(`a/${name}`)),
        removed('a'),
      ),
      ['b: renamed "a/" to "b/" (1,200 files) [1200]'],
    );
  });

  it('has what happened in between as lines of its own', () => {
    assert.deepEqual(
      lines(
        moved('a/1', 'b/1'),
        uploaded('c'),
        moved('a/2', 'b/2'),
        removed('a/1'),
        uploaded('d'),
        removed('a/2'),
        removed('a'),
      ),
      ['b: renamed "a/" to "b/" (2 files) [2]', 'd: uploaded 3 bytes [1]', 'c: uploaded 3 bytes [1]'],
    );
  });

  it('tells a renamed file by both names', () => {
    assert.deepEqual(lines(moved('a/old.txt', 'a/new.txt'), removed('a/old.txt')), [
      'a/new.txt: renamed "a/old.txt" to "a/new.txt" [1]',
    ]);
  });

  it('tells files that went from one directory to another as that', () => {
    assert.deepEqual(lines(moved('a/1', 'b/1'), moved('a/2', 'b/2'), removed('a/1'), removed('a/2')), [
      'b: moved 2 files from "a/" to "b/" [2]',
    ]);
  });

  it('tells a directory that was moved into another', () => {
    assert.deepEqual(lines(moved('a/1', 'b/a/1'), removed('a/1'), removed('a')), [
      'b/a: renamed "a/" to "b/a/" (1 file) [1]',
    ]);
  });

  it('says what is still at the old names', () => {
    assert.deepEqual(lines(moved('a/1', 'b/1'), moved('a/2', 'b/2'), removed('a/2')), [
      'b: moved 2 files from "a/" to "b/"; 1 of them still there [2]',
    ]);
    assert.deepEqual(lines(moved('old', 'new')), ['new: renamed "old" to "new", which is still there [1]']);
  });

  it('leaves removals and directories alone that are no part of it', () => {
    assert.deepEqual(
      lines(
        removed('a/1'),
        made('b/other'),
        moved('a/1', 'b/1'),
        removed('a/1'),
        uploaded('a/1'),
        removed('a/1'),
        removed('z'),
      ),
      [
        'z: deleted upstream [1]',
        'a/1: deleted upstream [1]',
        'a/1: uploaded 3 bytes [1]',
        'b: moved 1 file from "a/" to "b/" [1]',
        'b/other: made the directory upstream [1]',
        'a/1: deleted upstream [1]',
      ],
    );
  });

  it('tells the same rename twice when it was done twice', () => {
    const there = [moved('a/1', 'b/1'), removed('a/1'), removed('a')];
    const back = [moved('b/1', 'a/1'), removed('b/1'), removed('b')];
    const again = [moved('a/1', 'b/1'), removed('a/1'), removed('a')];
    assert.deepEqual(lines(...there, ...back, ...again), [
      'b: renamed "a/" to "b/" (1 file) [1]',
      'a: renamed "b/" to "a/" (1 file) [1]',
      'b: renamed "a/" to "b/" (1 file) [1]',
    ]);
  });

  it('keeps renames apart that are long apart', () => {
    const first = moved('a/1', 'b/1');
    minute += 60;
    assert.equal(lines(first, moved('a/2', 'b/2')).length, 2);
  });

  it('loses no event, in whatever order they come', () => {
    const events = [
      made('b'),
      moved('a/1', 'b/1'),
      removed('a/1'),
      uploaded('c'),
      told(null, 'paused, by ada', 'operator'),
    ];
    for (const order of [events, events.toReversed(), [...events.slice(2), ...events.slice(0, 2)]]) {
      const found = timelineOf(order).map(({ text }) => text);
      assert.ok(found.includes('uploaded 3 bytes') && found.includes('paused, by ada'));
      assert.equal(found.filter((text) => text.includes('moved')).length, 1);
    }
  });

  it('goes on only behind what may be part of a rename', () => {
    assert.ok(mayGoOn(removed('a')) && mayGoOn(moved('a', 'b')) && mayGoOn(made('b')));
    assert.ok(!mayGoOn(uploaded('a')) && !mayGoOn(told('a', 'deleted upstream', 'observed')));
  });
});

describe('the words for what was done', () => {
  it('are understood again, whatever the name is', () => {
    for (const from of [
      'plain',
      'a "quoted": name',
      'two\nlines',
      'moved from "x": the store copied it, no byte was sent',
    ]) {
      for (const action of ['upload', 'download'] as const) {
        const text = describeAcknowledged({ action, sync: FILE, target: THERE, bytes: 0, copiedFrom: from });
        assert.deepEqual(outcomeTold(text), { what: 'moved', from });
      }
    }
    assert.equal(outcomeTold('uploaded 3 bytes'), null);
  });
});
