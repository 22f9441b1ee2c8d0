import { expect } from 'vitest';
import type { Database } from '../../../src/db/connections/database.ts';
import { examine } from '../../../src/db/doctor/examine.ts';
import type { TestDatabase } from '../../support/test-database.ts';
import { readEffects } from '../support/effects.ts';

export interface HealedCounts {
  steps: number;
  attempts: number;
  crashes: number;
  effects: number;
}

/**
 * Expects what must hold once everything has healed: every invariant; no step is open or missing; no attempt had its effect twice;
 * each complete step had the effect of its last attempt; and an attempt without an effect belonged to a process that crashed.
 */
export async function expectHealed(
  test: TestDatabase,
  db: Database,
  options: { taskIds: readonly string[]; effectsFile: string },
): Promise<HealedCounts> {
  expect(await examine(db)).toEqual([]);
  const steps = await test.query<{ task: string; step: string; state: string; attempts: number; crashes: number }>(
    `SELECT s.task_id AS task, n.name AS step, s.state, s.attempts,
       (SELECT count(*)::integer FROM tasker.tasker_workflow_step_transitions t
        WHERE t.task_id = s.task_id AND t.workflow_step_id = s.workflow_step_id AND t.cause = 'lease_expired') AS crashes
     FROM tasker.tasker_workflow_steps s JOIN tasker.tasker_named_steps n USING (named_step_id)
     WHERE s.task_id = ANY ($1::bigint[])`,
    [options.taskIds],
  );
  expect(steps).toHaveLength(options.taskIds.length * 4);
  const effects = readEffects(options.effectsFile);
  const counts = { steps: steps.length, attempts: 0, crashes: 0, effects: 0 };
  for (const { task, step, state, attempts, crashes } of steps) {
    const seen = effects.filter((effect) => effect.task === task && effect.step === step).map(({ attempt }) => attempt);
    const where = `task ${task} step ${step} (${state}, ${attempts} attempts, ${crashes} crashes, effects of ${seen})`;
    expect(new Set(seen).size, `${where}: an attempt had its effect twice`).toBe(seen.length);
    expect(seen.length, `${where}: an effect without an attempt`).toBeLessThanOrEqual(attempts);
    expect(seen.length, `${where}: an attempt without an effect and without a crash`).toBeGreaterThanOrEqual(
      attempts - crashes,
    );
    if (state === 'complete') expect(seen, where).toContain(attempts);
    // c fails at its first attempt, unless its process crashed before.
    const own = attempts - crashes;
    const ownAttempts =
      state === 'pending' ? [0] : step === 'c' && state === 'complete' ? (crashes > 0 ? [1, 2] : [2]) : [1];
    expect(ownAttempts, `${where}: attempts without a reason`).toContain(own);
    counts.attempts += attempts;
    counts.crashes += crashes;
    counts.effects += seen.length;
  }
  return counts;
}
