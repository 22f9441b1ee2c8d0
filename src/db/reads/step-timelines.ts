import type { State } from '../../workflow/states.ts';
import { defineStatement } from '../statement.ts';
import { ordinalOf } from '../statements/rules/step-id.ts';

/** To which state, why, and when: milliseconds since the task was requested. */
export type TimelineTransition = [to: State, cause: string | null, atMs: number];

/** A step with its history in short. */
export interface StepTimelineRow {
  n: number;
  name: string;
  state: State;
  attempts: number;
  blocked: boolean;
  /** Ordinals. */
  parents: number[];
  transitions: TimelineTransition[];
}

/** The steps of a task in topological order, each with its parents and its history. Reads both by the task's keys. */
export const listStepTimelines = defineStatement<StepTimelineRow>()({
  name: 'list_step_timelines',
  params: { task_id: 'bigint' },
  text: `
SELECT (${ordinalOf('s.workflow_step_id')})::integer AS n, n.name, s.state, s.attempts, s.blocked_at IS NOT NULL AS blocked,
  ARRAY(
    SELECT (${ordinalOf('e.from_step_id')})::integer
    FROM tasker.tasker_workflow_step_edges e
    WHERE e.task_id = s.task_id AND e.to_step_id = s.workflow_step_id
    ORDER BY e.from_step_id) AS parents,
  coalesce((
    SELECT json_agg(json_build_array(h.to_state, h.cause, extract(epoch FROM h.created_at - t.requested_at)::float8 * 1000) ORDER BY h.sort_key)
    FROM tasker.tasker_workflow_step_transitions h
    WHERE h.task_id = :task_id AND h.workflow_step_id = s.workflow_step_id), '[]') AS transitions
FROM tasker.tasker_tasks t
CROSS JOIN LATERAL (SELECT * FROM tasker.tasker_workflow_steps x WHERE x.task_id = t.task_id OFFSET 0) s
JOIN tasker.tasker_named_steps n ON n.named_step_id = s.named_step_id
WHERE t.task_id = :task_id
ORDER BY s.workflow_step_id`,
});
