/**
 * Settle: after users and faults have stopped, waits until the fleet says that every pair is quiet
 * and that a further look decides nothing; what does not come to rest is stuck.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import type { Finding } from './findings.ts';
import type { Fleet } from './fleet.ts';
import type { Journal } from './journal.ts';
import { answerHeldDeletes } from './operator.ts';

interface SyncResult {
  readonly files: number;
  readonly problems: number;
}

/** Beyond the last late look at a displaced file, and the backoff of what failed often. */
const DEADLINE_MS = 300_000;
const ROUND_TIMEOUT = '120s';
const PAUSE_MS = 1_500;

export async function settle(
  fleet: Fleet,
  pairs: readonly string[],
  databaseUrl: string,
  journal: Journal,
  tell: (text: string) => void,
): Promise<Finding[]> {
  const deadline = Date.now() + DEADLINE_MS;
  const findings: Finding[] = [];
  const open = new Map<string, string>();
  for (let round = 1; ; round += 1) {
    open.clear();
    tell(`round ${round}: waiting until all is quiet`);
    await Promise.all(
      pairs.map(async (pair) => {
        const why = await syncOnce(fleet, pair);
        if (why !== null) open.set(pair, why);
      }),
    );
    const looks = await pendingLooks(databaseUrl);
    journal.note('settling', { round, open: Object.fromEntries(open), looks });
    if (open.size === 0 && looks === 0) return findings;
    if (Date.now() > deadline) break;
    await sleep(PAUSE_MS);
  }
  for (const [pair, why] of open) {
    findings.push({ kind: 'stuck', pair, text: `does not come to rest: ${why}`, names: [] });
  }
  const looks = await pendingLooks(databaseUrl);
  if (looks > 0) {
    findings.push({
      kind: 'stuck',
      pair: null,
      text: `${looks} late looks at displaced files are due`,
      names: [],
    });
  }
  return findings;
}

/** @returns null when the pair is quiet, has no problem and this sync moved nothing; else why not. */
async function syncOnce(fleet: Fleet, pair: string): Promise<string | null> {
  const { code, stdout, stderr } = await fleet.cli(
    'sync',
    pair,
    '--wait',
    '--timeout',
    ROUND_TIMEOUT,
    '--json',
  );
  if (code !== 0) return stderr.trim() || `sync ended with ${code}`;
  // Users of a run delete much in little time: this was meant.
  const held = await answerHeldDeletes(fleet, pair, 'approve');
  if (held.length > 0) return `${held.length} deletes were held`;
  const { files, problems } = JSON.parse(stdout) as SyncResult;
  if (problems > 0) {
    const shown = await fleet.cli('problems', pair);
    return `${problems} problems: ${shown.stdout.trim().replaceAll(/\s+/g, ' ').slice(0, 600)}`;
  }
  return files > 0 ? `${files} files were still on their way` : null;
}

async function pendingLooks(databaseUrl: string): Promise<number> {
  const client = new pg.Client({ connectionString: databaseUrl });
  client.on('error', () => undefined);
  await client.connect();
  try {
    const { rows } = await client.query<{ count: string }>(
      'SELECT count(*) AS count FROM recovery_pointer WHERE look_again_at IS NOT NULL',
    );
    return Number(rows[0]?.count ?? 0);
  } finally {
    await client.end();
  }
}
