/**
 * Merge: walks two streams of named things, both in byte order, side by side. It is how a
 * folder or container of any size is compared with its archive in bounded memory
 * (invariant 13).
 */
import { compareNames } from '#core/name.ts';

export type Merged<Left, Right> =
  | { readonly in: 'both'; readonly left: Left; readonly right: Right }
  | { readonly in: 'left'; readonly left: Left }
  | { readonly in: 'right'; readonly right: Right };

export async function* mergeByName<
  Left extends { readonly name: string },
  Right extends { readonly name: string },
>(lefts: AsyncIterable<Left>, rights: AsyncIterable<Right>): AsyncGenerator<Merged<Left, Right>> {
  const leftIterator = lefts[Symbol.asyncIterator]();
  const rightIterator = rights[Symbol.asyncIterator]();
  try {
    let left = await leftIterator.next();
    let right = await rightIterator.next();
    while (left.done !== true || right.done !== true) {
      const order =
        left.done === true ? 1 : right.done === true ? -1 : compareNames(left.value.name, right.value.name);
      if (order === 0 && left.done !== true && right.done !== true) {
        yield { in: 'both', left: left.value, right: right.value };
        left = await leftIterator.next();
        right = await rightIterator.next();
      } else if (order < 0 && left.done !== true) {
        yield { in: 'left', left: left.value };
        left = await leftIterator.next();
      } else if (right.done !== true) {
        yield { in: 'right', right: right.value };
        right = await rightIterator.next();
      }
    }
  } finally {
    await leftIterator.return?.(undefined);
    await rightIterator.return?.(undefined);
  }
}

/** Turns keyset pages into one stream; asks for the next page only when the last one is used up. */
export async function* pages<Item extends { readonly name: string }>(
  load: (after: string | null, limit: number) => Promise<readonly Item[]>,
  limit: number,
): AsyncGenerator<Item> {
  let after: string | null = null;
  for (;;) {
    const page: readonly Item[] = await load(after, limit);
    yield* page;
    const last = page.at(-1);
    if (last === undefined || page.length < limit) return;
    after = last.name;
  }
}
