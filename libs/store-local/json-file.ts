/**
 * JSON file: small private records below `.holdfast/`; what cannot be read as one counts as missing.
 * Users can write there, too: what is read is theirs to forge and is taken only where it makes sense.
 */
import { type Facts, type OpenDirectory, systemCode } from './file-system.ts';

const MAX_BYTES = 64 * 1024;

/** Writes a new file with mode 0600, or replaces a leftover of that name, and syncs it. */
export async function writeJson(directory: OpenDirectory, segment: string, value: unknown): Promise<void> {
  const bytes = Buffer.from(`${JSON.stringify(value)}\n`);
  const file = await createAnew(directory, segment);
  try {
    await file.write(bytes);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function createAnew(directory: OpenDirectory, segment: string) {
  try {
    return await directory.createFile(segment, 0o600);
  } catch (thrown) {
    if (systemCode(thrown) !== 'EEXIST') throw thrown;
    await directory.unlink(segment);
    return directory.createFile(segment, 0o600);
  }
}

/** @returns the record, or null when it is missing, torn, too large, or no regular file. */
export async function readJson(
  directory: OpenDirectory,
  segment: string,
): Promise<Record<string, unknown> | null> {
  return (await readJsonFile(directory, segment))?.record ?? null;
}

/** As `readJson`, with what the system tells of the file that was read. */
export async function readJsonFile(
  directory: OpenDirectory,
  segment: string,
): Promise<{ readonly record: Record<string, unknown>; readonly facts: Facts } | null> {
  let text: string;
  let facts: Facts;
  try {
    const file = await directory.openForReading(segment);
    try {
      facts = await file.facts();
      if (facts.kind !== 'file' || facts.size > MAX_BYTES) return null;
      const bytes = Buffer.alloc(facts.size);
      const length = await file.read(bytes, 0);
      text = bytes.toString('utf8', 0, length);
    } finally {
      await file.close();
    }
  } catch (thrown) {
    if (['ENOENT', 'ELOOP', 'ENOTDIR', 'ENXIO'].includes(systemCode(thrown) ?? '')) return null;
    throw thrown;
  }
  const record = parseRecord(text);
  return record === null ? null : { record, facts };
}

/** A count that any system can keep, or null. */
export function countIn(value: unknown): number | null {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : null;
}

/** A digest in hexadecimal, or null. */
export function digestIn(value: unknown): string | null {
  return typeof value === 'string' && /^[0-9a-f]{1,128}$/.test(value) ? value : null;
}

function parseRecord(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? { ...value } : null;
  } catch (thrown) {
    if (thrown instanceof SyntaxError) return null;
    throw thrown;
  }
}
