/** Histories: versions of keys for many commits at once, where a listing shows whatever was written before it began. */
import { compareNames } from '#core/name.ts';
import { SharedPages } from '#libs/http/shared-pages.ts';
import type { Client } from './client.ts';
import type { ListedVersion } from './xml.ts';

export function sharedHistories(client: Client): SharedPages<ListedVersion> {
  return new SharedPages({
    page: async (key, limit, prefix) => {
      const { versions, next } = await client.listVersions(prefix, { key, versionId: null }, limit);
      // Some stores list delete markers behind all versions.
      const rows = versions.toSorted((a, b) => compareNames(a.key, b.key));
      return { rows, isEnd: next === null };
    },
    nameOf: ({ key }) => key,
  });
}
