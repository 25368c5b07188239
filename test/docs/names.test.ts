/** What the documents name exists: scripts, verbs with their options, files. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { globSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { codeOf, DOCUMENTS, ROOT, readDocument } from './documents.ts';

const run = promisify(execFile);
const code = DOCUMENTS.flatMap((path) => codeOf(readDocument(path)).map((text) => ({ path, text })));

test('every npm script that a document names exists', () => {
  const { scripts } = JSON.parse(readDocument('package.json')) as { scripts: Record<string, string> };
  const named = DOCUMENTS.flatMap((path) => [...readDocument(path).matchAll(/\bnpm run ([\w:-]+)/g)]);
  assert.ok(named.length > 0);
  for (const [, script = ''] of named) assert.ok(Object.hasOwn(scripts, script), `npm run ${script} exists`);
});

/** One use of the command: `pair add`, and the options it was given. */
interface Use {
  readonly path: string;
  readonly verb: string;
  readonly options: readonly string[];
}

function usesIn(path: string, text: string): readonly Use[] {
  const commands = text.split(/\s*(?:&&|\||;|(?:^|\s)#)\s*/);
  return commands.flatMap((command) => {
    const [, verb = '', rest = ''] =
      /^(?:bin\/)?holdfast ((?:store|pairs?|account|limit) [a-z]+|[a-z]+)\b(.*)$/.exec(command) ?? [];
    return verb === '' ? [] : [{ path, verb, options: rest.match(/--[a-z-]+/g) ?? [] }];
  });
}

test('every verb and option of the command line that a document names exists', async () => {
  const uses = code.flatMap(({ path, text }) => usesIn(path, text));
  const verbs = [...new Set(uses.map(({ verb }) => verb))];
  assert.ok(verbs.length > 10);
  const helps = new Map(await Promise.all(verbs.map(async (verb) => [verb, await helpOf(verb)] as const)));
  for (const { path, verb, options } of uses) {
    const help = helps.get(verb) ?? '';
    if (verb === 'help') continue;
    // The help of an unknown verb is the general one.
    assert.match(help, new RegExp(`^Usage: holdfast ${verb}\\b`), `${path}: holdfast ${verb} exists`);
    for (const option of options) {
      assert.match(help, new RegExp(`${option}\\b`), `${path}: holdfast ${verb} takes ${option}`);
    }
  }
});

async function helpOf(verb: string): Promise<string> {
  const { stdout } = await run(join(ROOT, 'bin/holdfast'), [...verb.split(' '), '--help']);
  return stdout;
}

test('every verb of the command line is in the README', async () => {
  const help = await helpOf('--help');
  const commands = /^Commands:\n([\s\S]*?)\n\n/m.exec(help)?.[1] ?? '';
  const verbs = [...commands.matchAll(/^ {2}([a-z]+)/gm)].map(([, verb = '']) => verb);
  assert.ok(verbs.length > 10);
  const readme = readDocument('README.md');
  for (const verb of verbs) assert.ok(readme.includes(`holdfast ${verb}`), `README shows holdfast ${verb}`);
});

test('every file that a document names exists', () => {
  const path = /^(?:\.\/)?((?:apps|bin|libs|prisma|scripts|test|\.ci)\/\S*|[A-Z]+\.md|LICENSE)$/;
  const missing = code.flatMap(({ path: document, text }) =>
    text.split(/[\s"'=]+/).flatMap((word) => {
      const [, named = ''] = path.exec(word) ?? [];
      // `libs/store-<kind>/` is a pattern for files to come.
      if (named === '' || named.includes('<')) return [];
      // A bare name may be that of a page in a room.
      const pattern = named.includes('/') ? named : `{.,libs/*}/${named}`;
      return globSync(pattern, { cwd: ROOT }).length > 0 ? [] : [`${document} names ${named}`];
    }),
  );
  assert.deepEqual(missing, []);
});
