/**
 * Notification server: takes what stores post of their own changes, `POST /notify/<store>`. Who
 * posts shows the store's secret as a bearer token or as a password, or signs with it. Bodies,
 * names and rate are bounded, and what is taken are hints: the worst that a thief of a secret
 * can do is to have names looked at.
 */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { type FastifyReply, type FastifyRequest, fastify } from 'fastify';
import { type Bucket, take } from '#core/limits.ts';
import { type Notice, readNotices } from '#core/notification.ts';
import type { Clock } from '#ports/clock.ts';
import { asHoldfastError, HoldfastError } from '#ports/errors.ts';
import type { Log } from '#ports/log.ts';

export interface NotifyServerOptions {
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  readonly clock: Pick<Clock, 'now'>;
  readonly log: Log;
  /** The secret of a store; null where it has none, so that nobody may post for it. */
  secretOf(store: string): Promise<string | null>;
  /** Takes what was posted for a store that proved itself. */
  take(store: string, notices: readonly Notice[]): Promise<void>;
}

export interface NotifyServer {
  readonly port: number;
  close(): Promise<void>;
}

const MOST_BYTES = 1_048_576;
/** Posts a second, of all stores, before anybody proved anything. */
const POSTS_PER_SECOND = 500;
/** How far a signed time may be off. */
export const SIGNED_WINDOW_MS = 300_000;
/** Signatures remembered, so that none is taken again later. */
const MOST_SIGNATURES = 10_000;
/** Signed times are whole seconds: what changes twice within one is told twice in the same words, no replay. */
const SAME_SECOND_MS = 2_000;
const STORE_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]*$/;

/** @throws HoldfastError configuration-invalid when the port is taken */
export async function startNotifyServer(options: NotifyServerOptions): Promise<NotifyServer> {
  const { clock, log } = options;
  const app = fastify({ logger: false, bodyLimit: MOST_BYTES, forceCloseConnections: true });
  const seen = new SignatureMemory();
  let bucket: Bucket | null = null;
  app.removeAllContentTypeParsers();
  // Signatures are of the bytes; several stores send JSON as text.
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
  app.addHook('onRequest', async (_request, reply) => {
    const taken = take(bucket, POSTS_PER_SECOND, 1, clock.now());
    if (taken.waitMs > 0) return reply.code(429).header('retry-after', '1').send();
    bucket = taken.bucket;
    return undefined;
  });
  app.post<{ Params: { readonly store: string } }>('/notify/:store', async (request, reply) => {
    const { store } = request.params;
    const body = Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0);
    try {
      const secret = STORE_NAME.test(store) ? await options.secretOf(store) : null;
      const proof = secret === null ? 'none' : proofOf(request, body, secret, clock.now());
      if (proof === 'none') return refused(reply);
      if (proof !== 'shown' && seen.has(proof, clock.now())) return reply.code(204).send();
      const notices = readNotices(parsed(body));
      if (notices === null) return reply.code(400).send({ error: 'this is no notification that is known' });
      await options.take(store, notices);
      if (proof !== 'shown') seen.add(proof, clock.now());
      return reply.code(204).send();
    } catch (thrown) {
      // Whoever posted may post again; whoever does not is made up for by a poll.
      log.warn({ store, err: asHoldfastError(thrown).message }, 'a notification could not be taken');
      return reply.code(503).send();
    }
  });
  try {
    await app.listen({ host: options.host, port: options.port });
  } catch (thrown) {
    throw new HoldfastError(
      'configuration-invalid',
      `port ${options.port} cannot be used (${asHoldfastError(thrown).message}); free it or change HOLDFAST_NOTIFY_PORT`,
      { cause: thrown },
    );
  }
  const address = app.server.address();
  const port = typeof address === 'object' && address !== null ? address.port : options.port;
  return { port, close: () => app.close() };
}

/** @returns `none`, `shown` where the secret itself was, or the signature that proves it. */
function proofOf(request: FastifyRequest, body: Buffer, secret: string, now: number): string {
  const signature = request.headers['x-holdfast-signature'];
  const timestamp = request.headers['x-holdfast-timestamp'];
  if (typeof signature === 'string' && typeof timestamp === 'string') {
    const isInTime =
      /^\d{1,12}$/.test(timestamp) && Math.abs(now - Number(timestamp) * 1_000) <= SIGNED_WINDOW_MS;
    const expected = createHmac('sha256', secret).update(`${timestamp}.`).update(body).digest('hex');
    return isInTime && isSameText(signature, `sha256=${expected}`) ? signature : 'none';
  }
  const [scheme = '', given = ''] = (request.headers.authorization ?? '').split(' ');
  if (scheme.toLowerCase() === 'bearer') return isSameText(given, secret) ? 'shown' : 'none';
  if (scheme.toLowerCase() !== 'basic') return 'none';
  const login = Buffer.from(given, 'base64').toString('utf8');
  return isSameText(login.slice(login.indexOf(':') + 1), secret) ? 'shown' : 'none';
}

/** The same for a store that is not known and for a wrong secret, so that nobody learns which. */
function refused(reply: FastifyReply): FastifyReply {
  return reply.code(401).header('www-authenticate', 'Bearer').send();
}

function isSameText(left: string, right: string): boolean {
  const digestOf = (text: string): Buffer => createHash('sha256').update(text).digest();
  return timingSafeEqual(digestOf(left), digestOf(right));
}

function parsed(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'));
  } catch {
    return null;
  }
}

/** Signatures that were taken, as long as their time is within the window. */
class SignatureMemory {
  readonly #takenAt = new Map<string, number>();

  has(signature: string, now: number): boolean {
    const at = this.#takenAt.get(signature);
    return at !== undefined && now - at > SAME_SECOND_MS && now - at <= 2 * SIGNED_WINDOW_MS;
  }

  add(signature: string, now: number): void {
    if (this.#takenAt.has(signature)) return;
    const [oldest] = this.#takenAt.keys();
    if (this.#takenAt.size >= MOST_SIGNATURES && oldest !== undefined) this.#takenAt.delete(oldest);
    this.#takenAt.set(signature, now);
  }
}
