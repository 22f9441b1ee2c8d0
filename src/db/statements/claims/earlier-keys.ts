import { defineStatement, rows } from '../../statement.ts';

/**
 * Worker ids are random, from 2^52 to 2^53 - 1: exact as JSON numbers. Versions before migration 0016 took them from a sequence,
 * which never reaches this.
 */
export const FIRST_RANDOM_WORKER_ID = 2n ** 52n;

/**
 * Of these steps, those that a process of such a version claimed before: they keep its form of idempotency keys. Reads the few rows of
 * each step's history by the primary key.
 */
export const findEarlierKeys = defineStatement<{ workflow_step_id: string }>()({
  name: 'find_earlier_keys',
  params: { steps: rows({ task_id: 'bigint', workflow_step_id: 'bigint' }) },
  text: `
SELECT i.workflow_step_id
FROM :steps AS i
WHERE (
  SELECT true
  FROM tasker.tasker_workflow_step_transitions h
  WHERE h.task_id = i.task_id AND h.workflow_step_id = i.workflow_step_id AND h.cause = 'claim'
    AND h.worker_id < ${FIRST_RANDOM_WORKER_ID}
  LIMIT 1)`,
});
