/** Claims, acknowledgements, releases and what is told of them, on a real PostgreSQL. */
import { describeAccount } from '#test/conformance/archive-account.ts';
import { describeTransfer } from '#test/conformance/archive-transfer.ts';
import { openFixture } from './fixtures.ts';

describeTransfer(openFixture);
describeAccount(openFixture);
