// Who runs PostgreSQL. The server refuses to run as root, so root has to hand
// it to somebody else, and that somebody has to reach the data and the
// binaries. In order of preference:
//   self        we are not root: run it as we are
//   user        root: an existing unprivileged user, when it may enter every
//               folder above data and binaries
//   namespace   root below a private folder (a 0700 home): a user namespace in
//               which root carries another number; the files stay root's
// A cluster keeps the account that made it, since its files belong to it.

import {
  chmodSync,
  cpSync,
  lstatSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { findOnPath, runQuietly } from './processes.ts';
import { ServiceError } from './service-error.ts';

export type PostgresAccount =
  | { readonly kind: 'self' }
  | { readonly kind: 'user'; readonly name: string; readonly uid: number; readonly gid: number }
  | { readonly kind: 'namespace'; readonly unshare: string; readonly uid: number };

interface PasswdEntry {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

/** Picks the account for a data folder; `clusterOwner` is the owner of an existing cluster. */
export function choosePostgresAccount(dataDir: string, clusterOwner: number | null): PostgresAccount {
  const me = process.getuid?.() ?? -1;
  if (me !== 0) {
    if (clusterOwner !== null && clusterOwner !== me && me !== -1) {
      throw new ServiceError(
        'not-owner',
        `The database in ${dataDir} belongs to user number ${clusterOwner}, not to you (${me}): run Holdfast as root or as that user, or choose another data folder.`,
      );
    }
    return { kind: 'self' };
  }
  if (clusterOwner === 0) return namespaceAccount() ?? refuse(dataDir, dataDir);
  const user = clusterOwner === null ? pickUser() : userByNumber(clusterOwner);
  const blocked = user === null ? dataDir : firstUnsearchable(dirname(dataDir), user);
  if (user !== null && blocked === null) return { kind: 'user', ...user };
  // A cluster of another user cannot be opened from a namespace: it would belong to nobody there.
  const namespace = clusterOwner === null ? namespaceAccount() : null;
  return namespace ?? refuse(dataDir, blocked ?? dataDir);
}

function refuse(dataDir: string, blocked: string): never {
  throw new ServiceError(
    'folder-not-searchable',
    `PostgreSQL cannot run as root, and no unprivileged user may enter ${blocked}, which is above the data folder ${dataDir}: ` +
      `run "chmod o+x ${blocked}", or choose a data folder elsewhere (for example below /var/lib), or set DATABASE_URL.`,
  );
}

/** Where the account can execute the binaries: in place, or a copy outside a private folder. */
export function reachableBinaries(native: string, version: string, account: PostgresAccount): string {
  if (account.kind !== 'user' || firstUnsearchable(join(native, 'bin'), account) === null) return native;
  const copy = join(tmpdir(), `holdfast-postgres-${version}-${process.arch}`);
  if (isOurs(copy)) return copy;
  // Nobody else may own or fill the folder we execute from, so it is built under a fresh name and moved.
  const fresh = mkdtempSync(`${copy}.`);
  cpSync(native, fresh, { recursive: true, verbatimSymlinks: true });
  chmodSync(fresh, 0o755);
  try {
    renameSync(fresh, copy);
    return copy;
  } catch {
    if (!isOurs(copy)) return fresh;
    rmSync(fresh, { recursive: true, force: true });
    return copy;
  }
}

function isOurs(folder: string): boolean {
  try {
    const stat = lstatSync(folder);
    return stat.isDirectory() && stat.uid === process.getuid?.() && (stat.mode & 0o022) === 0;
  } catch {
    return false;
  }
}

/** The topmost folder on the way that the user may not enter, or null. */
function firstUnsearchable(folder: string, user: PasswdEntry): string | null {
  const above = dirname(folder);
  if (above !== folder) {
    const blocked = firstUnsearchable(above, user);
    if (blocked !== null) return blocked;
  }
  let stat: ReturnType<typeof statSync>;
  try {
    stat = statSync(folder);
  } catch {
    return null; // Not there yet: we shall create it open enough.
  }
  const bit = stat.uid === user.uid ? 0o100 : stat.gid === user.gid ? 0o010 : 0o001;
  return (stat.mode & bit) === 0 ? folder : null;
}

function namespaceAccount(): PostgresAccount | null {
  const unshare = process.platform === 'linux' ? findOnPath('unshare') : null;
  const user = pickUser();
  if (unshare === null || user === null) return null;
  // Containers often forbid it, so it is tried rather than guessed.
  const probe = runQuietly(unshare, ['--user', `--map-user=${user.uid}`, '--', 'id', '-u'], {
    timeoutMs: 5000,
  });
  return probe.code === 0 && probe.output === String(user.uid)
    ? { kind: 'namespace', unshare, uid: user.uid }
    : null;
}

function pickUser(): PasswdEntry | null {
  const users = readPasswd();
  for (const name of ['postgres', 'nobody']) {
    const user = users.find((candidate) => candidate.name === name && candidate.uid !== 0);
    if (user) return user;
  }
  return null;
}

function userByNumber(uid: number): PasswdEntry | null {
  return readPasswd().find((user) => user.uid === uid) ?? null;
}

function readPasswd(): PasswdEntry[] {
  let text = '';
  try {
    text = readFileSync('/etc/passwd', 'utf8');
  } catch {
    return [];
  }
  return text.split('\n').flatMap((line) => {
    const [name, , uid, gid] = line.split(':');
    return name && uid && gid ? [{ name, uid: Number(uid), gid: Number(gid) }] : [];
  });
}
