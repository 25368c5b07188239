/**
 * The decision table, case by case. A row names its cell of SPEC.md and is checked under
 * all 18 combinations of policies. Files are named by their content; `@` gives a time
 * relative to the others' (`@?` unknown), `?` is a file nobody hashed, `+below` says that
 * objects are known below the name.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decide, effectiveRemote } from '#core/decide.ts';
import type { Entry } from '#core/entry.ts';
import type { LocalState, RemoteState, SyncState } from '#core/state.ts';
import { allCases, allPolicies, describeDecision, signatureOf, wordsOf } from './cases.ts';
import {
  ABSENT,
  entryOf,
  LOCAL_DIRECTORY,
  localFile,
  MANIFEST,
  NOON,
  REMOTE_DIRECTORY,
  remoteFile,
  SYMLINK,
  SYNC_DIRECTORY,
  syncFile,
} from './fixtures.ts';

const TABLE = `
cell | what happened                                                 | here | upstream    | SYNC | then

T1   | nothing was ever there                                        | -    | -           | -    | none
T1   | a file is as synced on both sides                             | x    | x           | x    | none
T1   | a directory is as synced                                      | dir  | dir         | dir  | none
T1   | only times differ                                             | x@+9 | x           | x    | none

T2   | a file is edited here                                         | y    | x           | x    | push upload
T2   | a file is new here                                            | x    | -           | -    | push upload
T2   | a directory is new here                                       | dir  | -           | -    | push upload
T2   | a directory replaces a synced file                            | dir  | x           | x    | push upload
T2   | a directory replaces a synced file with objects below it      | dir  | x +below    | x    | push upload
T2   | a file replaces a synced directory                            | y    | dir         | dir  | push upload

T3   | a file is deleted here                                        | -    | x           | x    | push delete-remote
T3   | a directory is deleted here                                   | -    | dir         | dir  | push delete-remote

T4   | a file is edited upstream                                     | x    | y           | x    | pull download
T4   | a file is new upstream                                        | -    | x           | -    | pull download
T4   | an object is new upstream above other objects                 | -    | y +below    | -    | pull download
T4   | a directory is new upstream                                   | -    | dir         | -    | pull download
T4   | a directory upstream replaces a synced file                   | x    | dir         | x    | pull download

T5   | a file is deleted upstream                                    | x    | -           | x    | pull delete-local
T5   | a directory is deleted upstream                               | dir  | -           | dir  | pull delete-local

T6   | both sides made the same file                                 | x    | x           | -    | acknowledge file x
T6   | both sides made the same edit                                 | y    | y           | x    | acknowledge file y
T6   | both sides made a directory                                   | dir  | dir         | -    | acknowledge directory

T7   | a file is deleted on both sides                               | -    | -           | x    | acknowledge absent
T7   | a directory is deleted on both sides                          | -    | -           | dir  | acknowledge absent

T8   | edits differ, upstream is newer                               | y    | z@+1        | x    | conflict
T8   | edits differ, made at the same time                           | y    | z           | x    | conflict
T8   | edits differ, the time upstream is unknown                    | y    | z@?         | x    | conflict
T8   | edits differ, the one here is newer                           | y@+1 | z           | x    | conflict, newer here
T8   | first contact finds two files                                 | y    | z           | -    | conflict
T8   | a directory here and a file upstream are both new             | dir  | z           | -    | conflict

T9   | a file deleted here was edited upstream                       | -    | y           | x    | pull download
T9   | a file deleted here became a directory upstream               | -    | dir         | x    | pull download

T10  | a file edited here was deleted upstream                       | y    | -           | x    | edit against delete
T10  | a file that became a directory here was deleted upstream      | dir  | -           | x    | edit against delete
T10  | a directory that became a file here was deleted upstream      | y    | -           | dir  | edit against delete

T11  | a file upstream replaces a synced directory                   | dir  | y           | dir  | pull download

T12  | first contact finds a file here and a directory upstream      | y@+1 | dir         | -    | tree upstream
T12  | a file edited here became a directory upstream                | y    | dir         | x    | tree upstream

T13  | a synced directory, and upstream an object of its name too    | dir  | y +below    | dir  | none remote-file-and-directory
T13  | a new directory, and upstream an object of its name too       | dir  | y +below    | -    | none remote-file-and-directory

T14  | a link where nothing was                                      | link | -           | -    | none local-unhandled
T14  | a link replaces a synced file                                 | link | x           | x    | none local-unhandled
T14  | a link replaces a synced directory                            | link | dir         | dir  | none local-unhandled

T15  | a link here, a new file upstream                              | link | y           | -    | move the link
T15  | a link here, a new directory upstream                         | link | dir         | -    | move the link
T15  | a link replaces a file that was edited upstream               | link | y           | x    | move the link

T16  | a link replaces a file that was deleted upstream              | link | -           | x    | acknowledge absent

T17  | a manifest upstream, nothing here                             | -    | manifest    | -    | none remote-unhandled
T17  | a manifest replaces a synced file upstream                    | x    | manifest    | x    | none remote-unhandled
T17  | a manifest replaces a file that was edited here               | y    | manifest    | x    | none remote-unhandled
T17  | a manifest replaces a file that was deleted here              | -    | manifest    | x    | none remote-unhandled
T17  | a manifest upstream, a directory here                         | dir  | manifest    | dir  | none remote-unhandled
T17  | a manifest upstream, a link here                              | link | manifest    | x    | none remote-unhandled

T18  | objects below a name make it a new directory                  | -    | - +below    | -    | pull download
T18  | objects below a synced directory keep it                      | dir  | - +below    | dir  | none
T18  | a new directory here is implied upstream                      | dir  | - +below    | -    | acknowledge directory
T18  | a directory deleted here is implied upstream                  | -    | - +below    | dir  | push delete-remote
T18  | a synced file became an implied directory                     | x    | - +below    | x    | pull download
T18  | a new file here, objects below it upstream                    | y    | - +below    | -    | tree upstream
T18  | a link here, objects below it upstream                        | link | - +below    | -    | move the link

T19  | a file not hashed, upstream as synced                         | ?    | x           | x    | push upload
T19  | a file not hashed, upstream edited                            | ?    | y           | x    | conflict
T19  | a file not hashed, upstream deleted                           | ?    | -           | x    | edit against delete
T19  | a file not hashed, another new upstream                       | ?    | x           | -    | conflict
`;

type Expectation = readonly [when: string, then: string];

const PUSH = 'direction=push-only';
const PULL = 'direction=pull-only';

/** Outcomes that depend on policies: the first whose word applies holds, the empty word always does. */
const OUTCOMES: Readonly<Record<string, readonly Expectation[]>> = {
  conflict: [
    [PUSH, 'upload, conflict-copy'],
    [PULL, 'download, conflict-copy'],
    ['conflict=local', 'upload, conflict-copy'],
    ['', 'download, conflict-copy'],
  ],
  'conflict, newer here': [
    [PULL, 'download, conflict-copy'],
    [PUSH, 'upload, conflict-copy'],
    ['conflict=upstream', 'download, conflict-copy'],
    ['', 'upload, conflict-copy'],
  ],
  'tree upstream': [
    [PUSH, 'upload, conflict-copy'],
    ['', 'download, conflict-copy'],
  ],
  'edit against delete': [
    [PUSH, 'upload'],
    [PULL, 'delete-local, conflict-copy'],
    ['delete-vs-edit=edit-wins', 'upload'],
    ['', 'delete-local, conflict-copy'],
  ],
  'move the link': [
    [PUSH, 'none local-unhandled'],
    ['', 'download, conflict-copy'],
  ],
};

function expectations(then: string): readonly Expectation[] {
  const [first = '', rest = ''] = then.split(/ (.*)/s);
  if (first === 'push')
    return [
      [PULL, 'none'],
      ['', rest],
    ];
  if (first === 'pull')
    return [
      [PUSH, 'none'],
      ['', rest],
    ];
  return OUTCOMES[then] ?? [['', then]];
}

function localOf(word: string): LocalState {
  if (word === '-') return ABSENT;
  if (word === 'dir') return LOCAL_DIRECTORY;
  if (word === 'link') return SYMLINK;
  const [content = '', later = '0'] = word.split('@+');
  return localFile(content === '?' ? null : content, NOON + BigInt(later));
}

function remoteOf(word: string): RemoteState {
  if (word === '-') return ABSENT;
  if (word === 'dir') return REMOTE_DIRECTORY;
  if (word === 'manifest') return MANIFEST;
  const [content = '', time = '0'] = word.split('@');
  return remoteFile(content, time === '?' ? null : NOON + BigInt(time.replace('+', '')));
}

function syncOf(word: string): SyncState {
  if (word === '-') return ABSENT;
  return word === 'dir' ? SYNC_DIRECTORY : syncFile(word);
}

interface Row {
  readonly title: string;
  readonly entry: Entry;
  readonly expect: readonly Expectation[];
}

function rowOf(line: string): Row {
  const [cell = '', title = '', here = '', upstream = '', sync = '', then = ''] = line
    .split('|')
    .map((word) => word.trim());
  const [remote = '', below] = upstream.split(' ');
  const entry = entryOf(localOf(here), remoteOf(remote), syncOf(sync), below === '+below');
  return { title: `${cell}: ${title}`, entry, expect: expectations(then) };
}

const ROWS = TABLE.split('\n')
  .filter((line) => line.startsWith('T'))
  .map(rowOf);

for (const { title, entry, expect } of ROWS) {
  test(title, () => {
    for (const policies of allPolicies()) {
      const words = wordsOf(policies);
      const expected = expect.find(([when]) => when === '' || words.includes(when));
      const decision = decide(entry, policies);
      assert.equal(describeDecision(decision), expected?.[1], words.join(' '));
      assert.notEqual(decision.reason, '');
    }
  });
}

test('the table has a row for every pair of kinds and changes', () => {
  const covered = new Set(
    ROWS.map(({ entry }) => signatureOf(entry.local, effectiveRemote(entry), entry.sync)),
  );
  const missing = new Set<string>();
  for (const { local, remote, sync } of allCases()) {
    const wanted = signatureOf(local, remote, sync);
    if (!covered.has(wanted)) missing.add(wanted);
  }
  assert.deepEqual([...missing], []);
});
