import { ordinalOf } from './step-id.ts';

/**
 * The results of the parents of a step, by their ordinal in the workflow, as JSON text; NULL for a root. `step`: a row with the key.
 *
 * Made of texts, as jsonb_object_agg would write them: that function takes time by the square of the number of keys that a result has, in
 * PostgreSQL 18.4 half a minute for 100,000 keys, and 3 us more for each step.
 */
export const parentResults = (step: string): string => `(
    SELECT '{' || string_agg('"' || (${ordinalOf('e.from_step_id')}) || '": ' || coalesce(p.results::text, 'null'), ', ' ORDER BY e.from_step_id) || '}'
    FROM tasker.tasker_workflow_step_edges e
    JOIN tasker.tasker_workflow_steps p ON p.task_id = e.task_id AND p.workflow_step_id = e.from_step_id
    WHERE e.task_id = ${step}.task_id AND e.to_step_id = ${step}.workflow_step_id
  )`;
