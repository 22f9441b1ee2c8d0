import { statement } from '../../statement.ts';

/**
 * What a worker serves and what it could not register. Parameters: worker id; arrays with an entry per workflow: named task
 * ids (null: refused), namespaces, names, versions, problems (null: served).
 */
export const reportWorkflows = statement(
  'report_workflows',
  `
INSERT INTO tasker.tasker_worker_workflows AS w (worker_id, namespace, name, version, named_task_id, problem)
SELECT $1::bigint, i.namespace, i.name, i.version, i.named_task_id, i.problem
FROM unnest($2::integer[], $3::text[], $4::text[], $5::text[], $6::text[])
  AS i (named_task_id, namespace, name, version, problem)
ON CONFLICT (worker_id, namespace, name, version) DO UPDATE
SET named_task_id = EXCLUDED.named_task_id, problem = EXCLUDED.problem, reported_at = clock_timestamp()`,
);

/** Forgets what processes reported that are themselves forgotten. */
export const pruneWorkflows = statement(
  'prune_workflows',
  `
DELETE FROM tasker.tasker_worker_workflows w
WHERE NOT EXISTS (SELECT FROM tasker.tasker_workers k WHERE k.worker_id = w.worker_id)`,
);
