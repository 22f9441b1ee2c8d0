import type { RunTiming } from './reports.ts';
import { type BusinessResult, type Check, counts, type Findings } from './checks.ts';

export interface SummaryInput {
  findings: Findings;
  timing: RunTiming;
  business: BusinessResult;
  checks: readonly Check[];
  /** Processes that died and were started again. */
  restarts: number;
  /** Everything had ended before this run began. */
  wasFinished: boolean;
}

/** The summary as lines of text. */
export function summaryLines({ findings, timing, business, checks, restarts, wasFinished }: SummaryInput): string[] {
  const { summary } = findings;
  const { ready_to_start: waits } = timing;
  const rate = timing.seconds > 0 ? timing.completed_steps / timing.seconds : 0;
  const failed = checks.filter((each) => !each.ok);
  return [
    wasFinished ? 'Summary of the run that ended earlier' : 'Summary',
    ...table([
      ['tasks', counts(summary.tasks)],
      ['steps', counts(summary.steps)],
      ['attempts', `${grouped(summary.attempts)}, of which retries ${grouped(summary.retries)}`],
      [
        'speed',
        `${grouped(Math.round(rate))} steps/s (${grouped(timing.completed_steps)} in ${timing.seconds.toFixed(1)} s)`,
      ],
      [
        'ready to start',
        waits === null
          ? 'no step started'
          : `p50 ${duration(waits.p50)}, p95 ${duration(waits.p95)}, p99 ${duration(waits.p99)}, longest ${duration(waits.max)}`,
      ],
      ...(restarts > 0 ? [['restarts', `${restarts} of processes that died`] as const] : []),
    ]),
    '',
    'Business result',
    ...table([
      ['revenue', `${money(business.revenue)} USD over ${grouped(business.orders)} orders, before refusals`],
      ['charged', `${money(business.charged)} USD`],
      ['refused', `${money(business.refused)} USD`],
      ['rounding', `${business.rounding} USD: each order is charged in whole cents`],
      ['shipped', `${grouped(business.shipped_units)} units, ${grouped(business.backordered_units)} to follow`],
    ]),
    '',
    `Checks: ${failed.length === 0 ? `all ${checks.length} as expected` : `${failed.length} of ${checks.length} FAILED`}`,
    ...checks.map((each) =>
      each.ok
        ? `  ok      ${each.name}: ${each.actual}${each.actual === each.expected ? '' : ` (expected ${each.expected})`}`
        : `  FAILED  ${each.name}: expected ${each.expected}, found ${each.actual}`,
    ),
  ];
}

function table(rows: readonly (readonly [string, string])[]): string[] {
  return rows.map(([name, value]) => `  ${name.padEnd(16)}${value}`);
}

/** 1234567 -> '1,234,567' */
export function grouped(value: number): string {
  return value.toLocaleString('en-US');
}

/** '1265793.04' -> '1,265,793.04' */
function money(text: string): string {
  const [whole, decimals] = text.split('.');
  return `${Number(whole).toLocaleString('en-US')}.${decimals}`;
}

function duration(seconds: number): string {
  if (seconds < 0.01) return `${(seconds * 1000).toFixed(1)} ms`;
  return seconds < 1 ? `${Math.round(seconds * 1000)} ms` : `${seconds.toFixed(2)} s`;
}
