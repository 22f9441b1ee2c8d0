import { expect } from 'vitest';
import { announceKeep } from '../../../src/db/statements/retention/policies.ts';
import { cancel } from '../../../src/engine/cancel.ts';
import { type Hold, setHold } from '../../../src/engine/holds.ts';
import { purge, type PurgeOutcome } from '../../../src/engine/purge.ts';
import { type Removed, removeTasks } from '../../../src/engine/remove-tasks.ts';
import { retry } from '../../../src/engine/retry.ts';
import type { Scene } from '../scene.ts';
import { inError } from './arrange.ts';
import type { Scenario, Verb } from './scenario.ts';

/** Removing tasks against holds, operators and submits. */
export const RETENTION_SCENARIOS: readonly Scenario[] = [
  {
    name: 'retention / hold on the tag of a task',
    workflow: 'diamond',
    arrange: async (s) => {
      await cancel(s.db, s.taskId);
      await s.test.query(`UPDATE tasker.tasker_tasks SET tags = '["tenant=acme"]'`);
      await due(s);
      return [remove(s), (db) => setHold(db, { tag: 'tenant=acme' }, { reason: 'test', by: 'test' })];
    },
    // The hold is set in any case. The task is there behind it, or was gone before; it is counted one way only.
    afterwards: async (s, [removed]) => {
      expect(await isThere(s)).toBe((removed as Removed).rows.tasks === 0);
      await expectStays(s);
    },
    endStates: ['cancelled', 'missing'],
  },
  {
    name: 'retention / hold on the task',
    workflow: 'diamond',
    arrange: async (s) => {
      await cancel(s.db, s.taskId);
      await due(s);
      return [remove(s), (db) => setHold(db, { taskId: s.taskId }, { reason: 'test', by: 'test' })];
    },
    afterwards: async (s, [removed, hold]) => {
      // Acknowledged: the task stays. Refused: it is gone.
      expect(await isThere(s)).toBe((hold as Hold | undefined) !== undefined);
      expect((removed as Removed).rows.tasks).toBe(hold === undefined ? 1 : 0);
      await expectStays(s);
    },
    endStates: ['cancelled', 'missing'],
  },
  {
    name: 'purge / hold on the task',
    workflow: 'diamond',
    arrange: async (s) => [
      (db) => purge(db, [s.taskId], { open: true }),
      (db) => setHold(db, { taskId: s.taskId }, { reason: 'test', by: 'test' }),
    ],
    afterwards: async (s, [purged, hold]) => {
      expect(await isThere(s)).toBe(hold !== undefined);
      expect((purged as PurgeOutcome).purged.tasks).toBe(hold === undefined ? 1 : 0);
    },
    endStates: ['complete', 'missing'],
  },
  {
    name: 'retention / retry by an operator',
    workflow: 'diamond',
    arrange: async (s) => {
      await inError(s);
      await due(s);
      return [remove(s), (db) => retry(db, s.taskId)];
    },
    afterwards: async (s, [removed, retried]) => {
      const { outcome } = retried as { outcome: string };
      expect([(removed as Removed).rows.tasks, outcome]).toEqual(
        outcome === 'retried' ? [0, 'retried'] : [1, 'not_found'],
      );
      expect(await isThere(s)).toBe(outcome === 'retried');
    },
    endStates: ['complete', 'missing'],
  },
  {
    name: 'retention / submit of an identity that is used again',
    workflow: 'diamond',
    arrange: async (s) => {
      await cancel(s.db, s.taskId);
      await due(s);
      return [remove(s), (db) => s.submit(db, s.identity, 'afterEnd')];
    },
    // Whichever came first: there is one new task, and if the former is there, it is its first.
    afterwards: (_, [, submitted]) =>
      expect((submitted as { outcome: string }[]).map(({ outcome }) => outcome)).toEqual(['created']),
    endStates: ['cancelled', 'missing'],
  },
  {
    name: 'retention / retention of the same task',
    workflow: 'diamond',
    arrange: async (s) => {
      await cancel(s.db, s.taskId);
      await due(s);
      return [remove(s), remove(s)];
    },
    afterwards: async (s, results) => {
      expect((results as Removed[]).map(({ rows }) => rows.tasks).toSorted()).toEqual([0, 1]);
      expect(await s.test.query('SELECT tasks::int, steps::int FROM tasker.tasker_retention_removed')).toEqual([
        { tasks: 1, steps: 4 },
      ]);
    },
    endStates: ['missing'],
  },
];

const remove =
  (s: Scene): Verb =>
  (db) =>
    db.transaction((tx) => removeTasks(tx, [s.taskId]));

const isThere = async (s: Scene): Promise<boolean> => (await s.taskState()) !== 'missing';

/** A hold that is set keeps the task from then on. */
async function expectStays(s: Scene): Promise<void> {
  if (!(await isThere(s))) return;
  const { rows, kept } = await s.db.transaction((tx) => removeTasks(tx, [s.taskId]));
  expect([rows.tasks, kept[0]?.reason]).toEqual([0, 'hold']);
}

/** What ended is due, and counted. */
async function due(s: Scene): Promise<void> {
  await s.db.run(announceKeep, { keep: 'cancelled=1h,error=1h' });
  await s.test.query(
    `UPDATE tasker.tasker_run_stats_progress SET counted_until = clock_timestamp(), listed_up_to = 0, counted_from = clock_timestamp() + interval '1 day'`,
  );
  await s.test.query(`UPDATE tasker.tasker_tasks SET completed_at = completed_at - interval '2 h'`);
  for (const table of ['task_transitions', 'workflow_step_transitions'])
    await s.test.query(`UPDATE tasker.tasker_${table} SET created_at = created_at - interval '2 h'`);
}
