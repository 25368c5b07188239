/** Ignore text: reads a folder's `.holdfastignore` through the same guarded path as any other file. */
import { toName } from '#core/name.ts';
import { StaleContent } from '#ports/content.ts';
import { HoldfastError } from '#ports/errors.ts';
import type { LocalFolder } from '#ports/local-folder.ts';

export const IGNORE_FILE = toName('.holdfastignore');
/** Longer files are cut here: patterns are matched against every name. */
const MAX_BYTES = 256 * 1024;

/** @returns the text; empty when there is no such file; null when it cannot be read just now, so that the last known text stays. */
export async function readIgnoreText(folder: LocalFolder): Promise<string | null> {
  const probed = await folder.probe(IGNORE_FILE);
  if (probed.result !== 'state') return null;
  if (probed.state.kind === 'absent') return '';
  if (probed.state.kind !== 'file') return null;
  if (probed.state.size === 0) return '';
  try {
    const staged = await folder.stage(
      IGNORE_FILE,
      probed.state,
      { algorithm: 'md5' },
      Number.MAX_SAFE_INTEGER,
    );
    if (staged.result !== 'staged' || staged.content.kind !== 'file') return null;
    try {
      const chunks: Uint8Array[] = [];
      for await (const chunk of staged.content.read(0, Math.min(staged.content.size, MAX_BYTES)))
        chunks.push(chunk);
      // NUL ends no pattern and cannot be kept in the database.
      return new TextDecoder().decode(concat(chunks)).replaceAll('\u0000', '');
    } finally {
      await staged.content.release();
    }
  } catch (thrown) {
    if (thrown instanceof StaleContent) return null;
    if (thrown instanceof HoldfastError && thrown.grade !== 'pair') return null;
    throw thrown;
  }
}

function concat(chunks: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(chunks.reduce((sum, chunk) => sum + chunk.length, 0));
  let offset = 0;
  for (const chunk of chunks) {
    whole.set(chunk, offset);
    offset += chunk.length;
  }
  return whole;
}
