// npm run docs:config: writes the configuration table of README.md anew from the schema.

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { configurationTable } from '../libs/config/load.ts';

const README = join(import.meta.dirname, '..', 'README.md');
const MARKED = /(<!-- configuration:[^\n]*-->\n)[\s\S]*(<!-- \/configuration -->)/;

const text = readFileSync(README, 'utf8');
if (!MARKED.test(text)) throw new Error('README.md has lost its configuration marks');
writeFileSync(
  README,
  text.replace(MARKED, (_all, begin: string, end: string) => `${begin}\n${configurationTable()}\n${end}`),
);
