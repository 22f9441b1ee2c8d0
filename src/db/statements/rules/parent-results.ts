import { ordinalOf } from './step-id.ts';

/** The results of the parents of a step, by their ordinal in the workflow, as JSON text; NULL for a root. `step`: a row with the key. */
export const parentResults = (step: string): string => `(
    SELECT jsonb_object_agg(${ordinalOf('e.from_step_id')}, p.results)::text
    FROM tasker.tasker_workflow_step_edges e
    JOIN tasker.tasker_workflow_steps p ON p.task_id = e.task_id AND p.workflow_step_id = e.from_step_id
    WHERE e.task_id = ${step}.task_id AND e.to_step_id = ${step}.workflow_step_id
  )`;
