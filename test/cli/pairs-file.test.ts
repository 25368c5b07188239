/** A file of pairs: what it may say, what is done so that the pairs become those of it, and the verb on a real database and store. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext, test } from 'node:test';
import { planPairs, type Step } from '#apps/cli/pairs-file/plan.ts';
import { readPairs, type WantedPair } from '#apps/cli/pairs-file/read.ts';
import { startPithosServer } from '#libs/pithos-server/server.ts';
import type { PairView } from '#ports/operator.ts';
import { testDatabase } from '#test/support/services.ts';
import { commandEnv, HOLDFAST, holdfast, tempDir } from './command.ts';

function fileWith(t: TestContext, text: string): string {
  const path = join(tempDir(t), 'pairs.yaml');
  writeFileSync(path, text);
  return path;
}

const TEMPLATE = `
templates:
  - { name: home-{user}, folder: /homes/{user}/cloud, store: cloud, container: "home {user}", exclude: [".{user}"] }
`
  .replaceAll('home-{user}', '"home-{user}"')
  .replaceAll('/homes/{user}/cloud', '"/homes/{user}/cloud"');

const WANTED: WantedPair = {
  name: 'a',
  folder: '/homes/a',
  store: 's',
  container: 'c',
  volume: 'default',
  exclude: [],
  policies: {},
  trashDays: null,
  trashBytes: null,
  paused: false,
  create: true,
  versioning: true,
};

describe('a file of pairs', () => {
  it('gives each pair the defaults of pair add', (t) => {
    const [pair] = readPairs(fileWith(t, 'pairs: [{ name: a, folder: /homes/a, store: s, container: c }]'));
    assert.deepEqual(pair, WANTED);
  });

  it('makes of a template one pair for each of 10,000 users', (t) => {
    const path = fileWith(t, TEMPLATE.replace(' }', ', usersFile: users.txt }'));
    const users = Array.from({ length: 10_000 }, (_, index) => `user-${index}`);
    writeFileSync(join(path, '../users.txt'), `# everybody\n${users.join('\n')}\n\n`);
    const pairs = readPairs(path);
    assert.equal(pairs.length, 10_000);
    const { name, folder, container, exclude } = pairs[7] as WantedPair;
    assert.deepEqual(
      [name, folder, container, exclude],
      ['home-user-7', '/homes/user-7/cloud', 'home user-7', ['.user-7']],
    );
  });

  it('may be a folder of files', (t) => {
    const dir = tempDir(t);
    for (const name of ['b', 'a'])
      writeFileSync(
        join(dir, `${name}.yaml`),
        `pairs: [{ name: ${name}, folder: /${name}, store: s, container: c }]`,
      );
    writeFileSync(join(dir, 'notes.txt'), 'no pairs');
    assert.deepEqual(
      readPairs(dir).map(({ name }) => name),
      ['a', 'b'],
    );
  });

  const wrong: readonly (readonly [string, string, RegExp])[] = [
    ['no YAML', 'pairs: [', /it is no YAML/],
    [
      'an unknown field',
      'pairs: [{ name: a, folderr: /a }]',
      /pair 1 has no field "folderr"; the fields are name, folder/,
    ],
    ['a missing field', 'pairs: [{ name: a, folder: /a, store: s }]', /pair 1: "container" is missing/],
    ['a relative folder', 'pairs: [{ name: a, folder: a, store: s, container: c }]', /absolute path, not a/],
    [
      'text for a number',
      'pairs: [{ name: a, folder: /a, store: s, container: c, trashDays: x }]',
      /"trashDays" must be a whole number/,
    ],
    ['a list for a map', 'pairs: [[a]]', /pair 1 must be a map with name/],
    [
      'a name twice',
      'pairs: [{ name: a, folder: /a, store: s, container: c }, { name: a, folder: /b, store: s, container: d }]',
      /"a" is there twice/,
    ],
    ['a template without users', TEMPLATE, /needs "users", a list, or "usersFile"/],
    [
      'a shared folder',
      'templates: [{ name: "{user}", folder: /a, store: s, container: "{user}", users: [x] }]',
      /"folder" must hold \{user\}/,
    ],
    [
      'a user who leads elsewhere',
      TEMPLATE.replace(' }', ', users: [".."] }'),
      /".." cannot be a user's name/,
    ],
    ['a user with a slash', TEMPLATE.replace(' }', ', users: ["a/b"] }'), /"a\/b" cannot be a user's name/],
    [
      'a missing file of users',
      TEMPLATE.replace(' }', ', usersFile: none.txt }'),
      /none\.txt cannot be read \(ENOENT\)/,
    ],
  ];
  for (const [what, text, sentence] of wrong) {
    it(`with ${what} is refused, and says where`, (t) => {
      assert.throws(() => readPairs(fileWith(t, text)), sentence);
    });
  }
});

const VIEW: PairView = {
  name: 'a',
  condition: 'in-sync',
  folder: '/homes/a',
  volume: 'default',
  store: 's',
  container: 'c',
  policies: { conflict: 'upstream', 'delete-vs-edit': 'upstream', direction: 'both' },
  excludes: [],
  retention: { days: null, bytes: null },
  disabled: null,
  notes: [],
};

describe('the plan', () => {
  const cases: readonly (readonly [
    string,
    readonly WantedPair[],
    readonly PairView[],
    boolean,
    readonly string[],
  ])[] = [
    ['adds what is missing', [WANTED], [], false, ['add a']],
    ['does nothing where all is as it should be', [WANTED], [VIEW], false, []],
    ['knows a folder by where it really is', [{ ...WANTED, folder: '/link/a' }], [VIEW], false, []],
    [
      'changes how long things are kept',
      [{ ...WANTED, trashDays: 3 }],
      [VIEW],
      false,
      ['change a trashDays'],
    ],
    ['pauses', [{ ...WANTED, paused: true }], [VIEW], false, ['change a paused']],
    ['resumes', [WANTED], [{ ...VIEW, condition: 'paused' }], false, ['change a paused']],
    ['leaves a disabled pair to its operator', [WANTED], [{ ...VIEW, condition: 'disabled' }], false, []],
    [
      'never points a pair elsewhere',
      [{ ...WANTED, container: 'd', trashDays: 3 }],
      [VIEW],
      false,
      ['refuse a container'],
    ],
    [
      'refuses another policy',
      [{ ...WANTED, policies: { conflict: 'local' } }],
      [VIEW],
      false,
      ['refuse a policy conflict'],
    ],
    [
      'takes a policy that is left out as the default',
      [WANTED],
      [{ ...VIEW, policies: { ...VIEW.policies, conflict: 'local' } }],
      false,
      ['refuse a policy conflict'],
    ],
    ['leaves what is not in the file', [], [VIEW], false, ['leave a']],
    ['removes that only when it is told to', [], [VIEW], true, ['remove a']],
  ];
  const text = (step: Step): string =>
    [step.action, step.pair, ...('changes' in step ? step.changes.map(({ field }) => field) : [])].join(' ');
  for (const [what, wanted, there, prune, expected] of cases) {
    it(what, () => {
      const realFolder = (folder: string): string => folder.replace('/link/', '/homes/');
      const { steps, unchanged } = planPairs(wanted, there, { prune, realFolder });
      assert.deepEqual(steps.map(text), expected);
      assert.equal(
        unchanged,
        wanted.length - steps.filter(({ action }) => action !== 'leave' && action !== 'remove').length,
      );
    });
  }
});

test('apply says, adds, is done, changes, removes, and goes on past a pair that fails', async (t) => {
  const dir = tempDir(t);
  const env = { DATABASE_URL: await testDatabase(t) };
  const users = [{ token: 'token', userId: 'u', name: 'U' }];
  const pithos = await startPithosServer({ dir: join(dir, 'pithos'), users });
  t.after(() => pithos.close());
  writeFileSync(join(dir, 'secret'), 'token');
  for (const user of ['ada', 'bob']) mkdirSync(join(dir, 'homes', user), { recursive: true });
  const run = async (words: readonly string[], code: number): Promise<string> => {
    const result = await holdfast(dir, words, env);
    assert.equal(result.code, code, result.stderr);
    return result.stdout;
  };
  await run(
    ['store', 'add', 'cloud', '--kind', 'pithos', '--url', pithos.authUrl, '--secret-file', 'secret'],
    0,
  );
  const write = (names: string, more = ''): void => {
    const folder = join(dir, 'homes/{user}');
    writeFileSync(
      join(dir, 'pairs.yaml'),
      `templates: [{ name: "{user}", folder: "${folder}", store: cloud, container: "home-{user}", users: [${names}]${more} }]`,
    );
  };
  const apply = (code: number, ...more: string[]): Promise<string> =>
    run(['pairs', 'apply', '-f', 'pairs.yaml', ...more], code);

  write('ada, bob, eve', ', trashDays: 5');
  assert.match(
    await apply(0, '--dry-run'),
    /^\+ ada: .*\n\+ bob: .*\n\+ eve: .*\n3 pairs would be added, 0 changed/,
  );
  assert.match(await apply(1), /failed {2}eve: there is no folder .*\n3 pairs added, .*1 of these failed/);
  const [ada] = JSON.parse(await run(['pair', 'list', '--json'], 0)) as PairView[];
  assert.deepEqual(ada?.retention, { days: 5, bytes: null });

  write('ada, bob', ', trashDays: 5');
  assert.match(await apply(0), /^0 pairs added, 0 changed, 0 removed, 2 as they should be\n$/);
  write('ada', ', trashDays: 7, paused: true');
  assert.match(await apply(0), /^~ ada: trashDays 5 -> 7, paused false -> true\n {2}bob is not in the file/);
  assert.match(
    await apply(0, '--prune'),
    /^- bob\n0 pairs added, 0 changed, 1 removed, 1 as they should be\n$/,
  );
  write('ada', ', trashDays: 7, paused: true, volume: other');
  assert.match(await apply(1), /^! ada: volume default -> other cannot be changed in place/);

  const frame = await run(['top', '--once'], 0);
  assert.match(frame, /^holdfast {2}\d{4}-.* 1 pair, \d+ changes pending\npairs: {4}1 paused\nqueues: /);
  assert.match(frame, /^ada +paused +0 /m);
});

test('shells are told how to complete, and asked, know verbs and options', (t) => {
  const env = commandEnv(tempDir(t));
  for (const shell of ['bash', 'zsh', 'fish']) {
    const script = execFileSync(HOLDFAST, ['completion', shell], { env, encoding: 'utf8' });
    assert.match(script, /holdfast/);
    if (shell === 'bash') execFileSync('bash', ['-n'], { input: script });
  }
  const complete = (...words: string[]): string =>
    execFileSync(HOLDFAST, ['complete', '--', ...words], { env, encoding: 'utf8' });
  assert.match(complete('pa'), /^pair\t.*\npairs\t/);
  assert.match(complete('pairs', 'apply', '--'), /^--dry-run\t/m);
});
