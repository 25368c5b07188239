/** Leases on a real PostgreSQL. */
import { describeLeases } from '#test/conformance/registry-leases.ts';
import { openFixture } from './fixtures.ts';

describeLeases(openFixture);
