/** The limit book and the meter in memory. */
import { createMemoryMeter } from '#libs/memory/meter.ts';
import { atOnce } from '#libs/memory/step.ts';
import { describeLimitBook, describeMeter } from '#test/conformance/limits.ts';
import { openMemoryDatabase } from './open-database.ts';

describeLimitBook(async () => {
  const { database, registry, pair } = await openMemoryDatabase();
  return { book: database.limits(atOnce), registry, pair };
});

describeMeter(async (_t, count) => {
  const meter = createMemoryMeter({ now: Date.now });
  return Array.from({ length: count }, () => meter);
});
