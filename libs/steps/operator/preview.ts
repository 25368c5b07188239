/**
 * Preview: the beginning of a file as text, or a small picture. What it is, is told by its
 * bytes and never by its name; anything a browser could run is shown as text or not at all.
 */
import type { Name } from '#core/name.ts';
import { type Staged, StaleContent } from '#ports/content.ts';
import type { ContentPreview } from '#ports/desk.ts';
import type { PairSides } from '#ports/sides.ts';

const TEXT_BYTES = 64 * 1024;
const IMAGE_BYTES = 2 * 1024 * 1024;

const PICTURES: readonly (readonly [type: string, isIt: (head: Uint8Array) => boolean])[] = [
  ['image/png', (head) => startsWith(head, [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a])],
  ['image/jpeg', (head) => startsWith(head, [0xff, 0xd8, 0xff])],
  ['image/gif', (head) => startsWith(head, [0x47, 0x49, 0x46, 0x38])],
  [
    'image/webp',
    (head) =>
      startsWith(head, [0x52, 0x49, 0x46, 0x46]) && startsWith(head.subarray(8), [0x57, 0x45, 0x42, 0x50]),
  ],
];

/** @param now milliseconds since the epoch. */
export async function previewOf(
  { folder, store }: PairSides,
  name: Name,
  now: number,
): Promise<ContentPreview> {
  const probed = await folder.probe(name);
  if (probed.result !== 'state' || probed.state.kind !== 'file')
    return none(`there is no file at this name in the folder now`);
  const { size } = probed.state;
  const staged = await folder.stage(name, probed.state, store.digest, now);
  if (staged.result !== 'staged') return none('it is being changed just now');
  try {
    return await readPreview(staged.content, size);
  } catch (thrown) {
    if (thrown instanceof StaleContent) return none('it is being changed just now');
    throw thrown;
  } finally {
    await staged.content.release();
  }
}

async function readPreview(content: Staged, size: number): Promise<ContentPreview> {
  if (content.kind !== 'file') return none('it is a directory');
  const head = await readAll(content.read(0, Math.min(size, TEXT_BYTES)));
  const type = PICTURES.find(([, isIt]) => isIt(head))?.[0];
  if (type !== undefined) {
    if (size > IMAGE_BYTES) return none('the picture is too large to be shown');
    const whole = size <= head.length ? head : await readAll(content.read(0, size));
    return { kind: 'image', type, base64: Buffer.from(whole).toString('base64') };
  }
  const text = textOf(head, size > head.length);
  return text === null
    ? none('it is neither text nor a picture')
    : { kind: 'text', text, isWhole: size <= head.length };
}

/** Null for what is no text. @param isCut whether the last sign may be cut in two. */
function textOf(bytes: Uint8Array, isCut: boolean): string | null {
  if (bytes.includes(0)) return null;
  for (const dropped of isCut ? [0, 1, 2, 3] : [0]) {
    try {
      return new TextDecoder('utf-8', { fatal: true }).decode(bytes.subarray(0, bytes.length - dropped));
    } catch {
      // The next length may end between two signs.
    }
  }
  return null;
}

async function readAll(chunks: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const read: Uint8Array[] = [];
  for await (const chunk of chunks) read.push(chunk);
  return Buffer.concat(read);
}

function startsWith(bytes: Uint8Array, sign: readonly number[]): boolean {
  return sign.every((byte, index) => bytes[index] === byte);
}

function none(reason: string): ContentPreview {
  return { kind: 'none', reason };
}
