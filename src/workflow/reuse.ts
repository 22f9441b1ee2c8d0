import { didYouMean } from './did-you-mean.ts';
import { preview } from './preview.ts';

/**
 * What a submit does if its identity belongs to a task already.
 *
 * | rule           | a new task is created if the present one     |
 * |----------------|----------------------------------------------|
 * | `never`        | (never)                                      |
 * | `afterFailure` | is in error or cancelled                     |
 * | `afterEnd`     | is complete, resolved, cancelled or in error |
 *
 * Otherwise the submit returns the present task. At any time at most one task of an identity is pending or in progress.
 */
export type ReuseRule = 'never' | 'afterFailure' | 'afterEnd';

/** When a submit may make a new task although its identity is taken. */
export interface ReuseOptions {
  /** When a submit of an identity that is taken creates a new task. Default `never`. */
  reuse?: ReuseRule;
  /** The time that must have passed since the present task ended (or went to error). 0 to 31,536,000 (a year), default 0. */
  reuseAfterSeconds?: number;
}

const RULES: readonly ReuseRule[] = ['never', 'afterFailure', 'afterEnd'];
export const MAX_REUSE_AFTER_SECONDS = 31_536_000;

/** The problem of a rule, as a phrase that follows its name; undefined: none. */
export function reuseProblem(value: unknown): string | undefined {
  if (RULES.includes(value as ReuseRule)) return undefined;
  return `is ${preview(value)}: it is one of ${RULES.join(', ')}${typeof value === 'string' ? didYouMean(value, RULES) : ''}`;
}

export function reuseAfterProblem(value: unknown): string | undefined {
  if (typeof value === 'number' && value >= 0 && value <= MAX_REUSE_AFTER_SECONDS) return undefined;
  return `is ${preview(value)}: it is a number of seconds from 0 to ${MAX_REUSE_AFTER_SECONDS}`;
}
