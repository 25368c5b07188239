/** Runs a bounded number of async calls at once; results keep the order of the items. The first rejection rejects all. */
export async function mapLimit<Item, Result>(
  items: readonly Item[],
  limit: number,
  run: (item: Item, index: number) => Promise<Result>,
): Promise<Result[]> {
  const results: Result[] = new Array(items.length);
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < items.length) {
      const index = next;
      next += 1;
      results[index] = await run(items[index] as Item, index);
    }
  };
  await Promise.all(Array.from({ length: Math.min(limit, items.length) }, worker));
  return results;
}

/** As `mapLimit`, but a rejection is told once what is under way has ended; nothing more is begun then. */
export async function mapToEnd<Item, Result>(
  items: readonly Item[],
  limit: number,
  run: (item: Item, index: number) => Promise<Result>,
): Promise<Result[]> {
  const failures: unknown[] = [];
  const results = await mapLimit(items, limit, async (item, index) => {
    if (failures.length > 0) return undefined;
    try {
      return await run(item, index);
    } catch (thrown) {
      failures.push(thrown);
      return undefined;
    }
  });
  if (failures.length > 0) throw failures[0];
  return results as Result[];
}
