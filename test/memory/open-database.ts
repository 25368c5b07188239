/** Opens a memory database with the pair that conformance works on. */
import { MemoryDatabase } from '#libs/memory/database.ts';
import { atOnce } from '#libs/memory/step.ts';
import { addDocs, type OpenedArchive } from '#test/conformance/archive-fixtures.ts';

export interface OpenedMemory extends OpenedArchive {
  readonly database: MemoryDatabase;
}

/** Time passes with every transaction, as it does on a server. */
export async function openMemoryDatabase(): Promise<OpenedMemory> {
  let time = 1_700_000_000_000;
  const clock = {
    now: () => {
      time += 1;
      return time;
    },
  };
  const database = new MemoryDatabase(clock);
  const [archive, registry] = [database.archive(atOnce), database.registry(atOnce)];
  const pair = await addDocs(registry);
  const passTime = async (ms: number) => {
    time += ms;
  };
  return { database, archive, registry, pair, clock, passTime };
}
