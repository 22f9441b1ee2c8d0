import { beforeAll, describe, expect, test } from 'vitest';
import { viewBody } from '../../migrations/support/views.ts';
import { migrateTo, migrateToLatest } from '../../src/db/migrate.ts';
import { useTestDatabase } from '../support/test-database.ts';
import { type Event, insertTasks, registerTypes, stepId, type StepRows, type TaskRows } from './rows.ts';
import { installViews } from './view-versions.ts';

/**
 * The situations in which versions of the ancestor's readiness disagree, or are all wrong, each written as the ancestor
 * wrote it, looked at by version 1 and 2, migrated, and looked at by version 3. `ours` says how and why version 3 differs.
 */
const database = await useTestDatabase({ empty: true });

interface Answer {
  ready_for_execution: boolean;
  current_state: string;
  retry_eligible: boolean;
  dependencies_satisfied: boolean;
}

interface Situation {
  row: string;
  situation: string;
  steps: StepRows[];
  task?: Event[];
  /** ready_for_execution of the last step, in versions 1 and 2. */
  ancestor: boolean;
  ours: Partial<Answer>;
}

const MINUTE = 60;
/** Long ago: every backoff of 30 s or less is over. */
const AGO = 10 * MINUTE;
const began = (secondsAgo: number): Event => ({ to: 'in_progress', secondsAgo });
const failed = (secondsAgo: number): Event => ({ to: 'error', secondsAgo });
const open: Event[] = [began(AGO)];
const parent = (to: string): StepRows => ({ ordinal: 1, history: [began(AGO), { to, secondsAgo: AGO - 1 }] });

const SITUATIONS: readonly Situation[] = [
  {
    row: 'a',
    situation: 'a new root is ready',
    steps: [{ ordinal: 1 }],
    ancestor: true,
    ours: { ready_for_execution: true, current_state: 'pending' },
  },
  {
    row: 'c',
    situation: 'a step that must not be retried has a first attempt',
    steps: [{ ordinal: 1, retryable: false }],
    ancestor: true,
    ours: { ready_for_execution: true },
  },
  {
    row: 'd',
    situation: 'a step that must not be retried is ready again after its failure; ours is blocked for good',
    task: open,
    steps: [{ ordinal: 1, retryable: false, attempts: 1, lastAttempted: AGO, history: [began(AGO), failed(AGO - 1)] }],
    ancestor: true,
    ours: { ready_for_execution: false, retry_eligible: false, current_state: 'error' },
  },
  {
    row: 'e',
    situation: 'a step that has just failed waits for its backoff',
    task: open,
    steps: [{ ordinal: 1, attempts: 5, retryLimit: 9, lastAttempted: 1, history: [began(1), failed(1)] }],
    ancestor: false,
    ours: { ready_for_execution: false, retry_eligible: false, current_state: 'error' },
  },
  {
    row: 'f',
    situation:
      'a failed step whose backoff is over is ready; ours is eligible, and ready once a scheduler has put it back',
    task: open,
    steps: [{ ordinal: 1, attempts: 1, lastAttempted: AGO, history: [began(AGO), failed(AGO)] }],
    ancestor: true,
    ours: { ready_for_execution: false, retry_eligible: true, current_state: 'error' },
  },
  {
    row: 'g',
    situation:
      'a step that was put back to pending within its backoff waits; ours is ready, because only a due retry or an operator puts a step back',
    task: open,
    steps: [
      {
        ordinal: 1,
        attempts: 5,
        retryLimit: 9,
        lastAttempted: 1,
        history: [began(2), failed(1), { to: 'pending', secondsAgo: 0 }],
      },
    ],
    ancestor: false,
    ours: { ready_for_execution: true, current_state: 'pending' },
  },
  {
    row: 'h',
    situation:
      'a pending step that never failed waits for a requested backoff; ours waits only in error, where the backoff is a retry’s',
    steps: [{ ordinal: 1, backoffRequestSeconds: 3600, lastAttempted: 0 }],
    ancestor: false,
    ours: { ready_for_execution: true },
  },
  {
    row: 'i',
    situation: 'a requested backoff without an attempt to count from waits for ever; ours is ready',
    steps: [{ ordinal: 1, backoffRequestSeconds: 30, lastAttempted: null }],
    ancestor: false,
    ours: { ready_for_execution: true },
  },
  {
    row: 'j',
    situation: 'a requested backoff that is over wins over a longer computed one',
    task: open,
    steps: [
      {
        ordinal: 1,
        attempts: 5,
        retryLimit: 9,
        backoffRequestSeconds: 1,
        lastAttempted: 3,
        history: [began(3), failed(2)],
      },
    ],
    ancestor: true,
    ours: { ready_for_execution: false, retry_eligible: true, current_state: 'error' },
  },
  {
    row: 'k',
    situation: 'a step without attempts left is not ready; ours is blocked, so that an operator finds it',
    task: open,
    steps: [{ ordinal: 1, attempts: 3, lastAttempted: AGO, history: [began(AGO), failed(AGO)] }],
    ancestor: false,
    ours: { ready_for_execution: false, retry_eligible: false, current_state: 'error' },
  },
  {
    row: 'l',
    situation: 'a retry limit of NULL is 3',
    task: open,
    steps: [{ ordinal: 1, retryLimit: null, attempts: 2, lastAttempted: AGO, history: [began(AGO), failed(AGO)] }],
    ancestor: true,
    ours: { ready_for_execution: false, retry_eligible: true, current_state: 'error' },
  },
  {
    row: 'm',
    situation: 'a retry limit of 0 allows nothing; ours is blocked instead of pending for ever',
    steps: [{ ordinal: 1, retryLimit: 0 }],
    ancestor: false,
    ours: { ready_for_execution: false, current_state: 'error' },
  },
  {
    row: 'n',
    situation: 'a processed step is not ready, and its row is there',
    task: open,
    steps: [
      { ordinal: 2, parents: [] },
      { ordinal: 1, attempts: 1, processed: true, history: [began(AGO), { to: 'complete', secondsAgo: AGO - 1 }] },
    ],
    ancestor: false,
    ours: { ready_for_execution: false, current_state: 'complete' },
  },
  {
    row: 'o',
    situation:
      'in_process alone keeps a pending step from running for ever; ours goes by the history, which says that nothing runs',
    steps: [{ ordinal: 1, inProcess: true }],
    ancestor: false,
    ours: { ready_for_execution: true, current_state: 'pending' },
  },
  {
    row: 'p',
    situation:
      'a step whose process died is never ready again; ours is released by the migration, and later by recovery',
    task: open,
    steps: [{ ordinal: 1, history: [began(AGO)] }],
    ancestor: false,
    ours: { ready_for_execution: true, current_state: 'pending' },
  },
  {
    row: 'q',
    situation: 'a parent that was resolved by hand satisfies its child',
    task: open,
    steps: [parent('resolved_manually'), { ordinal: 2, parents: [1] }],
    ancestor: true,
    ours: { ready_for_execution: true, dependencies_satisfied: true },
  },
  {
    row: 'r',
    situation: 'a parent that was cancelled does not',
    task: open,
    steps: [parent('cancelled'), { ordinal: 2, parents: [1] }],
    ancestor: false,
    ours: { ready_for_execution: false, dependencies_satisfied: false },
  },
  ...(['cancelled', 'error', 'complete'] as const).map((state): Situation => ({
    row: 's',
    situation: `a step of a task in ${state} is ready; ours is not`,
    task: [began(AGO), { to: state, secondsAgo: AGO - 1 }],
    steps: [{ ordinal: 1 }],
    ancestor: true,
    ours: { ready_for_execution: false, current_state: state === 'error' ? 'error' : 'cancelled' },
  })),
];

const taskOf = (index: number): string => String(index + 1);
const lastStep = ({ steps }: Situation, index: number): string =>
  stepId(taskOf(index), (steps.at(-1) as StepRows).ordinal);

async function answers(schema: string): Promise<Map<string, Answer>> {
  const rows = await database.query<Answer & { workflow_step_id: string }>(
    `SELECT workflow_step_id, ready_for_execution, current_state, retry_eligible, dependencies_satisfied
     FROM ${schema}.tasker_step_readiness_statuses`,
  );
  return new Map(rows.map(({ workflow_step_id, ...answer }) => [workflow_step_id, answer]));
}

const seen: Record<'v01' | 'v02' | 'v03', Map<string, Answer>> = { v01: new Map(), v02: new Map(), v03: new Map() };
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
    seen.v01 = await answers('v01');
    seen.v02 = await answers('v02');
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
  seen.v03 = await answers('tasker');
});

describe('the ancestor’s readiness, case by case', () => {
  test.each(SITUATIONS.map((each, index) => ({ ...each, index })))('$row: $situation', ({ index, ...each }) => {
    const step = lastStep(each, index);
    expect(seen.v01.get(step)?.ready_for_execution, 'v01').toBe(each.ancestor);
    expect(seen.v02.get(step)?.ready_for_execution, 'v02').toBe(each.ancestor);
    expect(seen.v03.get(step), 'v03').toMatchObject(each.ours);
  });

  test('b: attempts of NULL, with which no step was ever ready, cannot be stored', () => {
    expect(nulls).toEqual(['23502', '23502']);
  });

  test('t: an edge that is there twice, which the ancestor counted twice, cannot be stored', () => {
    expect(refused).toMatchObject({ code: '23505' });
  });
});

/** The ancestor's bug: a failure counted only while it was the newest transition, so a step put back to pending had none. */
const BROKEN_JOIN = `WHERE to_state = 'error' AND most_recent`;

describe('the retry fix of version 2', () => {
  const fixed = viewBody('tasker_step_readiness_statuses', 2);

  /** What the view says of a step that failed a second ago and was put back to pending: row g. */
  async function lookAt(body: string): Promise<{ last_failure_at: Date | null; ready_for_execution: boolean }> {
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

  test('sees a failure of any age, whatever its most_recent', async () => {
    const row = await lookAt(fixed);
    expect(row.last_failure_at).toBeInstanceOf(Date);
    expect(row.ready_for_execution).toBe(false);
  });

  test('is what that depends on: with the broken join the failure is gone and the step runs at once', async () => {
    const broken = fixed.replace(`WHERE to_state = 'error'`, BROKEN_JOIN);
    expect(broken).not.toBe(fixed);
    expect(await lookAt(broken)).toEqual({ last_failure_at: null, ready_for_execution: true });
  });

  test('holds in version 3', async () => {
    expect((await lookAt(viewBody('tasker_step_readiness_statuses', 3))).last_failure_at).toBeInstanceOf(Date);
  });
});
