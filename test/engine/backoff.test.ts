import fc from '../support/fast-check.ts';
import { describe, expect, it } from 'vitest';
import { defineStatement, rows } from '../../src/db/statement.ts';
import { backoffSeconds, isExhausted, mayRetry } from '../../src/db/statements/rules/retry.ts';
import { fail } from '../../src/engine/fail.ts';
import { backoffWindowSeconds, canRetry, MAX_REQUESTED_BACKOFF_SECONDS } from '../../src/retry-policy.ts';
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

/** The rule of rules/retry.ts for failures that are given, and not those of steps. */
const decide = defineStatement<{ wait: number; retried: boolean; exhausted: boolean }>()({
  name: 'decide_retries',
  params: {
    failures: rows({
      attempts: 'integer',
      retry_limit: 'integer',
      retryable: 'boolean',
      permanent: 'boolean',
      initial_seconds: 'float8',
      cap_seconds: 'float8',
      requested_seconds: 'float8 | null',
      factor: 'float8',
    }),
  },
  text: `
SELECT ${backoffSeconds('f', 'f', 'f.factor')} AS wait, ${mayRetry('f', 'f')} AS retried, ${isExhausted('f', 'f')} AS exhausted
FROM :failures WITH ORDINALITY AS f
ORDER BY f.ordinality`,
});

const failures = fc.array(
  fc.record({
    attempts: fc.oneof(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 2_000_000_000 })),
    retry_limit: fc.integer({ min: 0, max: 40 }),
    retryable: fc.boolean(),
    permanent: fc.boolean(),
    initial_seconds: fc.double({ min: 0.001, max: 86_400, noNaN: true }),
    cap_seconds: fc.double({ min: 0.001, max: 2_592_000, noNaN: true }),
    requested_seconds: fc.option(fc.double({ min: 0, max: MAX_REQUESTED_BACKOFF_SECONDS, noNaN: true })),
    factor: fc.constantFrom(0, 1),
  }),
  { minLength: 1, maxLength: 200 },
);

describe('the rule in SQL and in TypeScript', () => {
  it('have the same windows, and try the same steps again', async () => {
    await fc.assert(
      fc.asyncProperty(failures, async (given) => {
        const decided = await engine.db.run(decide, { failures: given });
        expect(decided).toHaveLength(given.length);
        for (const [index, failure] of given.entries()) {
          const { wait, retried, exhausted } = decided[index] as (typeof decided)[number];
          const window = backoffWindowSeconds(failure.attempts, {
            initialSeconds: failure.initial_seconds,
            maxSeconds: failure.cap_seconds,
            requestedSeconds: failure.requested_seconds ?? undefined,
            disabled: failure.factor === 0,
          });
          // Sixteen digits of a double are not more than that.
          expect(wait).toBeGreaterThanOrEqual(window.min * (1 - 1e-12));
          expect(wait).toBeLessThanOrEqual(window.max * (1 + 1e-12));
          const { attempts, retry_limit: retryLimit, retryable, permanent } = failure;
          expect(retried).toBe(canRetry({ attempts, retryLimit, retryable, permanent }));
          expect(exhausted).toBe(!retried);
        }
      }),
      { numRuns: 25 },
    );
  });
});
