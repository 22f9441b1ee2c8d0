import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { arch, cpus, loadavg, platform, totalmem } from 'node:os';
import { join } from 'node:path';
import type { BenchDatabase } from './server.ts';
import type { Chart } from './charts.ts';

export interface Table {
  title: string;
  columns: readonly string[];
  rows: readonly (readonly (string | number)[])[];
}

export interface PartResult {
  tables: Table[];
  charts?: Chart[];
  /** Every single figure from which the tables are made. */
  data: unknown;
}

export function median(values: readonly number[]): number {
  return percentile(values, 50);
}

/** Nearest rank. NaN for no values. */
export function percentile(values: readonly number[], p: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil((p / 100) * sorted.length) - 1)] ?? NaN;
}

/** A median with the interval that contains that of all possible values with a probability of 95 %; it assumes nothing of how they are distributed. */
export interface Estimate {
  median: number;
  low: number;
  high: number;
}

/** Of independent values. Fewer than six have no such interval: it is from the least to the greatest, and contains the median less surely. */
export function estimate(values: readonly number[]): Estimate {
  const sorted = [...values].sort((a, b) => a - b);
  const n = sorted.length;
  // The number of values below the median is binomial: this many of each end may be left out as are outside with 2.5 % at most.
  let leftOut = 0;
  let chance = 0.5 ** n;
  for (let outside = chance; outside <= 0.025 && leftOut < n / 2; outside += chance) {
    leftOut += 1;
    chance *= (n - leftOut + 1) / leftOut;
  }
  const skipped = Math.max(0, leftOut - 1);
  const middle = n >> 1;
  const [below = NaN, above = NaN] =
    n % 2 === 0 ? sorted.slice(middle - 1, middle + 1) : [sorted[middle], sorted[middle]];
  return { median: (below + above) / 2, low: sorted[skipped] ?? NaN, high: sorted[n - 1 - skipped] ?? NaN };
}

/** Of ratios, as a change in percent: `-1.2 % (-2.0 to -0.3)`. */
export function changeText(ratios: readonly number[]): string {
  const percent = (ratio: number): string => {
    const value = round((ratio - 1) * 100, 1);
    return `${value > 0 ? '+' : ''}${value.toFixed(1)}`;
  };
  const { median: middle, low, high } = estimate(ratios);
  return `${percent(middle)} % (${percent(low)} to ${percent(high)})`;
}

export const round = (value: number, digits = 0): number => Number(value.toFixed(digits));

export function markdown({ title, columns, rows }: Table): string {
  const line = (cells: readonly (string | number)[]): string => `| ${cells.join(' | ')} |`;
  const format = (cell: string | number): string | number =>
    typeof cell === 'number' && Math.abs(cell) >= 1000 ? cell.toLocaleString('en-US') : cell;
  return [
    `**${title}**`,
    '',
    line(columns),
    line(columns.map((_, index) => (index === 0 ? '---' : '---:'))),
    ...rows.map((row) => line(row.map(format))),
  ].join('\n');
}

export async function describeMachine(db: BenchDatabase): Promise<Record<string, string | number>> {
  const [row] = await db.query<{ version: string }>('SELECT version()');
  return {
    when: new Date().toISOString(),
    commit: git('rev-parse', '--short', 'HEAD') + (git('status', '--porcelain', '-uno') === '' ? '' : ' with changes'),
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: cpus().length,
    memoryGb: round(totalmem() / 2 ** 30),
    system: `${platform()} ${arch()}`,
    node: process.version,
    postgresql: (row?.version ?? '').split(' ').slice(0, 2).join(' '),
    // More than a few tenths before the start means that other programs used the machine.
    loadAtStart: round(loadavg()[0] ?? 0, 2),
  };
}

function git(...args: string[]): string {
  try {
    return execFileSync('git', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  } catch {
    return 'unknown';
  }
}

export async function writeResult(
  folder: string,
  part: string,
  machine: Record<string, string | number>,
  result: PartResult,
  draw: boolean,
): Promise<void> {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, `${part}.json`), `${JSON.stringify({ part, machine, ...result }, null, 1)}\n`);
  writeFileSync(join(folder, `${part}.md`), `${result.tables.map(markdown).join('\n\n')}\n`);
  if (!draw || result.charts === undefined) return;
  const { drawChart } = await import('./charts.ts');
  for (const chart of result.charts) writeFileSync(join(folder, `${chart.name}.svg`), await drawChart(chart));
}
