import { statement } from '../../statement.ts';

export interface StepInputsRow {
  task_id: string;
  workflow_step_id: string;
  context: string;
  /** Whether that is the step's own, and not its task's. */
  own_input: boolean;
  parents: string | null;
  bypass_steps: string | null;
  identity_hash: string;
}

/**
 * What the handlers of claimed steps need: the task's context and the parents' results by ordinal.
 * A statement of its own for steps claimed by a completion: that statement's snapshot is older than the results of parents
 * which other workers completed while it waited for the child's row lock. Steps not held under the claim are left
 * out: after a restore the row with that id may be of another task. Parameters: task ids, step ids, claim ids.
 */
export const loadInputs = statement<StepInputsRow>(
  'load_inputs',
  `
SELECT i.task_id, i.workflow_step_id, coalesce(s.inputs, t.context)::text AS context, s.inputs IS NOT NULL AS own_input, (
    SELECT jsonb_object_agg(e.from_step_id & 65535, p.results)::text
    FROM tasker.tasker_workflow_step_edges e
    JOIN tasker.tasker_workflow_steps p ON p.task_id = e.task_id AND p.workflow_step_id = e.from_step_id
    WHERE e.task_id = i.task_id AND e.to_step_id = i.workflow_step_id
  ) AS parents, t.bypass_steps::text AS bypass_steps, t.identity_hash
FROM unnest($1::bigint[], $2::bigint[], $3::uuid[]) AS i (task_id, workflow_step_id, claim_id)
JOIN tasker.tasker_tasks t ON t.task_id = i.task_id
JOIN tasker.tasker_workflow_steps s
  ON s.task_id = i.task_id AND s.workflow_step_id = i.workflow_step_id AND s.claim_id = i.claim_id AND s.in_process`,
);
