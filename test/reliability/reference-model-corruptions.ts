/** How a task of the test went. */
export const KINDS = ['plain', 'flaky', 'broken', 'resolved', 'retried', 'dead', 'cancelled'] as const;
export type Kind = (typeof KINDS)[number];

const STEPS = 'tasker.tasker_workflow_steps';
export const HISTORY = 'tasker.tasker_workflow_step_transitions';
const without = (table: string, constraint: string): string => `ALTER TABLE ${table} DROP CONSTRAINT ${constraint}`;

/**
 * Corruptions of the history or the rows of a task, and the kind of difference that the model must report for each. `of`: the id of the
 * task of this kind, which is known when a corruption is made.
 */
export function corruptionsOf(of: (kind: Kind) => string): [difference: string, corruption: () => string[]][] {
  const step = (kind: Kind, ordinal: number): string =>
    `task_id = ${of(kind)} AND workflow_step_id = ${of(kind)}::bigint * 65536 + ${ordinal}`;
  return [
    [
      'state',
      () => [without(STEPS, 'steps_row_agrees'), `UPDATE ${STEPS} SET state = 'pending' WHERE ${step('plain', 4)}`],
    ],
    ['sort key', () => [`UPDATE ${STEPS} SET sort_key = sort_key + 1 WHERE ${step('plain', 1)}`]],
    ['attempts', () => [`UPDATE ${STEPS} SET attempts = attempts - 1 WHERE ${step('flaky', 2)}`]],
    ['attempts', () => [`UPDATE ${HISTORY} SET cause = 'lease_expired' WHERE cause = 'released'`]],
    ['too many attempts', () => [`UPDATE ${STEPS} SET retry_limit = 2 WHERE ${step('flaky', 2)}`]],
    [
      'processed',
      () => [without(STEPS, 'steps_row_agrees'), `UPDATE ${STEPS} SET processed = false WHERE ${step('plain', 1)}`],
    ],
    [
      'in process',
      () => [without(STEPS, 'steps_row_agrees'), `UPDATE ${STEPS} SET in_process = true WHERE ${step('plain', 1)}`],
    ],
    [
      'claim',
      () => [
        without(STEPS, 'steps_row_agrees'),
        `UPDATE ${STEPS} SET claim_id = gen_random_uuid() WHERE ${step('plain', 1)}`,
      ],
    ],
    [
      'illegal transition',
      () => [`UPDATE ${HISTORY} SET cause = 'timeout' WHERE ${step('plain', 1)} AND cause = 'complete'`],
    ],
    ['chain', () => [`UPDATE ${HISTORY} SET from_state = 'error' WHERE ${step('plain', 1)} AND cause = 'complete'`]],
    ['most recent', () => [`UPDATE ${HISTORY} SET most_recent = false WHERE ${step('plain', 1)} AND most_recent`]],
    ['sort keys', () => [`DELETE FROM ${HISTORY} WHERE ${step('flaky', 2)} AND sort_key = 2`]],
    ['overlapping claims', () => [`DELETE FROM ${HISTORY} WHERE ${step('flaky', 2)} AND sort_key IN (2, 3)`]],
    [
      'time',
      () => [
        `UPDATE ${HISTORY} SET created_at = created_at - interval '1 h' WHERE ${step('flaky', 2)} AND sort_key = 3`,
      ],
    ],
    [
      'claimed before its parent',
      () => [
        `UPDATE ${HISTORY} SET created_at = created_at + interval '1 h' WHERE ${step('plain', 1)} AND cause = 'complete'`,
      ],
    ],
    [
      'ended under another claim',
      () => [`UPDATE ${HISTORY} SET claim_id = gen_random_uuid() WHERE ${step('plain', 1)} AND cause = 'complete'`],
    ],
    [
      'claim without a fence',
      () => [`UPDATE ${HISTORY} SET claim_id = NULL WHERE ${step('plain', 1)} AND cause = 'claim'`],
    ],
    [
      'claim used twice',
      () => [
        `UPDATE ${HISTORY} t SET claim_id = f.claim_id FROM ${HISTORY} f
       WHERE t.task_id = f.task_id AND t.workflow_step_id = f.workflow_step_id AND f.sort_key = 1 AND t.sort_key IN (4, 5) AND t.task_id = ${of('flaky')}`,
      ],
    ],
    [
      'claim of two workers',
      () => [
        `UPDATE ${HISTORY} t SET claim_id = o.claim_id, worker_id = 999999 FROM ${HISTORY} o
       WHERE t.${step('plain', 1).replace('AND ', 'AND t.')} AND o.task_id = ${of('dead')} AND o.cause = 'claim' AND o.sort_key = 1`,
      ],
    ],
    ['unmet parents', () => [`UPDATE ${STEPS} SET unmet_parents = 1 WHERE ${step('plain', 4)}`]],
    ['children', () => [`UPDATE ${STEPS} SET children = '{}' WHERE ${step('plain', 1)}`]],
    ['orphan', () => [`DELETE FROM ${STEPS} WHERE ${step('plain', 4)}`]],
    ['orphan', () => [`DELETE FROM tasker.tasker_tasks WHERE task_id = ${of('plain')}`]],
    ['unfinished sinks', () => [`UPDATE tasker.tasker_tasks SET unfinished_sinks = 1 WHERE task_id = ${of('plain')}`]],
    [
      'complete too early',
      () => [
        without(STEPS, 'steps_row_agrees'),
        `DELETE FROM ${HISTORY} WHERE ${step('plain', 3)} AND cause = 'complete'`,
      ],
    ],
    [
      'never complete',
      () => [`DELETE FROM tasker.tasker_task_transitions WHERE task_id = ${of('plain')} AND to_state = 'complete'`],
    ],
    ['open after its end', () => [`DELETE FROM ${HISTORY} WHERE ${step('cancelled', 2)}`]],
    [
      'claimed after its end',
      () => [
        `UPDATE tasker.tasker_task_transitions SET created_at = created_at - interval '1 h' WHERE task_id = ${of('plain')}`,
      ],
    ],
    ['error without a step in error', () => [`DELETE FROM ${HISTORY} WHERE ${step('broken', 2)} AND cause = 'fail'`]],
    ['begun without a record', () => [`DELETE FROM tasker.tasker_task_transitions WHERE task_id = ${of('plain')}`]],
    [
      'complete flag',
      () => [
        without('tasker.tasker_tasks', 'tasks_row_agrees'),
        `UPDATE tasker.tasker_tasks SET complete = false WHERE task_id = ${of('plain')}`,
      ],
    ],
    [
      'trace context',
      () => [`UPDATE tasker.tasker_tasks SET trace_context = '00-' || repeat('0', 32) WHERE task_id = ${of('plain')}`],
    ],
  ];
}
