// npm run db:migrate: brings the database of DATABASE_URL to the schema of this
// code. Safe at any time and from several machines at once.
// `--check` changes nothing: it prints the state, and fails unless it is current.

import { parseArgs } from 'node:util';
import { checkSchema, migrate } from '../libs/archive-prisma/migrate.ts';

const { values } = parseArgs({ options: { check: { type: 'boolean', default: false } } });
const url = process.env['DATABASE_URL'];
if (!url) {
  console.error(
    'DATABASE_URL is not set: give the database to migrate, as postgresql://user:password@host/name',
  );
  process.exit(2);
}
try {
  if (values.check) {
    const state = await checkSchema(url);
    console.log(state);
    process.exitCode = state === 'current' ? 0 : 1;
  } else {
    const applied = await migrate(url, { log: console.log });
    if (applied.length === 0) console.log('the database is current');
  }
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
}
