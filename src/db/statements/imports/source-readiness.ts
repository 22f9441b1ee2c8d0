import { defineStatement } from '../../statement.ts';

/** What Tasker (Ruby) itself has about a step. */
export interface SourceReadinessRow {
  task_id: string;
  workflow_step_id: string;
  current_state: string;
  ready_for_execution: boolean | null;
  total_parents: number;
  completed_parents: number;
}

const COLUMNS = `
SELECT v.task_id, v.workflow_step_id, v.current_state, v.ready_for_execution, v.total_parents::integer AS total_parents,
  v.completed_parents::integer AS completed_parents`;

/** The view of releases 2.0 and 2.1. */
export const readSourceReadinessView = defineStatement<SourceReadinessRow>()({
  name: 'read_source_readiness_view',
  params: { task_ids: 'bigint[]' },
  text: `${COLUMNS}
FROM tasker.tasker_step_readiness_statuses v
WHERE v.task_id = ANY (:task_ids::bigint[])`,
});

/** The function of later releases. */
export const readSourceReadiness = defineStatement<SourceReadinessRow>()({
  name: 'read_source_readiness',
  params: { task_ids: 'bigint[]' },
  text: `${COLUMNS}
FROM tasker.get_step_readiness_status_batch(:task_ids::bigint[]) v`,
});
