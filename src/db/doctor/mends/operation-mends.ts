import { MISCOUNTED, UNAUDITED } from '../operation-checks.ts';
import { type Mend, script } from './mend.ts';

export const operationMends: Readonly<Record<string, Mend>> = {
  operation_counts_agree: script(`
UPDATE tasker.tasker_operations o
SET total = m.total, done = m.done, refused = m.refused, failed = m.failed, settled = m.settled, came_back = m.came_back
FROM (${MISCOUNTED}) m
WHERE o.operation_id = m.operation_id`),
  // Whoever still wants them to be acted on makes a new operation: hours may have passed.
  operation_done_means_no_item_waits: script(`
UPDATE tasker.tasker_operations o
SET state = 'aborted', why = 'the doctor: tasks were left'
WHERE o.state = 'done' AND EXISTS (
  SELECT FROM tasker.tasker_operation_items i WHERE i.operation_id = o.operation_id AND i.state = 'waiting')`),
  operation_items_have_operation: script(`
DELETE FROM tasker.tasker_operation_items i
WHERE NOT EXISTS (SELECT FROM tasker.tasker_operations o WHERE o.operation_id = i.operation_id)`),
  // The items say what was done; that the row is not the one of that time is said in it.
  operation_items_audited: script(`
INSERT INTO tasker.tasker_audit (act, subject, subject_id, by, reason, outcome, refused, details)
SELECT 'task.' || o.action, 'task', i.task_id::text, current_user, 'the row of the audit was missing', i.outcome, i.state <> 'done',
  jsonb_build_object('operation', i.operation_id::text, 'acted_at', i.acted_at, 'by', o.by)
FROM (${UNAUDITED}) u
JOIN tasker.tasker_operations o ON o.operation_id = u.operation_id
JOIN tasker.tasker_operation_items i ON i.operation_id = u.operation_id AND i.task_id = u.task_id`),
};
