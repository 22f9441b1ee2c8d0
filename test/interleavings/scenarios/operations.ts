import { expect } from 'vitest';
import type { OperationAction } from '../../../src/db/statements/operations/operations.ts';
import { finalizeUnfinalized } from '../../../src/engine/finalize.ts';
import { previewOperation } from '../../../src/engine/operations/preview.ts';
import { abortOperation, type SteerOutcome, startOperation } from '../../../src/engine/operations/steer.ts';
import { workOnOperations } from '../../../src/engine/operations/work.ts';
import { retry } from '../../../src/engine/retry.ts';
import { purge } from '../../../src/engine/purge.ts';
import type { Scene } from '../scene.ts';
import { inError } from './arrange.ts';
import type { Scenario } from './scenario.ts';

/** Bulk operations against each other, against whoever ends them, and against what happens to their tasks. */
export const OPERATION_SCENARIOS: readonly Scenario[] = [
  {
    name: 'chunk / chunk of the same operation by another scheduler',
    workflow: 'diamond',
    arrange: async (s) => {
      await inError(s);
      await operation(s, 'retry');
      return [workOnOperations, workOnOperations];
    },
    afterwards: async (s) =>
      expect(await itemOf(s)).toEqual({ state: 'done', outcome: 'retried', retries: 1, audited: 1 }),
    endStates: ['complete'],
  },
  {
    name: 'chunk / abort',
    workflow: 'diamond',
    arrange: async (s) => {
      await inError(s);
      const id = await operation(s, 'retry');
      return [
        workOnOperations,
        async (db) => {
          const aborted = await abortOperation(db, id, {});
          // What the abort returned has to stay so.
          return { aborted, item: await itemOf(s) };
        },
      ];
    },
    afterwards: async (s, [, result]) => {
      const { aborted, item } = result as { aborted: SteerOutcome; item: unknown };
      expect(await itemOf(s)).toEqual(item);
      expect(['aborted', 'refused']).toContain(aborted.outcome);
      const done = { state: 'done', outcome: 'retried', retries: 1, audited: 1 };
      const waits = { state: 'waiting', outcome: null, retries: 0, audited: 0 };
      expect(item).toEqual(aborted.outcome === 'aborted' ? waits : done);
    },
    endStates: ['complete', 'error'],
  },
  {
    name: 'chunk / retry by an operator',
    workflow: 'diamond',
    arrange: async (s) => {
      await inError(s);
      await operation(s, 'retry');
      return [workOnOperations, (db) => retry(db, s.taskId)];
    },
    afterwards: async (s, [, retried]) => {
      const byHand = (retried as { outcome: string }).outcome === 'retried';
      expect(await itemOf(s)).toEqual(
        byHand
          ? { state: 'refused', outcome: 'changed', retries: 0, audited: 1 }
          : { state: 'done', outcome: 'retried', retries: 1, audited: 1 },
      );
    },
    endStates: ['complete'],
  },
  {
    name: 'chunk of cancels / complete',
    workflow: 'diamond',
    arrange: async (s) => {
      const steps = await s.begin();
      await operation(s, 'cancel');
      return [workOnOperations, (db) => s.complete(db, s.w1, steps, 1)];
    },
    afterwards: async (s) => expect(await itemOf(s)).toMatchObject({ state: 'done', outcome: 'cancelled' }),
    endStates: ['cancelled'],
  },
  {
    name: 'chunk / purge of the task',
    workflow: 'diamond',
    arrange: async (s) => {
      await inError(s);
      await operation(s, 'retry');
      return [workOnOperations, (db) => purge(db, [s.taskId], { open: true })];
    },
    afterwards: async (s) => expect(['retried', 'not_found']).toContain((await itemOf(s)).outcome),
    endStates: ['missing'],
  },
];

/** One that runs, and may go on at once. */
async function operation(s: Scene, action: OperationAction): Promise<string> {
  await finalizeUnfinalized(s.db);
  const previewed = await previewOperation(s.db, {
    action,
    options: {},
    taskIds: [s.taskId],
    named: true,
    selection: {},
    by: 'test',
    pacePerSecond: 1000,
    canaryOf: () => 0,
    stopShare: undefined,
  });
  if (previewed.outcome === 'empty') throw new Error('the task is gone');
  const { operation_id: id } = previewed.operation;
  await startOperation(s.db, id, previewed.token, {});
  await s.test.query(`UPDATE tasker.tasker_operations SET paced_at = paced_at - interval '1 h'`);
  return id;
}

async function itemOf(s: Scene): Promise<{ state: string; outcome: string | null; retries: number; audited: number }> {
  const [item] = await s.test.query<{ state: string; outcome: string | null; retries: number; audited: number }>(
    `SELECT i.state, i.outcome, (
         SELECT count(*)::integer FROM tasker.tasker_workflow_step_transitions x
         WHERE x.task_id = i.task_id AND x.metadata ->> 'operation' = i.operation_id::text) AS retries, (
         SELECT count(*)::integer FROM tasker.tasker_audit a
         WHERE a.subject = 'task' AND a.subject_id = i.task_id::text AND a.details ->> 'operation' = i.operation_id::text) AS audited
     FROM tasker.tasker_operation_items i`,
  );
  return item as { state: string; outcome: string | null; retries: number; audited: number };
}
