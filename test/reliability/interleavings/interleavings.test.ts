import { afterAll, expect, it } from 'vitest';
import { useScenarios } from '../../interleavings/run-scenario.ts';
import { SCENARIOS } from '../../interleavings/scenarios.ts';
import { OPERATION_SCENARIOS } from '../../interleavings/scenarios/operations.ts';
import { TRIPLES } from '../../interleavings/scenarios/triples.ts';

const long = process.env['TASKER_TEST_LONG'] === '1';
/** In the long form: the maximum number of schedules of each pair, for runs of less than an hour. */
const maxSchedules = Number(process.env['TASKER_TEST_SCHEDULES'] ?? Infinity);
const seed = Number(process.env['TASKER_TEST_SEED'] ?? 1);

const scenarios = await useScenarios();
const total = { schedules: 0, left: 0, deadlocks: 0 };

afterAll(() => {
  console.log(`interleavings: ${JSON.stringify({ ...total, seed, long })}`);
});

/**
 * Long: every interleaving of every pair, and 200 of each triple and of what is made of many statements. Short: only these, which the quick suite does
 * not run.
 */
const runs = [
  ...(long ? SCENARIOS.map((scenario) => ({ scenario, limit: maxSchedules })) : []),
  ...OPERATION_SCENARIOS.map((scenario) => ({ scenario, limit: long ? Math.min(200, maxSchedules) : 6 })),
  ...TRIPLES.map((scenario) => ({
    scenario,
    limit: long ? Math.min(200, maxSchedules) : 10,
  })),
];

// A scenario that continued after its time-out would share its actors with the next one.
const timeout = long ? 24 * 3_600_000 : 600_000;

it.each(runs.map((run) => [run.scenario.name, run] as const))('%s', { timeout }, async (_, { scenario, limit }) => {
  const explored = await scenarios.run(scenario, { limit, seed });
  total.schedules += explored.schedules;
  total.left += explored.left;
  total.deadlocks += explored.deadlocks;
  if (long) console.log(`interleavings: ${scenario.name}: ${JSON.stringify(explored)}`);
  // One pair has four schedules in all.
  expect(explored.schedules).toBeGreaterThan(explored.left > 0 ? 5 : 3);
  if (limit === Infinity) expect(explored.left).toBe(0);
});
