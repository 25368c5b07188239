// What a person types wrong, and what other programs rely on: exit codes and documents.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { freePort } from '#libs/services/processes.ts';
import { commandEnv, errorOf, HOLDFAST, holdfast, tempDir } from './command.ts';

test('the launcher works through links, from any folder, with spaces in its path', (t) => {
  const dir = tempDir(t);
  mkdirSync(join(dir, 'a b'));
  symlinkSync(HOLDFAST, join(dir, 'a b', 'real link'));
  symlinkSync('a b/real link', join(dir, 'hf'));
  const run = (program: string, cwd: string) =>
    execFileSync(program, ['--version'], { cwd, env: commandEnv(dir), encoding: 'utf8' });
  assert.match(run(join(dir, 'hf'), '/'), /^\d+\.\d+\.\d+\n$/);
  assert.match(run(join(dir, 'a b', 'real link'), dir), /^\d+\.\d+\.\d+\n$/);
});

const WRONG: readonly (readonly [string, readonly string[], RegExp])[] = [
  ['an unknown verb', ['stauts'], /^holdfast: unknown command 'stauts' \(Did you mean status\?\)\n$/],
  ['an unknown option', ['sync', 'a', '--wiat'], /unknown option '--wiat'.*--wait/],
  ['no verb of a verb', ['pair'], /a verb is missing/],
  ['a missing option', ['pair', 'add', 'docs'], /required option '--folder <dir>' not specified/],
  [
    'an unknown kind',
    ['store', 'add', 'a', '--kind', 'ftp', '--url', 'x'],
    /Allowed choices are pithos, swift, s3/,
  ],
  ['a duration without unit', ['sync', 'a', '--timeout', '5'], /such as 500ms, 60s, 5m or 1h/],
  ['a port that is none', ['up', '--port', '70000'], /from 0 to 65535/],
  [
    'no secret',
    ['store', 'add', 'a', '--kind', 'swift', '--url', 'http://x'],
    /--secret-file FILE or --secret-env/,
  ],
  ['pair set without a change', ['pair', 'set', 'docs'], /--trash-days or --trash-bytes/],
  ['trash days that are none', ['pair', 'set', 'docs', '--trash-days', 'x'], /whole number of days/],
  ['trash without a path', ['trash', 'docs', 'restore'], /holdfast trash docs restore PATH/],
  ['too many words', ['status', 'a', 'b'], /too many arguments/],
];

for (const [what, words, sentence] of WRONG) {
  test(`${what} is wrong usage: exit code 2 and one sentence`, async (t) => {
    const result = await holdfast(tempDir(t), words);
    assert.equal(result.code, 2);
    assert.match(result.stderr, sentence);
    assert.doesNotMatch(result.stderr, /\n\s+at /);
    assert.equal(result.stdout, '');
  });
}

test('wrong usage with --json is one document on standard error, wherever the option stands', async (t) => {
  const dir = tempDir(t);
  for (const words of [
    ['--json', 'stauts'],
    ['stauts', '--json'],
    ['pair', '--json', 'add', 'docs'],
  ]) {
    const result = await holdfast(dir, words);
    assert.equal(result.code, 2);
    assert.equal(result.stdout, '');
    assert.deepEqual(Object.keys(JSON.parse(result.stderr)), ['error']);
    assert.equal(errorOf(result).code, 'usage');
  }
});

test('help and version are documents with --json', async (t) => {
  const dir = tempDir(t);
  const version = await holdfast(dir, ['--version', '--json']);
  assert.match(JSON.parse(version.stdout).version, /^\d+\.\d+\.\d+$/);
  const help = await holdfast(dir, ['pair', 'add', '--help', '--json']);
  assert.equal(help.code, 0);
  assert.match(JSON.parse(help.stdout).help, /--policy <key=value>/);
});

test('the help of every verb shows an example', async (t) => {
  const dir = tempDir(t);
  const verbs = [
    ...['up', 'sync', 'status', 'problems', 'conflicts', 'deletes'].map((verb) => [verb]),
    ...['plan', 'history', 'why', 'trash', 'doctor'].map((verb) => [verb]),
    ...['add', 'list', 'remove'].map((verb) => ['store', verb]),
    ...['show', 'set', 'clear'].map((verb) => ['limit', verb]),
    ...['add', 'list', 'show', 'set', 'pause', 'resume', 'remove'].map((verb) => ['pair', verb]),
  ];
  for (const verb of verbs) {
    const { code, stdout } = await holdfast(dir, [...verb, '--help']);
    assert.equal(code, 0);
    assert.match(stdout, new RegExp(`Examples?:\\n  \\$ holdfast ${verb.join(' ')}`), verb.join(' '));
    assert.match(stdout, /--json/);
  }
});

test('without a fleet every verb says how to start one and fails', async (t) => {
  const dir = tempDir(t);
  const env = { HOLDFAST_PORT: String(await freePort()) };
  const result = await holdfast(dir, ['status', '--json'], env);
  assert.equal(result.code, 1);
  assert.equal(errorOf(result).code, 'fleet-unreachable');
  assert.match(errorOf(result).message, /start one with: holdfast up/);
});

test('the token of an up goes to its own address only', async (t) => {
  const dir = tempDir(t);
  const seen: (string | undefined)[] = [];
  const stranger = createServer((request, response) => {
    seen.push(request.headers.authorization);
    response.writeHead(200, { 'content-type': 'application/json' }).end('{"result":[]}');
  });
  // All of 127.0.0.0/8 is this machine, but only 127.0.0.1 is where up listens.
  await new Promise<void>((listening) => stranger.listen(0, '127.0.0.2', listening));
  t.after(() => void stranger.close());
  const { port } = stranger.address() as AddressInfo;
  const upFile = { url: `http://127.0.0.1:${port}`, token: 'hush', pid: 1, data: dir };
  mkdirSync(join(dir, 'state', 'holdfast'), { recursive: true });
  for (const file of [join(dir, 'state', 'holdfast', `up-${port}.json`), join(dir, 'up.json')]) {
    writeFileSync(file, JSON.stringify(upFile));
  }
  const env = { HOLDFAST_URL: `http://127.0.0.2:${port}`, HOLDFAST_DATA: dir };
  assert.equal((await holdfast(dir, ['store', 'list'], env)).code, 0);
  assert.equal((await holdfast(dir, ['store', 'list'], { ...env, HOLDFAST_TOKEN: 'given' })).code, 0);
  assert.deepEqual(seen, [undefined, 'Bearer given']);
});

test('doctor finds that nothing answers, as a finding', async (t) => {
  const dir = tempDir(t);
  const env = { HOLDFAST_PORT: String(await freePort()) };
  const asText = await holdfast(dir, ['doctor'], env);
  assert.equal(asText.code, 1);
  assert.match(asText.stdout, /^✗ fleet-unreachable: /);
  const plain = await holdfast(dir, ['doctor'], { ...env, LANG: 'C' });
  assert.match(plain.stdout, /^FAIL /);
  const asJson = await holdfast(dir, ['doctor', '--json'], env);
  assert.equal(asJson.code, 1);
  assert.equal(JSON.parse(asJson.stdout)[0].ok, false);
});

test('a bad setting is named with an example', async (t) => {
  const result = await holdfast(tempDir(t), ['status'], { HOLDFAST_PORT: 'many' });
  assert.equal(result.code, 1);
  assert.match(result.stderr, /^holdfast: HOLDFAST_PORT must be a whole number .* HOLDFAST_PORT=7420\.\n$/);
});

test('a secret file must be there and should be private', async (t) => {
  const dir = tempDir(t);
  const env = { HOLDFAST_PORT: String(await freePort()) };
  const words = ['store', 'add', 'a', '--kind', 'pithos', '--url', 'http://127.0.0.1:1/', '--secret-file'];
  const missing = await holdfast(dir, [...words, 'nothing', '--json'], env);
  assert.equal(missing.code, 1);
  assert.equal(errorOf(missing).code, 'secret-missing');
  assert.match(errorOf(missing).message, new RegExp(`there is no secret file ${join(dir, 'nothing')}`));
  const isFolder = await holdfast(dir, [...words, '.'], env);
  assert.match(isFolder.stderr, /is not a file/);
  writeFileSync(join(dir, 'open'), 'hush-hush');
  chmodSync(join(dir, 'open'), 0o644);
  const open = await holdfast(dir, [...words, 'open'], env);
  assert.match(open.stderr, /^warning: everybody on this machine can read the secret file; run: chmod 600/);
  assert.doesNotMatch(open.stdout + open.stderr, /hush-hush/);
});
