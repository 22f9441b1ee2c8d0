import { describe, expect, it } from 'vitest';
import { inSlices } from '../../src/api/layouts.ts';
import type { GraphStep } from '../../src/workflow/layout/graph.ts';
import { type Layout, layOut } from '../../src/workflow/layout/layout.ts';
import { expectSound, many, step } from '../workflow/laid-out.ts';

const STEPS = 5000;
/** The same on every run. */
function randomly(seed: number): () => number {
  let state = seed;
  return () => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647;
}
const random = randomly(7);
const SHAPES: Record<string, GraphStep[]> = {
  'a chain of which every 10th step feeds the last': many(STEPS, (i) =>
    step(`s${i}`, ...(i === 0 ? [] : i === STEPS - 1 ? many(500, () => step('')).map((_, n) => n * 10 + 1) : [i])),
  ),
  '1,000 lines of five steps between two': [
    step('first'),
    ...many(4995, (i) => step(`s${i}`, i < 999 ? 1 : i - 999 + 2)),
    step('last', ...many(999, () => step('')).map((_, n) => 4995 - 999 + n + 2)),
  ],
  '50 layers of 100, each step with three parents': many(STEPS, (i) =>
    i < 100
      ? step(`s${i}`)
      : step(
          `s${i}`,
          ...new Set(
            many(3, () => step('')).map(() => (Math.floor(i / 100) - 1) * 100 + Math.floor(random() * 100) + 1),
          ),
        ),
  ),
};

describe(`${STEPS} steps`, () => {
  it.each(Object.entries(SHAPES))('%s', (_name, steps) => {
    const work = layOut(steps);
    let layout: Layout | undefined;
    let longest = 0;
    let total = 0;
    while (layout === undefined) {
      const before = process.cpuUsage();
      const portion = work.next();
      const { user, system } = process.cpuUsage(before);
      const seconds = (user + system) / 1e6;
      longest = Math.max(longest, seconds);
      total += seconds;
      if (portion.done === true) layout = portion.value;
    }
    expectSound(layout);
    // Some hundred milliseconds in all on an idle machine; other tests share the processors.
    expect(total).toBeLessThan(2.5);
    expect(longest).toBeLessThan(0.25);
  });

  it('are computed in portions, between which other work goes on', async () => {
    let turns = 0;
    const timer = setInterval(() => (turns += 1), 1);
    await inSlices(layOut(Object.values(SHAPES)[2] as GraphStep[]), 1);
    clearInterval(timer);
    expect(turns).toBeGreaterThan(5);
  });
});
