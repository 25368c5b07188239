import { it } from 'node:test';
import { describeObjectStore } from '#test/conformance/object-store.ts';
import { swift } from '#test/support/services.ts';
import { openS3, SWIFT_RAW_NAMES } from './fixtures.ts';

// Swift's own S3 layer answers 501 to every conditional write: the path without guards.
const login = await swift();
if (login === null) {
  it('S3 of Swift', { skip: 'there is no Swift here' });
} else {
  describeObjectStore("versioned bucket of Swift's S3 layer", (t) =>
    openS3(t, login.s3, { versioning: true, unsyncableRawNames: SWIFT_RAW_NAMES }),
  );
}
