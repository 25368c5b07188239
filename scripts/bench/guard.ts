/**
 * Guard: counts that do not drift with the machine, against committed limits: requests and
 * statements per file, bytes per row. Times are never compared here.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Cost, type Finding, median, totalOf } from './cost.ts';

const LIMITS = join(import.meta.dirname, 'limits.json');

export interface Count {
  /** As in `limits.json`. */
  readonly key: string;
  readonly measured: number;
}

/** Of Holdfast in these findings: `<workload> <tool>: <what>`. */
export function countsOf(findings: readonly Finding[]): readonly Count[] {
  return findings.flatMap(({ id, title, series, targets }) => [
    ...series.flatMap(({ tool, files, costs }) => {
      if (costs.every((cost) => cost.fleet === undefined)) return [];
      const middle = (pick: (cost: Cost) => number): number => median(costs.map(pick)) / files;
      const name = `${id} ${title}, ${tool}`;
      const statements = middle((cost) => cost.fleet?.statements ?? Number.NaN);
      const requests = middle((cost) => totalOf(cost.requests));
      return [
        { key: `${name}: statements per file`, measured: statements },
        ...(requests > 0 ? [{ key: `${name}: requests per file`, measured: requests }] : []),
      ];
    }),
    ...targets
      .filter(({ unit }) => unit === 'bytes')
      .map(({ workload, text, measured }) => ({ key: `${workload}: ${text}`, measured })),
  ]);
}

/** Says every count with its limit. @returns whether all are within theirs; one without a limit is not. */
export async function holds(counts: readonly Count[]): Promise<boolean> {
  const limits = JSON.parse(await readFile(LIMITS, 'utf8')) as Record<string, number>;
  let allHold = true;
  for (const { key, measured } of counts) {
    const limit = limits[key];
    const isWithin = limit !== undefined && measured <= limit;
    allHold &&= isWithin;
    const verdict = isWithin ? 'within' : limit === undefined ? 'HAS NO LIMIT' : 'ABOVE';
    process.stdout.write(
      `${verdict.padEnd(12)} ${measured.toFixed(3).padStart(10)} of ${String(limit).padStart(7)}  ${key}\n`,
    );
  }
  return allHold;
}
