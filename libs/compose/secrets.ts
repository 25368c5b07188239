/** Secrets: reads what a store's reference points to, anew each time it is asked, so that a renewed one is found. */
import { readFile } from 'node:fs/promises';
import { HoldfastError } from '#ports/errors.ts';
import type { SecretReference } from '#ports/pair.ts';

const MAX_BYTES = 64 * 1024;

/** Gives an environment variable's value; a port, since only the configuration reads the environment. */
export type ReadVariable = (name: string) => string | undefined;

/**
 * @returns the secret's fields; text that is no JSON object is one field `token`.
 * @throws HoldfastError secret-missing; its message never holds any of the secret.
 */
export async function readSecret(
  reference: SecretReference,
  readVariable: ReadVariable,
): Promise<Readonly<Record<string, unknown>>> {
  const text = (await readText(reference, readVariable)).trim();
  if (text === '') throw new HoldfastError('secret-missing', `the secret in ${describe(reference)} is empty`);
  if (!text.startsWith('{')) return { token: text };
  try {
    return JSON.parse(text) as Readonly<Record<string, unknown>>;
  } catch {
    // The parser's own message quotes the text, which is the secret.
    throw new HoldfastError(
      'secret-missing',
      `the secret in ${describe(reference)} begins like JSON but is none; check its commas and quotes`,
    );
  }
}

async function readText(reference: SecretReference, readVariable: ReadVariable): Promise<string> {
  if (reference.from === 'env') {
    const value = readVariable(reference.at);
    if (value !== undefined) return value;
    throw new HoldfastError(
      'secret-missing',
      `${describe(reference)} is not set where Holdfast runs; set it and restart, or give the store a --secret-file`,
    );
  }
  try {
    const bytes = await readFile(reference.at);
    if (bytes.length > MAX_BYTES)
      throw new HoldfastError('secret-missing', `${describe(reference)} is too large to be a secret`);
    return bytes.toString('utf8');
  } catch (thrown) {
    if (thrown instanceof HoldfastError) throw thrown;
    const code = (thrown as NodeJS.ErrnoException).code ?? 'unknown';
    throw new HoldfastError(
      'secret-missing',
      `${describe(reference)} cannot be read (${code}); check that it exists and that Holdfast's user may read it`,
    );
  }
}

function describe(reference: SecretReference): string {
  return reference.from === 'file' ? `secret file ${reference.at}` : `environment variable ${reference.at}`;
}
