/**
 * Accounts: who may use the console, and as what. They live in one file that an operator
 * writes with `holdfast account`, or that a Kubernetes secret mounts: names, roles and
 * hashes, never passwords or tokens. It is read anew for every request, so a removal acts at once.
 */
import { createHash, randomBytes, type ScryptOptions, scrypt, timingSafeEqual } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { HoldfastError } from '#ports/errors.ts';

/** A viewer sees everything and changes nothing. */
export type Role = 'viewer' | 'operator';

export interface Accounts {
  /** @returns the role, or null when name and password do not belong together. */
  logIn(name: string, password: string): Promise<Role | null>;
  /** @returns the role that a name has now, or null when it has none any more. */
  roleOf(name: string): Promise<Role | null>;
  /** @returns whose token it is; null when it is nobody's. */
  ownerOf(token: string): Promise<{ readonly name: string; readonly role: Role } | null>;
}

export function isRole(value: unknown): value is Role {
  return value === 'viewer' || value === 'operator';
}

export interface AccountRecord {
  readonly role: Role;
  /** Of a password: `scrypt$<log2 cost>$<salt>$<hash>`, both in base64url. Of a token: `sha256$<hash>`. */
  readonly hash: string;
}

/** 2^15 with blocks of 1 KiB: 32 MiB and about 0.1 s for each guess. */
const LOG2_COST = 15;
const HASH_BYTES = 32;

/** @throws HoldfastError configuration-invalid when the file cannot be read or holds something else */
export function fileAccounts(path: string): Accounts {
  return {
    logIn: async (name, password) => {
      const account = (await readAccounts(path)).get(name);
      // An unknown name costs as much time as a wrong password.
      const isRight = await isPassword(password, account?.hash ?? UNKNOWN);
      return isRight ? (account?.role ?? null) : null;
    },
    roleOf: async (name) => (await readAccounts(path)).get(name)?.role ?? null,
    ownerOf: async (token) => {
      const hash = hashToken(token);
      for (const [name, account] of await readAccounts(path))
        if (account.hash === hash) return { name, role: account.role };
      return null;
    },
  };
}

/** @throws HoldfastError configuration-invalid */
export async function readAccounts(path: string): Promise<ReadonlyMap<string, AccountRecord>> {
  let parsed: unknown;
  try {
    parsed = JSON.parse(await readFile(path, 'utf8'));
  } catch (thrown) {
    const { code } = thrown as NodeJS.ErrnoException;
    throw invalid(path, code === undefined ? 'is no JSON' : `cannot be read (${code})`, thrown);
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed))
    throw invalid(path, 'is no JSON object of accounts');
  return new Map(
    Object.entries(parsed).map(([name, account]) => {
      if (!isAccount(account)) throw invalid(path, `has no role and hash for "${name}"`);
      return [name, { role: account.role, hash: account.hash }];
    }),
  );
}

/** Tells tokens of accounts from any others. */
export const TOKEN_PREFIX = 'hf_';

/** For a program: long and random, so that its hash need not be slow. */
export function newToken(): string {
  return `${TOKEN_PREFIX}${randomBytes(32).toString('base64url')}`;
}

/** What is compared is a digest of what was sent: the time it takes tells nothing of a token. */
export function hashToken(token: string): string {
  return `sha256$${createHash('sha256').update(token).digest('base64url')}`;
}

export async function hashPassword(password: string): Promise<string> {
  const salt = randomBytes(16);
  const hash = await derive(password, salt, LOG2_COST);
  return `scrypt$${LOG2_COST}$${salt.toString('base64url')}$${hash.toString('base64url')}`;
}

async function isPassword(password: string, stored: string): Promise<boolean> {
  const [kind, cost, salt, hash] = stored.split('$');
  const log2Cost = Number(cost);
  if (kind !== 'scrypt' || salt === undefined || hash === undefined || !(log2Cost >= 10 && log2Cost <= 20))
    return false;
  const expected = Buffer.from(hash, 'base64url');
  const derived = await derive(password, Buffer.from(salt, 'base64url'), log2Cost);
  return expected.length === derived.length && timingSafeEqual(expected, derived);
}

/** Of no password anyone has. */
const UNKNOWN = `scrypt$${LOG2_COST}$${'A'.repeat(22)}$${'A'.repeat(43)}`;

function derive(password: string, salt: Uint8Array, log2Cost: number): Promise<Buffer> {
  const options: ScryptOptions = { N: 2 ** log2Cost, r: 8, p: 1, maxmem: 256 * 2 ** log2Cost * 8 };
  return new Promise((resolve, reject) => {
    scrypt(password.normalize('NFKC'), salt, HASH_BYTES, options, (error, hash) =>
      error === null ? resolve(hash) : reject(error),
    );
  });
}

function isAccount(value: unknown): value is AccountRecord {
  if (typeof value !== 'object' || value === null || !('role' in value) || !('hash' in value)) return false;
  return isRole(value.role) && typeof value.hash === 'string';
}

function invalid(path: string, what: string, cause?: unknown): HoldfastError {
  return new HoldfastError(
    'configuration-invalid',
    `the accounts file ${path} ${what}; make one with: holdfast account set NAME --role operator --file ${path}`,
    { cause },
  );
}
