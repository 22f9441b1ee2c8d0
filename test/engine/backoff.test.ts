import { describe, expect, it } from 'vitest';
import { fail } from '../../src/engine/fail.ts';
import { backoffWindowSeconds } from '../../src/retry-policy.ts';
import { diamond, useEngine } from './engine-fixture.ts';

const engine = await useEngine();
const workflow = await engine.workflow(diamond);
const worker = await engine.worker();

/** Between the time that the retry is due and that of the transition, which is written a moment later. */
const PAUSE_SECONDS = 10;

describe('the wait that the database computes', () => {
  it.each([
    [1, 64, 100_000],
    [2, 64, 100_000],
    [5, 64, 100_000],
    [5, 64, 300],
    [1, 500, 300],
    [31, 64, 86_400],
    [1000, 86_400, 86_400],
  ])(
    'after attempt %i with a first wait of %i s and at most %i s is in the window that the policy says',
    async (attempts, initial, cap) => {
      await engine.submitOne(workflow);
      const [step] = await worker.claim(1);
      if (step === undefined) throw new Error('nothing was claimed');
      await engine.test.query(
        'UPDATE tasker.tasker_workflow_steps SET attempts = $2, retry_limit = $2 + 1 WHERE workflow_step_id = $1',
        [step.stepId, attempts],
      );
      await fail(engine.db, {
        workerId: worker.id,
        failures: [
          {
            ...step,
            permanent: false,
            backoffCapSeconds: cap,
            backoffInitialSeconds: initial,
            cause: 'fail',
            metadata: '{"error":{"name":"Error","message":"as the test wished"}}',
          },
        ],
      });
      const [row] = await engine.test.query<{ wait: number }>(
        `SELECT extract(epoch FROM s.next_retry_at - t.created_at)::float8 AS wait
       FROM tasker.tasker_workflow_steps s
       JOIN tasker.tasker_workflow_step_transitions t USING (task_id, workflow_step_id)
       WHERE s.workflow_step_id = $1 AND t.most_recent`,
        [step.stepId],
      );
      const window = backoffWindowSeconds(attempts, { initialSeconds: initial, maxSeconds: cap });
      expect(row?.wait).toBeGreaterThan(window.min - PAUSE_SECONDS);
      expect(row?.wait).toBeLessThanOrEqual(window.max);
    },
  );
});
