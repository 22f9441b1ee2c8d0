import { statement } from '../../statement.ts';

/**
 * Worker ids are random, from 2^52 to 2^53 - 1: exact as JSON numbers. Versions before migration 0016 took them from a sequence,
 * which never reaches this.
 */
export const FIRST_RANDOM_WORKER_ID = 2n ** 52n;

/**
 * The steps, of those given, that a process of such a version claimed before: they keep its form of idempotency keys.
 * Parameters: task ids, step ids. Reads the few rows of each step's history by the primary key.
 */
export const findEarlierKeys = statement<{ workflow_step_id: string }>(
  'find_earlier_keys',
  `
SELECT i.workflow_step_id
FROM unnest($1::bigint[], $2::bigint[]) AS i (task_id, workflow_step_id)
WHERE (
  SELECT true
  FROM tasker.tasker_workflow_step_transitions h
  WHERE h.task_id = i.task_id AND h.workflow_step_id = i.workflow_step_id AND h.cause = 'claim'
    AND h.worker_id < ${FIRST_RANDOM_WORKER_ID}
  LIMIT 1)`,
);
