/** The memory database keeps the promises of archive and registry. */
import { describeAccount } from '#test/conformance/archive-account.ts';
import { describeDispatch } from '#test/conformance/archive-dispatch.ts';
import { describeEntries } from '#test/conformance/archive-entries.ts';
import { describeMarks } from '#test/conformance/archive-marks.ts';
import { describeTransfer } from '#test/conformance/archive-transfer.ts';
import { describeRegistry } from '#test/conformance/registry.ts';
import { describeLeases } from '#test/conformance/registry-leases.ts';
import { openMemoryDatabase } from './open-database.ts';

describeEntries(openMemoryDatabase);
describeMarks(openMemoryDatabase);
describeDispatch(openMemoryDatabase);
describeTransfer(openMemoryDatabase);
describeAccount(openMemoryDatabase);
describeRegistry(openMemoryDatabase);
describeLeases(openMemoryDatabase);
