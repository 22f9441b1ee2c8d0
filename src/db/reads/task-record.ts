import { defineStatement } from '../statement.ts';
import { ordinalOf } from '../statements/rules/step-id.ts';

/** What a step has worked on, as JSON text, as far as it is not too much. */
export interface StepDocumentsRow {
  n: number;
  /** Null: it has no input of its own. */
  input_bytes: number | null;
  input: string | null;
  result_bytes: number | null;
  result: string | null;
}

/**
 * Inputs and results of the steps of a task that have any. A document of more than `most_bytes` has its length only, and so have all after the
 * first `most_in_all` bytes.
 */
export const listStepDocuments = defineStatement<StepDocumentsRow>()({
  name: 'list_step_documents',
  params: { task_id: 'bigint', most_bytes: 'integer', most_in_all: 'integer' },
  text: `
SELECT (${ordinalOf('d.workflow_step_id')})::integer AS n, d.input_bytes, d.result_bytes,
  CASE WHEN d.input_bytes <= :most_bytes AND d.so_far <= :most_in_all THEN d.input END AS input,
  CASE WHEN d.result_bytes <= :most_bytes AND d.so_far <= :most_in_all THEN d.result END AS result
FROM (
  SELECT x.*, sum(coalesce(x.input_bytes, 0) + coalesce(x.result_bytes, 0)) OVER (ORDER BY x.workflow_step_id) AS so_far
  FROM (
    SELECT s.workflow_step_id, s.inputs::text AS input, octet_length(s.inputs::text) AS input_bytes, s.results::text AS result,
      octet_length(s.results::text) AS result_bytes
    FROM tasker.tasker_workflow_steps s
    WHERE s.task_id = :task_id AND num_nonnulls(s.inputs, s.results) > 0
  ) x
) d
ORDER BY d.workflow_step_id`,
});
