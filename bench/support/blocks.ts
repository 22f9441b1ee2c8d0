/** What two arms differ by, from short windows in turns. */
import type { Estimate } from './report.ts';

/** The same numbers in every run. */
export function randomNumbers(seed = 42): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

/**
 * Four windows of which the outer two are one arm and the inner two the other: what drifts evenly is in both alike. Which is outside is drawn, so
 * that nothing that comes at regular times meets one of them more often.
 */
export function blockOf<Arm>(a: Arm, b: Arm, random: () => number): readonly Arm[] {
  return random() < 0.5 ? [a, b, b, a] : [b, a, a, b];
}

const DRAWS = 2000;

/** A figure of blocks, and between what it lies in 95 of 100 samples that are drawn from them with repetition (bootstrap). Fewer than six say nothing about that. */
export function bootstrap<Block>(blocks: readonly Block[], figureOf: (blocks: readonly Block[]) => number): Estimate {
  const whole = figureOf(blocks);
  if (blocks.length < 6) return { median: whole, low: Number.NEGATIVE_INFINITY, high: Number.POSITIVE_INFINITY };
  const random = randomNumbers(7);
  const drawn = Array.from({ length: DRAWS }, () =>
    figureOf(blocks.map(() => blocks[Math.floor(random() * blocks.length)] as Block)),
  ).toSorted((a, b) => a - b);
  return {
    median: whole,
    low: drawn[Math.floor(DRAWS * 0.025)] as number,
    high: drawn[Math.ceil(DRAWS * 0.975) - 1] as number,
  };
}

/** The mean of the middle half: a block in which the machine did something else has no weight, and all others more than in a median. */
export function middleMean(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const quarter = Math.floor(sorted.length / 4);
  const middle = sorted.slice(quarter, sorted.length - quarter);
  return middle.reduce((sum, value) => sum + value, 0) / middle.length;
}

/** `-1.2 % (-2.0 to -0.3)`. */
export function percentText({ median, low, high }: Estimate, digits = 1): string {
  const text = (change: number): string => {
    if (!Number.isFinite(change)) return '?';
    const value = Number((change * 100).toFixed(digits));
    return `${value > 0 ? '+' : ''}${value.toFixed(digits)}`;
  };
  return `${text(median)} % (${text(low)} to ${text(high)})`;
}
