import { BLOCK } from '../statements/retention/blocks.ts';
import type { Check } from './check.ts';

/** Tasks that retention does not visit, with the first id of their block. */
export const UNVISITED = `
SELECT t.task_id, t.task_id / ${BLOCK} * ${BLOCK} AS first_task_id
FROM tasker.tasker_tasks t
CROSS JOIN tasker.tasker_retention r
WHERE t.task_id < r.settled_up_to
  AND NOT EXISTS (
    SELECT FROM tasker.tasker_retention_blocks b WHERE b.first_task_id = t.task_id / ${BLOCK} * ${BLOCK})`;

/** Later tasks of identities of which no first task is left. */
export const WITHOUT_FIRST = `
SELECT d.identity_hash, d.generation, d.task_id
FROM tasker.tasker_identities d
WHERE d.generation > 1 AND NOT EXISTS (SELECT FROM tasker.tasker_tasks f WHERE f.identity_hash = d.identity_hash)`;

const WITHOUT_TASK = 'NOT EXISTS (SELECT FROM tasker.tasker_tasks t WHERE t.task_id = x.task_id)';

/** Invariants of removing tasks. */
export const retentionChecks: Check[] = [
  {
    id: 'removed_as_a_whole',
    title: 'steps and edges have their task',
    why: 'A task was removed in part: what is left of it is counted and claimed, and removed by nobody. Report this: it is a bug.',
    sql: `SELECT x.task_id, x.workflow_step_id FROM tasker.tasker_workflow_steps x WHERE ${WITHOUT_TASK}
      UNION ALL
      SELECT x.task_id, x.to_step_id FROM tasker.tasker_workflow_step_edges x WHERE ${WITHOUT_TASK}`,
  },
  {
    id: 'retention_visits_every_task',
    title: 'every task is in a block of tasker_retention_blocks, unless it is young',
    why: 'Retention would never remove it. Tasks that were brought back by hand are not in one.',
    sql: UNVISITED,
  },
  {
    id: 'identity_first_task_kept',
    title: 'an identity that was used again has its first task, as long as a later one is there',
    why: 'A submit of this identity would create another task beside the later one.',
    sql: WITHOUT_FIRST,
  },
];
