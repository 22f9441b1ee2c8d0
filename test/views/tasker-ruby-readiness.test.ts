import { beforeAll, describe, expect, test } from 'vitest';
import { viewBody } from '../../migrations/support/views.ts';
import { migrateTo, migrateToLatest } from '../../src/db/migrate.ts';
import { useTestDatabase } from '../support/test-database.ts';
import { insertTasks, registerTypes, stepId, type StepRows, type TaskRows } from './rows.ts';
import { began, failed, open, type Readiness, type Situation, SITUATIONS } from './tasker-ruby-cases.ts';
import { installViews } from './view-versions.ts';

/**
 * The situations in which versions of Tasker (Ruby)'s readiness disagree, or are all wrong. Each is written as Tasker (Ruby) wrote it,
 * read by the views of version 1 and 2, migrated, and read by version 3. `ours` says how and why version 3 differs.
 */
const database = await useTestDatabase({ empty: true });

const taskOf = (index: number): string => String(index + 1);
const lastStep = ({ steps }: Situation, index: number): string =>
  stepId(taskOf(index), (steps.at(-1) as StepRows).ordinal);

async function readinessIn(schema: string): Promise<Map<string, Readiness>> {
  const rows = await database.query<Readiness & { workflow_step_id: string }>(
    `SELECT workflow_step_id, ready_for_execution, current_state, retry_eligible, dependencies_satisfied
     FROM ${schema}.tasker_step_readiness_statuses`,
  );
  return new Map(rows.map(({ workflow_step_id, ...columns }) => [workflow_step_id, columns]));
}

const seen: Record<'v01' | 'v02' | 'v03', Map<string, Readiness>> = { v01: new Map(), v02: new Map(), v03: new Map() };
let refused: unknown;
const nulls: unknown[] = [];

beforeAll(async () => {
  await migrateTo(database.url, '0003_views_v02');
  await installViews(database.pool, ['v01', 'v02']);
  const client = await database.pool.connect();
  try {
    await registerTypes(client);
    await insertTasks(
      client,
      SITUATIONS.map(({ task, steps }, index): TaskRows => ({
        taskId: taskOf(index),
        steps,
        ...(task === undefined ? {} : { history: task }),
      })),
    );
    seen.v01 = await readinessIn('v01');
    seen.v02 = await readinessIn('v02');
    refused = await client
      .query(
        `INSERT INTO tasker.tasker_workflow_step_edges (task_id, from_step_id, to_step_id)
         SELECT task_id, from_step_id, to_step_id FROM tasker.tasker_workflow_step_edges LIMIT 1`,
      )
      .catch((error: unknown) => error);
    for (const change of ['attempts = NULL', 'retryable = NULL']) {
      nulls.push(
        await client
          .query(`UPDATE tasker.tasker_workflow_steps SET ${change}`)
          .catch((error: { code?: unknown }) => error.code),
      );
    }
  } finally {
    client.release();
  }
  await database.query('DROP SCHEMA v01 CASCADE');
  await database.query('DROP SCHEMA v02 CASCADE');
  await migrateToLatest(database.url);
  seen.v03 = await readinessIn('tasker');
});

describe('readiness in Tasker (Ruby) and in version 3, case by case', () => {
  test.each(SITUATIONS.map((each, index) => ({ ...each, index })))('$row: $situation', ({ index, ...each }) => {
    const step = lastStep(each, index);
    expect(seen.v01.get(step)?.ready_for_execution, 'v01').toBe(each.rubyTasker);
    expect(seen.v02.get(step)?.ready_for_execution, 'v02').toBe(each.rubyTasker);
    expect(seen.v03.get(step), 'v03').toMatchObject(each.ours);
  });

  test('b: attempts of NULL, with which no step was ever ready, cannot be stored', () => {
    expect(nulls).toEqual(['23502', '23502']);
  });

  test('t: a duplicate edge, which Tasker (Ruby) counted twice, cannot be stored', () => {
    expect(refused).toMatchObject({ code: '23505' });
  });
});

/** The bug of Tasker (Ruby): a failure counted only while it was the newest transition, so a step that was set to pending had none. */
const BROKEN_JOIN = `WHERE to_state = 'error' AND most_recent`;

describe('the retry fix of version 2', () => {
  const fixed = viewBody('tasker_step_readiness_statuses', 2);

  /** The view's row of a step that failed a second ago and was set to pending: case g. */
  async function readinessBy(body: string): Promise<{ last_failure_at: Date | null; ready_for_execution: boolean }> {
    const [row] = await database.query<{ last_failure_at: Date | null; ready_for_execution: boolean }>(
      `SELECT last_failure_at, ready_for_execution FROM (${body}) v WHERE workflow_step_id = $1`,
      [stepId('9001', 1)],
    );
    return row as { last_failure_at: Date | null; ready_for_execution: boolean };
  }

  beforeAll(async () => {
    const client = await database.pool.connect();
    try {
      await insertTasks(client, [
        {
          taskId: '9001',
          history: open,
          steps: [
            {
              ordinal: 1,
              attempts: 5,
              retryLimit: 9,
              lastAttempted: 1,
              history: [began(2), failed(1), { to: 'pending', secondsAgo: 0 }],
              engine: { unmetParents: 0, ready: true },
            },
          ],
        },
      ]);
    } finally {
      client.release();
    }
  });

  test('returns a failure of any age, whatever its most_recent', async () => {
    const row = await readinessBy(fixed);
    expect(row.last_failure_at).toBeInstanceOf(Date);
    expect(row.ready_for_execution).toBe(false);
  });

  test('is necessary for that: with the broken join the failure is missing and the step runs at once', async () => {
    const broken = fixed.replace(`WHERE to_state = 'error'`, BROKEN_JOIN);
    expect(broken).not.toBe(fixed);
    expect(await readinessBy(broken)).toEqual({ last_failure_at: null, ready_for_execution: true });
  });

  test('holds in version 3', async () => {
    expect((await readinessBy(viewBody('tasker_step_readiness_statuses', 3))).last_failure_at).toBeInstanceOf(Date);
  });
});
