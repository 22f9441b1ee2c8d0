import { defineStatement } from '../statement.ts';
import { isLive } from '../statements/rules/live-process.ts';

/** Newest blocked and waiting steps that are counted: what is beyond changes nothing on a page. */
const MOST_COUNTED = 1000;

/** Operations that a page shows; older ones have ended long ago. */
const NEWEST_OPERATIONS = 100;

/** What each topic of the fleet is read from: an expression of another text after each change that a page would show. */
export const FLEET_TOPIC_SQL = {
  failures: `
SELECT concat_ws(' ',
  (SELECT max(s.blocked_at) FROM tasker.tasker_workflow_steps s WHERE s.blocked_at IS NOT NULL),
  (SELECT count(*) FROM (SELECT FROM tasker.tasker_workflow_steps s WHERE s.blocked_at IS NOT NULL LIMIT ${MOST_COUNTED}) b),
  (SELECT max(s.next_retry_at) FROM tasker.tasker_workflow_steps s WHERE s.next_retry_at IS NOT NULL),
  (SELECT count(*) FROM (SELECT FROM tasker.tasker_workflow_steps s WHERE s.next_retry_at IS NOT NULL LIMIT ${MOST_COUNTED}) r))`,
  tasks: `
SELECT concat_ws(' ', (SELECT max(t.task_id) FROM tasker.tasker_tasks t), (SELECT max(c.created_at) FROM tasker.tasker_claims c),
  (SELECT count(*) FROM tasker.tasker_claims c), (SELECT max(s.blocked_at) FROM tasker.tasker_workflow_steps s WHERE s.blocked_at IS NOT NULL))`,
  workers: `
SELECT string_agg(concat_ws(' ', w.worker_id, w.draining, w.slots, w.busy_slots, w.lease_expires_at < statement_timestamp()), ',' ORDER BY w.worker_id)
FROM tasker.tasker_workers w
WHERE w.stopped_at IS NULL`,
  workflows: `
SELECT concat_ws(' ', (SELECT max(k.named_task_id) FROM tasker.tasker_named_tasks k), (
  SELECT string_agg(concat_ws(' ', r.worker_id, r.namespace, r.name, r.version, r.problem), ',' ORDER BY r.worker_id, r.namespace, r.name, r.version)
  FROM tasker.tasker_worker_workflows r
  JOIN tasker.tasker_workers w ON w.worker_id = r.worker_id
  WHERE ${isLive('w')}))`,
  schedules: `
SELECT string_agg(concat_ws(' ', t.schedule_key, t.occurrence_at, t.outcome, t.failed_at, t.paused_at), ',' ORDER BY t.schedule_key)
FROM tasker.tasker_schedule_states t`,
  pauses: `
SELECT string_agg(concat_ws(' ', p.kind, p.name, p.by, p.reason, p.paused_at, p.until), ',' ORDER BY p.kind, p.name)
FROM tasker.tasker_pauses p
WHERE p.until IS NULL OR p.until > statement_timestamp()`,
  operations: `
SELECT string_agg(concat_ws(' ', o.operation_id, o.state, o.done, o.refused, o.failed, o.settled, o.came_back), ',' ORDER BY o.operation_id)
FROM (SELECT * FROM tasker.tasker_operations x ORDER BY x.operation_id DESC LIMIT ${NEWEST_OPERATIONS}) o`,
  audit: `SELECT max(a.audit_id)::text FROM tasker.tasker_audit a`,
} as const;

export type FleetTopic = keyof typeof FLEET_TOPIC_SQL;

/** The versions of these topics. What nobody watches is not read. */
export const readTopicVersions = defineStatement<{ topic: FleetTopic; version: string }>()({
  name: 'read_topic_versions',
  params: { topics: 'text[]' },
  text: Object.entries(FLEET_TOPIC_SQL)
    .map(
      ([topic, sql]) => `
SELECT '${topic}' AS topic, md5(coalesce((${sql}), '')) AS version
WHERE '${topic}' = ANY (:topics::text[])`,
    )
    .join('\nUNION ALL'),
});
