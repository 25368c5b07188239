// For Prisma's own commands. Holdfast itself migrates with `npm run db:migrate`
// and generates with `npm run db:generate`, which download nothing.

import { defineConfig } from 'prisma/config';

export default defineConfig({
  schema: 'prisma/schema.prisma',
  migrations: { path: 'prisma/migrations' },
  datasource: { url: process.env['DATABASE_URL'] ?? '' },
});
