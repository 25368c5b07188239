/**
 * Payload: jobs as JSON. Keys only (design section 3); serials are text, since JSON has no
 * big integers. What cannot be read is a job of another version and is refused.
 */
import { nameFault, toName } from '#core/name.ts';
import { toSerial } from '#core/serial.ts';
import type { CandidatesJob, TransferJob } from '#ports/job-queue.ts';

export function encodeTransfer(job: TransferJob): unknown {
  return { pairId: job.pairId, items: job.items.map(({ name, serial }) => [name, String(serial)]) };
}

/** @throws TypeError when it is no such job. */
export function decodePair(payload: unknown): CandidatesJob {
  const { pairId } = fieldsOf(payload);
  if (typeof pairId !== 'number' || !Number.isSafeInteger(pairId)) throw new TypeError('a job names no pair');
  return { pairId };
}

/** @throws TypeError when it is no such job. */
export function decodeTransfer(payload: unknown): TransferJob {
  const { items } = fieldsOf(payload);
  if (!Array.isArray(items)) throw new TypeError('a transfer job has no items');
  return { ...decodePair(payload), items: items.map(decodeItem) };
}

function decodeItem(item: unknown): TransferJob['items'][number] {
  const [name, serial]: unknown[] = Array.isArray(item) ? item : [];
  if (typeof name !== 'string' || nameFault(name) !== null)
    throw new TypeError('a transfer job has a bad name');
  if (typeof serial !== 'string' || !/^\d{1,19}$/.test(serial)) {
    throw new TypeError('a transfer job has a bad serial');
  }
  return { name: toName(name), serial: toSerial(BigInt(serial)) };
}

function fieldsOf(payload: unknown): Record<string, unknown> {
  return typeof payload === 'object' && payload !== null ? { ...payload } : {};
}
