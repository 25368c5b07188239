/** Generations and unions on a real PostgreSQL. */
import { describeGenerations } from '#test/conformance/registry-generations.ts';
import { openFixture } from './fixtures.ts';

describeGenerations(openFixture);
