import fc from '../../support/fast-check.ts';
import { expect, test } from 'vitest';
import { examine } from '../../../src/db/doctor/examine.ts';
import { migrateToLatest } from '../../../src/db/migrate.ts';
import { retry } from '../../../src/engine/retry.ts';
import { type StepRow, useRubyTaskerDatabase } from '../../migrations/ruby-tasker-database.ts';
import { type RubyTaskerStep, rubyTaskerTasks } from '../../migrations/ruby-tasker-rows.ts';

const database = await useRubyTaskerDatabase();
const { db } = database;

const newest = (step: RubyTaskerStep): string | undefined => step.history.at(-1)?.to;
const finished = (step: RubyTaskerStep): boolean =>
  step.processed || step.history.some(({ to }) => to === 'complete' || to === 'resolved_manually');
/** Running according to its history and flags, and not allowed to begin a second time. */
const ranItsOnlyAttempt = (step: RubyTaskerStep): boolean =>
  (newest(step) === 'in_progress' || (step.inProcess && step.history.every(({ to }) => to === 'pending'))) &&
  (!step.retryable || (step.retryLimit ?? 3) <= 1 || step.attempts >= (step.retryLimit ?? 3));
const attemptedOnly = (step: RubyTaskerStep): boolean =>
  !finished(step) && !step.inProcess && step.attempts > 0 && step.history.every(({ to }) => to === 'pending');

test(
  'a migrated database of Tasker (Ruby) with any histories and flags has no violation, and no finished step and no step at its only attempt runs again',
  {
    timeout: 240_000,
  },
  () =>
    fc.assert(
      // Migrations take most of the time, so a run has many tasks.
      fc.asyncProperty(rubyTaskerTasks, async (tasks) => {
        await database.with(tasks);
        await migrateToLatest(database.url);
        expect(await examine(db)).toEqual([]);
        const rows = await database.steps();
        const all = tasks.flatMap((each) => each.steps);
        for (const each of all) {
          const row = rows.get(each.id) as StepRow;
          if (finished(each) || ranItsOnlyAttempt(each)) {
            expect(row, each.id).toMatchObject({ ready: false, retries: false });
            expect(row.state, each.id).not.toBe('pending');
          }
          if (attemptedOnly(each)) expect(row, each.id).not.toMatchObject({ state: 'in_progress' });
        }
        const began = await database.runAll();
        for (const each of all) {
          if (finished(each) || ranItsOnlyAttempt(each)) expect(began).not.toContain(each.id);
          if (!each.retryable) expect(began.filter((id) => id === each.id).length).toBeLessThanOrEqual(1);
        }
        expect(await examine(db)).toEqual([]);
        // Every open task can end: it waits in error for an operator, whose retries complete it.
        const open = await database.query<{ task_id: string; state: string }>(
          `SELECT task_id, state FROM tasker.tasker_tasks WHERE state IN ('pending', 'in_progress', 'error')`,
        );
        for (const { state } of open) expect(state).toBe('error');
        for (let round = 0; round < 8; round += 1) {
          for (const { task_id: taskId } of open) await retry(db, taskId);
          await database.runAll();
        }
        expect(
          await database.query(
            `SELECT task_id FROM tasker.tasker_tasks WHERE state IN ('pending', 'in_progress', 'error')`,
          ),
        ).toEqual([]);
        expect(await examine(db)).toEqual([]);
      }),
      // A failure is reported with what has been shrunk until then, before the test has no time left to report it.
      { numRuns: 5, interruptAfterTimeLimit: 60_000, markInterruptAsFailure: true },
    ),
);
