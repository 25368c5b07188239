import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { excludeRules } from '#libs/exclusions/rules.ts';

const rules = (ignoreText = '', excludes: readonly string[] = []) => excludeRules({ excludes, ignoreText });

/** [what, ignore text, excluded files, kept files]; a name that ends in / is a directory. */
const CASES: readonly (readonly [string, string, readonly string[], readonly string[]])[] = [
  [
    'built-in names, at any depth',
    '',
    [
      '.#a',
      'd/.~lock',
      '~$doc.docx',
      '~x.tmp',
      '.a.swp',
      'Desktop.INI',
      'a/Thumbs.db',
      '.DS_Store',
      'Icon\r',
    ],
    ['#a', 'x~.tmp', 'a.swp', 'desktop.ini.txt', 'Icon', '.dropboxes'],
  ],
  ['Dropbox files', '', ['.dropbox', 'a/.dropbox.attr', '.dropbox/x'], ['dropbox']],
  ['a name at any depth', 'build', ['build', 'a/build', 'build/x', 'a/build/y/z'], ['builds', 'a/rebuild']],
  ['an anchored name', '/build', ['build', 'build/x'], ['a/build']],
  ['a path', 'a/b', ['a/b', 'a/b/c'], ['x/a/b', 'a']],
  ['directories only', 'tmp/', ['tmp/', 'a/tmp/', 'tmp/x'], ['tmp', 'a/tmp']],
  ['a star within a segment', '*.log', ['a.log', 'd/.log'], ['a.log.txt', 'log']],
  ['a star that stops at a slash', 'a/*/c', ['a/b/c'], ['a/c', 'a/b/b/c']],
  ['two stars in front', '**/x/y', ['x/y', 'a/b/x/y'], ['y', 'xx/y']],
  ['two stars in the middle', 'a/**/z', ['a/z', 'a/b/z', 'a/b/c/z'], ['z', 'b/a/z']],
  ['two stars at the end', 'a/**', ['a/b', 'a/b/c'], ['a/', 'b/a/c']],
  ['classes and question marks', 'f[0-9a]?.[!x]', ['f1b.y', 'faa.z'], ['f1.y', 'fxb.y', 'f1b.x']],
  ['escapes', '\\#a\n\\!b\nc\\*\nd\\ ', ['#a', '!b', 'c*', 'd '], ['a', 'b', 'cc', 'd']],
  ['comments, blanks and spaces at the end', '# a\n\n   \nb  \r\n', ['b'], ['a', '# a', 'b  ']],
  ['a later line that re-includes', '*.log\n!keep.log', ['a.log'], ['keep.log', 'd/keep.log']],
  ['no re-inclusion below an excluded directory', 'd/\n!d/keep', ['d/keep', 'd/x'], ['keep']],
  ['re-inclusion of a built-in name', '!.DS_Store', ['.#a'], ['.DS_Store']],
  [
    'names like Holdfast’s own, which are told as problems',
    '',
    [],
    ['.holdfast/', '.holdfast/a', 'a/.holdfast/'],
  ],
  ['the ignore file itself, which stays', '.*\n*', ['.a', 'b', 'a/.holdfastignore'], ['.holdfastignore']],
  ['case', 'README', ['README'], ['readme']],
  ['characters beyond ASCII', '?.txt\n*😀', ['é.txt', 'a😀'], ['ab.txt', '😀a']],
  ['lines that mean nothing', '[\n[z-\na\\\n!\n/\n//\n[]', [], ['[', 'a', 'z']],
];

describe('exclusion rules', () => {
  for (const [what, text, excluded, kept] of CASES) {
    it(`hold for ${what}`, () => {
      const isExcluded = rules(text);
      const verdict = (name: string) => isExcluded(name.replace(/\/$/, ''), name.endsWith('/'));
      assert.deepEqual(
        excluded.filter((name) => !verdict(name)),
        [],
        'out',
      );
      assert.deepEqual(kept.filter(verdict), [], 'in');
    });
  }

  it('take the patterns of the pair before those of the folder', () => {
    const isExcluded = rules('!a.log', ['*.log']);
    assert.equal(isExcluded('a.log', false), false);
    assert.equal(isExcluded('b.log', false), true);
  });

  it('never throw, whatever is written', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary', maxLength: 60 }),
        fc.string({ unit: 'binary', maxLength: 30 }),
        (text, name) => {
          assert.equal(typeof rules(text)(name, false), 'boolean');
        },
      ),
      { numRuns: 2_000 },
    );
  });

  it('are not kept busy by hostile patterns', { timeout: 20_000 }, () => {
    const star = `${'*a'.repeat(60)}b`;
    const deep = `${'**/a/'.repeat(60)}b`;
    const isExcluded = rules(Array(1_000).fill(`${star}\n${deep}`).join('\n'));
    for (let index = 0; index < 50; index += 1) {
      assert.equal(isExcluded('a'.repeat(200) + index, false), false);
      assert.equal(isExcluded(`${'a/'.repeat(400)}${index}`, false), false);
    }
  });

  it('are not kept busy by patterns within the limits either, nor by names of any depth', {
    timeout: 20_000,
  }, () => {
    const lines = ['**/a/**/a/**/a/b', 'a/**/a/**/c', '*a*a*ab', '**/*a*a*ac/**'];
    const isExcluded = rules(Array(500).fill(lines.join('\n')).join('\n'));
    for (const name of ['a/'.repeat(500), 'a'.repeat(255), `${'a'.repeat(200)}/`.repeat(5)])
      assert.equal(isExcluded(`${name}d`, false), false);
    assert.equal(isExcluded(`x/a/y/a/${'z/'.repeat(300)}b`, false), false);
    assert.equal(isExcluded('x/a/y/a/z/a/b', false), true);
    assert.equal(isExcluded(`x/a/y/a/z/a/b/${'z/'.repeat(300)}e`, false), true);
  });

  it('judge a hundred thousand names', { timeout: 20_000 }, () => {
    const isExcluded = rules('*.log\nnode_modules/\n/build\n**/cache/**\n!keep.log');
    let excluded = 0;
    for (let index = 0; index < 100_000; index += 1) {
      if (isExcluded(`a/b${index % 1_000}/c/file${index}.${index % 2 === 0 ? 'log' : 'txt'}`, false))
        excluded += 1;
    }
    assert.equal(excluded, 50_000);
  });
});
