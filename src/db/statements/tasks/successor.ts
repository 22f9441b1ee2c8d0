import { defineStatement } from '../../statement.ts';
import { successorOf } from '../rules/identity.ts';

/** The task that took over the identity of this one; null: none did. */
export const findSuccessor = defineStatement<{ successor: string | null }>()({
  name: 'find_successor',
  params: { task_id: 'bigint' },
  text: `
SELECT ${successorOf('t')} AS successor
FROM tasker.tasker_tasks t
WHERE t.task_id = :task_id`,
});
