/**
 * Processes: what running processes cost, read from the kernel. Processor time counts a whole
 * tree with the children it has reaped; memory is the largest resident set of one process.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';

/** The kernel's unit of processor time on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100;
const SAMPLE_MS = 50;

interface ProcessStat {
  readonly pid: number;
  readonly parent: number;
  readonly ticks: number;
}

/** Seconds of processor time that these processes and all below them took until now. */
export async function cpuSeconds(roots: readonly number[]): Promise<number> {
  const stats = await readAll();
  const counted = new Set(roots);
  let found = true;
  while (found) {
    found = false;
    for (const { pid, parent } of stats.values()) {
      if (counted.has(pid) || !counted.has(parent)) continue;
      counted.add(pid);
      found = true;
    }
  }
  let ticks = 0;
  for (const pid of counted) ticks += stats.get(pid)?.ticks ?? 0;
  return ticks / TICKS_PER_SECOND;
}

/** Processor time of the children that this process has waited for. */
async function reapedSeconds(): Promise<number> {
  const fields = statFields(await readFile('/proc/self/stat', 'utf8'));
  return (Number(fields[13]) + Number(fields[14])) / TICKS_PER_SECOND;
}

/** The fields after the command, which stands in parentheses and may hold anything. */
function statFields(stat: string): readonly string[] {
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
}

async function readAll(): Promise<ReadonlyMap<number, ProcessStat>> {
  const stats = new Map<number, ProcessStat>();
  for (const entry of await readdir('/proc')) {
    const pid = Number(entry);
    if (!Number.isInteger(pid)) continue;
    const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => null);
    if (text === null) continue;
    const fields = statFields(text);
    const ticks = [11, 12, 13, 14].reduce((sum, index) => sum + Number(fields[index]), 0);
    stats.set(pid, { pid, parent: Number(fields[1]), ticks });
  }
  return stats;
}

/** Forgets the peak of a process, so that the next reading is of what follows. */
export async function resetPeak(pid: number): Promise<void> {
  await writeFile(`/proc/${pid}/clear_refs`, '5');
}

/** Largest resident set of one process since its start or the last reset, MiB; 0 when it has ended. */
export async function peakMiB(pid: number): Promise<number> {
  return statusMiB(pid, 'VmHWM');
}

/** Resident set of one process now, MiB. */
export async function residentMiB(pid: number): Promise<number> {
  return statusMiB(pid, 'VmRSS');
}

async function statusMiB(pid: number, field: string): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  return Number(new RegExp(`${field}:\\s+(\\d+) kB`).exec(status)?.[1] ?? 0) / 1024;
}

export interface CommandCost {
  readonly wallSeconds: number;
  readonly cpuSeconds: number;
  readonly peakMiB: number;
}

/** Runs a command that must succeed, and says what it cost. */
export async function runCommand(
  command: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<CommandCost> {
  const before = await reapedSeconds();
  const startedAt = performance.now();
  const child = spawn(command, args, {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const said: Buffer[] = [];
  child.stderr.on('data', (chunk: Buffer) => said.push(chunk));
  const exit = once(child, 'exit') as Promise<[number | null]>;
  let peak = 0;
  let isRunning = true;
  const sampling = (async () => {
    while (isRunning && child.pid !== undefined) {
      peak = Math.max(peak, await peakMiB(child.pid));
      await delay(SAMPLE_MS);
    }
  })();
  const [code] = await exit;
  const wallSeconds = (performance.now() - startedAt) / 1_000;
  isRunning = false;
  await sampling;
  const cpu = (await reapedSeconds()) - before;
  if (code !== 0) {
    const tail = Buffer.concat(said).toString().slice(-2_000);
    throw new Error(`${command} ${args.join(' ')} exited ${code}: ${tail}`);
  }
  return { wallSeconds, cpuSeconds: cpu, peakMiB: peak };
}
