import { defineStatement, rows } from '../../statement.ts';
import { ATTEMPT, heldBy } from '../rules/claim-fence.ts';
import { parentResults } from '../rules/parent-results.ts';
import { stepId } from '../rules/step-id.ts';

export interface StepInputsRow {
  task_id: string;
  workflow_step_id: string;
  context: string;
  /** Whether that is the step's own, and not its task's. */
  own_input: boolean;
  parents: string | null;
  bypass_steps: string | null;
  schedule: string | null;
  trace_context: string | null;
  identity_hash: string;
}

/**
 * What the handlers of claimed steps need: the task's context and the parents' results by ordinal.
 * A statement of its own for steps claimed by a completion: that statement's snapshot is older than the results of parents
 * which other workers completed while it waited for the child's row lock. Steps not held under the claim are left
 * out: after a restore the row with that id may be of another task.
 */
export const loadInputs = defineStatement<StepInputsRow>()({
  name: 'load_inputs',
  params: { steps: rows(ATTEMPT) },
  text: `
SELECT i.task_id, i.workflow_step_id, coalesce(s.inputs, t.context)::text AS context, s.inputs IS NOT NULL AS own_input, ${parentResults('i')} AS parents, t.bypass_steps::text AS bypass_steps, t.schedule::text AS schedule, t.trace_context, t.identity_hash
FROM :steps AS i
JOIN tasker.tasker_tasks t ON t.task_id = i.task_id
JOIN tasker.tasker_workflow_steps s
  ON ${heldBy('s', 'i')}`,
});

/** Results of steps that are no parents of the claimed ones, for handlers that use them. They are done, so nothing changes them. */
export const loadUsed = defineStatement<{ workflow_step_id: string; ordinal: number; results: string | null }>()({
  name: 'load_used',
  params: { steps: rows({ task_id: 'bigint', workflow_step_id: 'bigint', ordinal: 'integer' }) },
  text: `
SELECT i.workflow_step_id, i.ordinal, s.results::text AS results
FROM :steps AS i
JOIN tasker.tasker_workflow_steps s ON s.task_id = i.task_id AND s.workflow_step_id = ${stepId('i.task_id', 'i.ordinal')}`,
});
