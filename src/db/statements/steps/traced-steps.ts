import { defineStatement, rows } from '../../statement.ts';
import { QUARANTINE } from '../queues/quarantine.ts';
import { ATTEMPT } from '../rules/claim-fence.ts';

/** What spans have of steps besides their ids. A step in quarantine is in a queue beside its own. */
export const describeLost = defineStatement<{
  workflow_step_id: string;
  namespace: string;
  workflow: string;
  version: string;
  step: string;
  queue: string;
  worker_name: string | null;
}>()({
  name: 'describe_lost',
  params: { steps: rows({ task_id: 'bigint', workflow_step_id: 'bigint', worker_id: 'bigint' }) },
  text: `
SELECT i.workflow_step_id, n.name AS namespace, k.name AS workflow, k.version, d.name AS step, replace(s.queue, '${QUARANTINE}', '') AS queue, w.name AS worker_name
FROM :steps AS i
JOIN tasker.tasker_workflow_steps s ON s.task_id = i.task_id AND s.workflow_step_id = i.workflow_step_id
JOIN tasker.tasker_named_steps d ON d.named_step_id = s.named_step_id
JOIN tasker.tasker_named_tasks k ON k.named_task_id = s.named_task_id
JOIN tasker.tasker_task_namespaces n ON n.task_namespace_id = k.task_namespace_id
LEFT JOIN tasker.tasker_workers w ON w.worker_id = i.worker_id`,
});

/** Of these attempts, those that a recovery has ended: whoever did so ended their spans as well. */
export const findRecovered = defineStatement<{ workflow_step_id: string }>()({
  name: 'find_recovered',
  params: { steps: rows(ATTEMPT) },
  text: `
SELECT t.workflow_step_id
FROM :steps AS i
JOIN tasker.tasker_workflow_step_transitions t
  ON t.task_id = i.task_id AND t.workflow_step_id = i.workflow_step_id AND t.claim_id = i.claim_id
WHERE t.cause = 'lease_expired'`,
});
