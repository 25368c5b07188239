/** Documents: the pages that tests hold to what is there, and the code in them. */
import { globSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

export const ROOT = resolve(import.meta.dirname, '../..');

/** Paths from the root of the checkout. */
export const DOCUMENTS: readonly string[] = [
  'README.md',
  'CONTRIBUTING.md',
  'CHANGELOG.md',
  'deploy/README.md',
  'libs/core/SPEC.md',
  ...globSync('docs/*.md', { cwd: ROOT }).sort(),
  ...globSync('{apps,libs}/*/README.md', { cwd: ROOT }).sort(),
];

export function readDocument(path: string): string {
  return readFileSync(join(ROOT, path), 'utf8');
}

export interface Block {
  /** Heading of second level that the block is under. */
  readonly section: string;
  /** Words after the opening fence, such as `sh test`. */
  readonly info: string;
  readonly text: string;
}

export function blocksOf(markdown: string): readonly Block[] {
  const found: Block[] = [];
  for (const part of markdown.split(/^## /m)) {
    const section = part.split('\n', 1)[0] ?? '';
    for (const [, info = '', text = ''] of part.matchAll(/^```([^\n]*)\n([\s\S]*?)^```$/gm)) {
      found.push({ section, info, text });
    }
  }
  return found;
}

/** Lines of fenced and indented blocks, and code within sentences: where a reader takes words literally. */
export function codeOf(markdown: string): readonly string[] {
  const fenced = blocksOf(markdown).flatMap(({ text }) => text.split('\n'));
  const prose = markdown.replaceAll(/^```[\s\S]*?^```$/gm, '');
  const indented = [...prose.matchAll(/^ {4}(\S.*)$/gm)];
  const spans = [...prose.matchAll(/`([^`\n]+)`/g)];
  return [...fenced, ...[...indented, ...spans].map(([, code = '']) => code)];
}
