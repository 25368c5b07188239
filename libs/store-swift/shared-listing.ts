/** Shared listing: one kind of listing of a container, whose pages answer many commits at once. */
import { SharedPages } from '#libs/http/shared-pages.ts';
import type { Client } from './client.ts';
import { parseRows, type Row } from './listing.ts';

export class SharedListing extends SharedPages<Row> {
  /** @param query what kind of listing, such as `versions`. */
  constructor(client: Client, query: Readonly<Record<string, string>>) {
    super({
      page: async (marker, limit) => {
        const rows = parseRows(await client.listing({ ...query, marker, limit: String(limit) }));
        return { rows, isEnd: rows.length < limit };
      },
      nameOf: ({ name }) => name,
    });
  }
}
