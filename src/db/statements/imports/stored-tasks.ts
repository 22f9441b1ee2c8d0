import { defineStatement } from '../../statement.ts';

/** What verification compares of a task. JSON by its digest: the text of jsonb is the same for equal values. */
export interface StoredTaskRow {
  task_id: string;
  state: string;
  context_md5: string;
  sort_keys: string;
  history: number;
  steps: {
    name: string;
    state: string;
    attempts: number;
    results_md5: string | null;
    parents: string[];
    history: number;
  }[];
}

export const readStoredTasks = defineStatement<StoredTaskRow>()({
  name: 'read_stored_tasks',
  params: { task_ids: 'bigint[]' },
  text: `
SELECT t.task_id, t.state, md5(t.context::text) AS context_md5,
  t.sort_key || ':' || coalesce((
    SELECT sum(s.sort_key) FROM tasker.tasker_workflow_steps s WHERE s.task_id = t.task_id), 0) AS sort_keys,
  (SELECT count(*)::integer FROM tasker.tasker_task_transitions x WHERE x.task_id = t.task_id) AS history,
  (
    SELECT coalesce(jsonb_agg(jsonb_build_object('name', n.name, 'state', s.state, 'attempts', s.attempts,
      'results_md5', md5(s.results::text),
      'parents', (
        SELECT coalesce(jsonb_agg(pn.name ORDER BY pn.name COLLATE "C"), '[]')
        FROM tasker.tasker_workflow_step_edges e
        JOIN tasker.tasker_workflow_steps p ON p.task_id = e.task_id AND p.workflow_step_id = e.from_step_id
        JOIN tasker.tasker_named_steps pn ON pn.named_step_id = p.named_step_id
        WHERE e.task_id = s.task_id AND e.to_step_id = s.workflow_step_id),
      'history', (
        SELECT count(*) FROM tasker.tasker_workflow_step_transitions x
        WHERE x.task_id = s.task_id AND x.workflow_step_id = s.workflow_step_id)) ORDER BY n.name COLLATE "C"), '[]')
    FROM tasker.tasker_workflow_steps s
    JOIN tasker.tasker_named_steps n ON n.named_step_id = s.named_step_id
    WHERE s.task_id = t.task_id
  ) AS steps
FROM tasker.tasker_tasks t
WHERE t.task_id = ANY (:task_ids::bigint[])
ORDER BY t.task_id`,
});
