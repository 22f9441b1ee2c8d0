import { expect, it } from 'vitest';
import { useScenarios } from './run-scenario.ts';
import { SCENARIOS } from './scenarios.ts';

const scenarios = await useScenarios();

/** A few interleavings of each pair, the same every time; test/reliability/interleavings runs all of them. */
const LIMIT = 5;
const SEED = 20_260;

it.each(SCENARIOS.map((scenario) => [scenario.name, scenario] as const))('%s', async (_, scenario) => {
  const { schedules } = await scenarios.run(scenario, { limit: LIMIT, seed: SEED });
  expect(schedules).toBeGreaterThan(1);
});
