import { afterAll, expect, it } from 'vitest';
import { useStage } from '../../interleavings/run-scenario.ts';
import { SCENARIOS, TRIPLES } from '../../interleavings/scenarios.ts';

const long = process.env['TASKER_TEST_LONG'] === '1';
/** In the long form: at most so many schedules of each pair, for a machine that has no hour to spare. */
const most = Number(process.env['TASKER_TEST_SCHEDULES'] ?? Infinity);
const seed = Number(process.env['TASKER_TEST_SEED'] ?? 1);

const stage = await useStage();
const total = { schedules: 0, left: 0, deadlocks: 0 };

afterAll(() => {
  console.log(`interleavings: ${JSON.stringify({ ...total, seed, long })}`);
});

/** Long: every interleaving of every pair, and 200 of each triple. Short: triples, which the quick suite does not have. */
const runs = [
  ...(long ? SCENARIOS.map((scenario) => ({ scenario, limit: most })) : []),
  ...TRIPLES.map((scenario) => ({ scenario, limit: long ? Math.min(200, most) : 10 })),
];

// One that went on after its time would share its actors with the next.
const timeout = long ? 24 * 3_600_000 : 600_000;

it.each(runs.map((run) => [run.scenario.name, run] as const))('%s', { timeout }, async (_, { scenario, limit }) => {
  const explored = await stage.run(scenario, { limit, seed });
  total.schedules += explored.schedules;
  total.left += explored.left;
  total.deadlocks += explored.deadlocks;
  if (long) console.log(`interleavings: ${scenario.name}: ${JSON.stringify(explored)}`);
  // One pair has four schedules in all.
  expect(explored.schedules).toBeGreaterThan(explored.left > 0 ? 5 : 3);
  if (limit === Infinity) expect(explored.left).toBe(0);
});
