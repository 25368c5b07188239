/** The delete gate on a real PostgreSQL. */
import { describeDeletes } from '#test/conformance/archive-deletes.ts';
import { openFixture } from './fixtures.ts';

describeDeletes(openFixture);
