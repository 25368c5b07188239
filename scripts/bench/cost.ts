/**
 * Cost: what one piece of work took, and what a workload found: costs of every tool in every
 * round, and its targets. Plain data, written out as JSON just as it is.
 */

export interface Cost {
  readonly wallSeconds: number;
  /** Of the tool alone; for Holdfast of all its processes together. */
  readonly cpuSeconds: number;
  /** Of the largest process. */
  readonly peakMiB: number;
  /** Sent to the store, by method. */
  readonly requests: Readonly<Record<string, number>>;
  /** Bodies sent to the store. */
  readonly sentBytes: number;
  /** Holdfast only: what it stands on, and each of its processes. */
  readonly fleet?: {
    readonly databaseCpuSeconds: number;
    readonly queueCpuSeconds: number;
    readonly statements: number;
    readonly peakMiB: Readonly<Record<string, number>>;
    readonly cpuSecondsOf: Readonly<Record<string, number>>;
  };
}

/** One tool's costs, a round each. */
export interface Series {
  readonly tool: string;
  /** Files or names that one round is about. */
  readonly files: number;
  readonly costs: readonly Cost[];
}

export interface Target {
  readonly workload: string;
  readonly text: string;
  readonly measured: number;
  readonly limit: number;
  /** Whether the figure must be at least the limit, or at most. */
  readonly wants: 'least' | 'most';
  readonly unit: string;
}

export interface Finding {
  /** W1 to W11. */
  readonly id: string;
  readonly title: string;
  /** What was measured and how, where the table does not say it. */
  readonly conditions: readonly string[];
  readonly series: readonly Series[];
  readonly targets: readonly Target[];
}

export function isMet({ measured, limit, wants }: Target): boolean {
  return wants === 'least' ? measured >= limit : measured <= limit;
}

export function median(values: readonly number[]): number {
  return percentile(values, 0.5);
}

/** Between neighbours it is interpolated. @returns NaN of nothing. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (sorted.length - 1) * share;
  const below = sorted[Math.floor(at)] ?? Number.NaN;
  const above = sorted[Math.ceil(at)] ?? Number.NaN;
  return below + (above - below) * (at - Math.floor(at));
}

export function wallOf({ costs }: Series): number {
  return median(costs.map((cost) => cost.wallSeconds));
}

export function cpuOf({ costs }: Series): number {
  return median(costs.map((cost) => cost.cpuSeconds));
}

export function requestsOf({ costs, files }: Series): number {
  return median(costs.map((cost) => totalOf(cost.requests))) / files;
}

export function totalOf(requests: Readonly<Record<string, number>>): number {
  return Object.values(requests).reduce((sum, count) => sum + count, 0);
}

/** Collects the rounds of several tools, in the order in which they first ran. */
export class Rounds {
  readonly #costs = new Map<string, { files: number; costs: Cost[] }>();

  add(tool: string, files: number, cost: Cost): void {
    const known = this.#costs.get(tool) ?? { files, costs: [] };
    known.costs.push(cost);
    this.#costs.set(tool, known);
    process.stdout.write(`  ${tool.padEnd(40)} ${describe(cost, files)}\n`);
  }

  get series(): readonly Series[] {
    return [...this.#costs].map(([tool, { files, costs }]) => ({ tool, files, costs }));
  }

  /** @returns null when that tool is not here. */
  of(tool: string): Series | null {
    return this.series.find((series) => series.tool === tool) ?? null;
  }
}

function describe({ wallSeconds, cpuSeconds, requests, fleet }: Cost, files: number): string {
  const parts = [
    `${wallSeconds.toFixed(2).padStart(8)} s wall ${cpuSeconds.toFixed(2).padStart(8)} s CPU`,
    `${(totalOf(requests) / files).toFixed(2)} requests/file`,
  ];
  if (fleet !== undefined) {
    const apps = Object.entries(fleet.cpuSecondsOf).map(([app, seconds]) => `${app} ${seconds.toFixed(2)}`);
    parts.push(
      `${(fleet.statements / files).toFixed(2)} statements/file`,
      `${apps.join(', ')}, database ${fleet.databaseCpuSeconds.toFixed(2)}, queue ${fleet.queueCpuSeconds.toFixed(2)}`,
    );
  }
  return parts.join('; ');
}
