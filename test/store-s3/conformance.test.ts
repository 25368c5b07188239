import { it } from 'node:test';
import { describeObjectStore } from '#test/conformance/object-store.ts';
import { s3 } from '#test/support/services.ts';
import { openS3, type S3Kind } from './fixtures.ts';

/** A gateway to a file system holds no others of the kind. */
const unsyncableRawNames = ['new\nline', 'a\ttab', 'a/\u007f'];
const versioned: S3Kind = {
  versioning: true,
  unsyncableRawNames,
  cannot: {
    filesStayFiles: 'the delete marker of a file is a file of this gateway, so no directory takes its place',
    losesByDelete: 'a delete of this gateway is not ordered with writes and may drop one that it did not see',
  },
};
/** An endpoint that only promises what this one keeps: then every write is verified afterwards. */
const UNGUARDED = { createOnly: 'ignored', replaceIf: 'ignored', deleteIf: 'ignored' } as const;

const login = await s3();
if (login === null) {
  it('S3 store', { skip: 'there is no S3 server here; npm run test:stores builds one' });
} else {
  describeObjectStore('versioned S3 bucket', (t) => openS3(t, login, versioned));
  describeObjectStore('plain S3 bucket', (t) => openS3(t, login, { versioning: false, unsyncableRawNames }));
  describeObjectStore('versioned S3 bucket of a store that ignores conditions', (t) =>
    openS3(t, login, { ...versioned, believing: UNGUARDED }),
  );
}
