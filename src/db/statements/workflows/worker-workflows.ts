import { defineStatement, rows } from '../../statement.ts';

/**
 * Records what a worker serves (`problem` is null) and what it could not register (`named_task_id` is null), one row per
 * workflow.
 */
export const reportWorkflows = defineStatement()({
  name: 'report_workflows',
  params: {
    worker_id: 'bigint',
    workflows: rows({
      named_task_id: 'integer | null',
      namespace: 'text',
      name: 'text',
      version: 'text',
      problem: 'text | null',
    }),
  },
  text: `
INSERT INTO tasker.tasker_worker_workflows AS w (worker_id, namespace, name, version, named_task_id, problem)
SELECT :worker_id::bigint, i.namespace, i.name, i.version, i.named_task_id, i.problem
FROM :workflows AS i
ON CONFLICT (worker_id, namespace, name, version) DO UPDATE
SET named_task_id = EXCLUDED.named_task_id, problem = EXCLUDED.problem, reported_at = clock_timestamp()`,
});

/** Deletes the reports of processes that are no longer listed. */
export const pruneWorkflows = defineStatement()({
  name: 'prune_workflows',
  text: `
DELETE FROM tasker.tasker_worker_workflows w
WHERE NOT EXISTS (SELECT FROM tasker.tasker_workers k WHERE k.worker_id = w.worker_id)`,
});
