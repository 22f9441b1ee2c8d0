import fc from '../support/fast-check.ts';
import type { PoolClient } from 'pg';
import { beforeAll, describe, expect, test } from 'vitest';
import { useTestDatabase } from '../support/test-database.ts';
import { randomTasks } from './random-histories.ts';
import { insertTasks, registerTypes, type TaskRows } from './rows.ts';
import { installViews } from './view-versions.ts';

const database = await useTestDatabase();
const RUNS = 100;

beforeAll(async () => {
  await installViews(database.pool, ['v01', 'v02', 'v03', 'v04']);
  const client = await database.pool.connect();
  await registerTypes(client);
  client.release();
});

interface Readiness {
  workflow_step_id: string;
  task_id: string;
  named_step_id: number;
  name: string;
  current_state: string;
  dependencies_satisfied: boolean;
  retry_eligible: boolean;
  ready_for_execution: boolean;
  last_failure_at: Date | null;
  next_retry_at: Date | null;
  total_parents: number;
  completed_parents: number;
  attempts: number;
  retry_limit: number;
  backoff_request_seconds: number | null;
  last_attempted_at: Date | null;
}

/** The additional column of v03, and columns of the step's row. */
interface ReadinessV03 extends Readiness {
  ready_at: Date | null;
  retryable: boolean;
  blocked_at: Date | null;
  read_at: Date;
}

type Context = Record<
  | 'total_steps'
  | 'pending_steps'
  | 'in_progress_steps'
  | 'completed_steps'
  | 'failed_steps'
  | 'ready_steps'
  | 'blocked_steps'
  | 'cancelled_steps',
  number
> &
  Record<
    'task_id' | 'status' | 'execution_status' | 'recommended_action' | 'completion_percentage' | 'health_status',
    string
  >;

/** Writes the tasks, runs `check`, and rolls back: everything in one transaction, so that now() does not change. */
async function withTasks<T>(tasks: readonly TaskRows[], check: (client: PoolClient) => Promise<T>): Promise<T> {
  const client = await database.pool.connect();
  try {
    await client.query('BEGIN');
    await insertTasks(client, tasks);
    return await check(client);
  } finally {
    await client.query('ROLLBACK');
    client.release();
  }
}

/** Runs `check` on 100 random sets of tasks. */
async function forRandomTasks(check: (client: PoolClient, tasks: TaskRows[]) => Promise<void>): Promise<void> {
  await fc.assert(
    fc.asyncProperty(randomTasks, (tasks) => withTasks(tasks, (client) => check(client, tasks))),
    { numRuns: RUNS },
  );
}

const all = async <Row extends object>(client: PoolClient, view: string): Promise<Row[]> =>
  (await client.query<Row>(`SELECT * FROM ${view} ORDER BY 1, 2`)).rows;

const readinessV03 = async (client: PoolClient): Promise<ReadinessV03[]> =>
  (
    await client.query<ReadinessV03>(
      `SELECT r.*, s.retryable, s.blocked_at, statement_timestamp() AS read_at
       FROM v03.tasker_step_readiness_statuses r
       JOIN tasker.tasker_workflow_steps s USING (task_id, workflow_step_id)
       ORDER BY workflow_step_id, task_id`,
    )
  ).rows;

describe('on random graphs with random histories', () => {
  test('v02 returns the rows of v01: readiness, contexts, graph and summaries', { timeout: 120_000 }, () =>
    forRandomTasks(async (client) => {
      for (const view of [
        'tasker_step_readiness_statuses',
        'tasker_task_execution_contexts',
        'tasker_step_dag_relationships',
        'tasker_task_workflow_summaries',
      ]) {
        expect(await all(client, `v02.${view}`), view).toEqual(await all(client, `v01.${view}`));
      }
    }),
  );

  test('v03 returns the readiness rows of v02, except for steps in error', { timeout: 120_000 }, () =>
    forRandomTasks(async (client, tasks) => {
      const v02 = await all<Readiness>(client, 'v02.tasker_step_readiness_statuses');
      const v03 = await readinessV03(client);
      expect(v03).toHaveLength(tasks.reduce((sum, task) => sum + task.steps.length, 0));
      for (const [index, newer] of v03.entries()) {
        const older = v02[index] as Readiness;
        const { ready_at: _, retryable, blocked_at, read_at, ...shared } = newer;
        if (newer.current_state !== 'error') {
          // A pending step has no time of a retry any more: it is past, because the step is pending. A step that was cancelled in
          // its backoff has no retry at all; v02 still counts down to it.
          const eligible = newer.current_state === 'cancelled' ? newer.retry_eligible : older.retry_eligible;
          expect(shared).toMatchObject({ ...older, next_retry_at: null, retry_eligible: eligible });
          continue;
        }
        // A step in error is not ready before a scheduler has made it pending.
        expect(newer.ready_for_execution).toBe(false);
        // A retry is decided once, at the failure, and never for a step that is not retryable or failed permanently.
        const eligible =
          newer.attempts < newer.retry_limit &&
          retryable &&
          blocked_at === null &&
          (newer.next_retry_at as Date) <= read_at;
        expect(newer.retry_eligible).toBe(eligible);
        if (blocked_at !== null) expect(newer.next_retry_at).toBeNull();
        else if (newer.backoff_request_seconds === null) {
          // Jitter: between half the wait that v02 computes and all of it.
          const failedAt = (newer.last_failure_at as Date).getTime();
          const latest = (older.next_retry_at as Date).getTime();
          if (failedAt > read_at.getTime() - 60_000) {
            expect(newer.next_retry_at?.getTime()).toBeGreaterThanOrEqual(failedAt + (latest - failedAt) / 2);
            expect(newer.next_retry_at?.getTime()).toBeLessThanOrEqual(latest);
          }
        }
        expect(shared).toMatchObject({
          ...older,
          ready_for_execution: false,
          retry_eligible: newer.retry_eligible,
          next_retry_at: newer.next_retry_at,
        });
      }
    }),
  );

  test('v04 returns the contexts of v03', { timeout: 120_000 }, () =>
    forRandomTasks(async (client) => {
      expect(await all(client, 'v04.tasker_task_execution_contexts')).toEqual(
        await all(client, 'v03.tasker_task_execution_contexts'),
      );
    }),
  );

  test('v04 returns the readiness rows of v03, and the location of each row', { timeout: 120_000 }, () =>
    forRandomTasks(async (client) => {
      const v04 = await all<Readiness & { row_location: string }>(client, 'v04.tasker_step_readiness_statuses');
      expect(v04.map(({ row_location: _, ...shared }) => shared)).toEqual(
        await all(client, 'v03.tasker_step_readiness_statuses'),
      );
      const { rows } = await client.query<{ workflow_step_id: string }>(
        `SELECT s.workflow_step_id
         FROM unnest($1::tid[]) WITH ORDINALITY AS l (row_location, place)
         JOIN tasker.tasker_workflow_steps s ON s.ctid = l.row_location ORDER BY l.place`,
        [v04.map(({ row_location }) => row_location)],
      );
      expect(rows.map(({ workflow_step_id }) => workflow_step_id)).toEqual(v04.map((row) => row.workflow_step_id));
    }),
  );

  test(
    'v03 returns the contexts of v02 for tasks without a failed, resolved or cancelled step',
    { timeout: 120_000 },
    () =>
      forRandomTasks(async (client) => {
        const v02 = await all<Context>(client, 'v02.tasker_task_execution_contexts');
        const v03 = await all<Context>(client, 'v03.tasker_task_execution_contexts');
        expect(v03).toHaveLength(v02.length);
        const plain = new Set(
          (
            await client.query<{ task_id: string }>(
              `SELECT task_id FROM tasker.tasker_workflow_steps GROUP BY task_id
           HAVING bool_and(state IN ('pending', 'in_progress', 'complete'))`,
            )
          ).rows.map((row) => row.task_id),
        );
        for (const [index, newer] of v03.entries()) {
          if (plain.has(newer.task_id)) expect(newer).toMatchObject(v02[index] as Context);
        }
      }),
  );

  test('v03 contexts follow from the readiness rows of the same version', { timeout: 120_000 }, () =>
    forRandomTasks(async (client) => {
      const steps = await readinessV03(client);
      for (const context of await all<Context>(client, 'v03.tasker_task_execution_contexts')) {
        const own = steps.filter((step) => step.task_id === context.task_id);
        const count = (where: (step: ReadinessV03) => boolean): number => own.filter(where).length;
        const completed = count((step) => ['complete', 'resolved_manually'].includes(step.current_state));
        const expected = {
          total_steps: own.length,
          pending_steps: count((step) => step.current_state === 'pending'),
          in_progress_steps: count((step) => step.current_state === 'in_progress'),
          completed_steps: completed,
          failed_steps: count((step) => step.current_state === 'error'),
          cancelled_steps: count((step) => step.current_state === 'cancelled'),
          blocked_steps: count((step) => step.current_state === 'error' && step.next_retry_at === null),
          ready_steps: count((step) => step.ready_for_execution),
        };
        const [status, action] =
          expected.blocked_steps > 0
            ? ['blocked_by_failures', 'handle_failures']
            : expected.ready_steps > 0
              ? ['has_ready_steps', 'execute_ready_steps']
              : expected.in_progress_steps > 0
                ? ['processing', 'wait_for_completion']
                : completed + expected.cancelled_steps === own.length
                  ? ['all_complete', 'finalize_task']
                  : ['waiting_for_dependencies', 'wait_for_dependencies'];
        expect(context).toMatchObject({
          ...expected,
          execution_status: status,
          recommended_action: action,
          completion_percentage: ((100 * completed) / own.length).toFixed(2),
          health_status: expected.blocked_steps > 0 ? 'blocked' : expected.failed_steps > 0 ? 'recovering' : 'healthy',
        });
      }
    }),
  );

  test('v03 returns the graph of v02, and for each open step that is not ready the reason', { timeout: 120_000 }, () =>
    forRandomTasks(async (client) => {
      expect(await all(client, 'v03.tasker_step_dag_relationships')).toEqual(
        await all(client, 'v02.tasker_step_dag_relationships'),
      );
      const steps = await readinessV03(client);
      const summaries = await all<{
        task_id: string;
        next_executable_step_ids: number[] | null;
        blocked_step_ids: number[] | null;
        blocking_reasons: string[] | null;
      }>(client, 'v03.tasker_task_workflow_summaries');
      for (const summary of summaries) {
        const own = steps.filter((step) => step.task_id === summary.task_id);
        const ready = own.filter((step) => step.ready_for_execution);
        const blocked = own.filter(
          (step) => !step.ready_for_execution && ['pending', 'error'].includes(step.current_state),
        );
        expect(summary.next_executable_step_ids ?? []).toEqual(ready.map((step) => Number(step.workflow_step_id)));
        expect(summary.blocked_step_ids ?? []).toEqual(blocked.map((step) => Number(step.workflow_step_id)));
        expect(summary.blocking_reasons ?? []).toEqual(
          blocked.map((step) =>
            step.dependencies_satisfied
              ? step.retry_eligible
                ? 'retry_due'
                : 'retry_not_eligible'
              : 'dependencies_not_satisfied',
          ),
        );
      }
    }),
  );
});
