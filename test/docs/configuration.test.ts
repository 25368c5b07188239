/** The README's configuration and error tables are those of the code. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { configurationTable } from '#libs/config/load.ts';
import { ERROR_GRADES } from '#ports/errors.ts';
import { codeOf, DOCUMENTS, readDocument } from './documents.ts';

const readme = readDocument('README.md');

/** Rows as cells, without the padding that the formatter adds. */
function rowsOf(table: string): readonly string[][] {
  return table
    .split('\n')
    .filter((line) => line.startsWith('|') && !/^[|\s-]+$/.test(line))
    .map((line) =>
      line
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim()),
    );
}

test('the configuration table is current; npm run docs:config writes it anew', () => {
  const marked = /<!-- configuration:[\s\S]*<!-- \/configuration -->/.exec(readme)?.[0] ?? '';
  assert.deepEqual(rowsOf(marked), rowsOf(configurationTable()));
});

test('every variable that a document names exists', () => {
  const known = new Set(
    [configurationTable(), readDocument('scripts/test.ts'), readDocument('test/core/seed.ts')].flatMap(
      (text) => text.match(/\bHOLDFAST_[A-Z_]+\b/g) ?? [],
    ),
  );
  for (const path of DOCUMENTS) {
    for (const variable of readDocument(path).match(/\bHOLDFAST_[A-Z_]+\b/g) ?? []) {
      assert.ok(known.has(variable), `${path} names ${variable}, which nothing reads`);
    }
  }
});

test('every code that disables a pair has a row that says what to do', () => {
  const explained = rowsOf(readme).map(([first = '']) => first);
  for (const [code, grade] of Object.entries(ERROR_GRADES)) {
    if (grade === 'pair') assert.ok(explained.includes(`\`${code}\``), `${code} has a row`);
  }
});

test('every error code that the README explains exists', () => {
  const stuck = readme.slice(readme.indexOf('## When something is stuck'));
  const codes = rowsOf(stuck).flatMap(([first = '']) => [...codeOf(first)]);
  assert.ok(codes.length > 10);
  for (const code of codes) assert.ok(Object.hasOwn(ERROR_GRADES, code), `${code} is an error code`);
});
