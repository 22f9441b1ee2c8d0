import { beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import {
  findForeignTasks,
  renumberEdges,
  renumberSteps,
  renumberTransitions,
} from '../../src/db/statements/tasks/adopt-tasks.ts';
import { listTaskStates } from '../../src/db/reads/task-states.ts';
import { HIGHEST_TASK_ID } from '../../src/workflow/step-id.ts';
import { defineWorkflow } from '../../src/workflow/define-workflow.ts';
import { loadTasks } from '../support/load-tasks.ts';
import { diamond, useEngine } from '../engine/engine-fixture.ts';

const engine = await useEngine();
const { query, pool } = engine.test;

/** A task of Tasker (Ruby) with ids that were ordered by time: its id times 65,536 is no bigint. */
const HIGH = String(HIGHEST_TASK_ID * 2n);
/** Few of very many steps are of it. */
const rare = defineWorkflow({ name: 'rare', namespace: 'shop', input: z.unknown() }).step('only', () => 1);
let workflow: number;

beforeAll(async () => {
  await loadTasks(pool, { namedTaskId: await engine.workflow(diamond), tasks: 2000, progress: [-1] });
  workflow = await engine.workflow(rare);
  await engine.submitOne(workflow);
  await query(
    `INSERT INTO tasker.tasker_tasks (task_id, named_task_id, context, identity_hash) OVERRIDING SYSTEM VALUE VALUES ($1, $2, '{}', 'high')`,
    [HIGH, workflow],
  );
  await query(
    `INSERT INTO tasker.tasker_workflow_steps (task_id, workflow_step_id, named_step_id, named_task_id)
     SELECT $1, $1::bigint + ordinal, named_step_id, named_task_id FROM tasker.tasker_named_tasks_named_steps WHERE named_task_id = $2`,
    [HIGH, workflow],
  );
  await query('ANALYZE');
});

describe('a task whose id is too high for step ids', () => {
  it.each(['0', '1'])('is read with its steps (namespaces given: %s)', async (given) => {
    const namespaces = given === '1' ? [rare.namespace] : undefined;
    const [row] = await engine.db.run(listTaskStates, { task_id: HIGH, namespaces, since: undefined });
    expect(JSON.parse(row?.steps ?? '[]')).toHaveLength(rare.steps.length);
  });

  // Where few steps are of the workflow, the planner joins the steps with the templates first: an id that is computed there is of
  // any task of the workflow.
  it.each([renumberTransitions, renumberEdges, renumberSteps])(
    'does not fail $name of other tasks, in whichever order the planner joins them',
    async (statement) => {
      const others = Array.from({ length: 100_000 }, (_, n) => String(n + 1_000_000));
      const connection = await pool.connect();
      try {
        await connection.query('BEGIN');
        const values = [...statement.values({ named_task_id: workflow, task_ids: others })];
        expect(await connection.query(statement.text, values)).toMatchObject({ rows: [] });
      } finally {
        await connection.query('ROLLBACK');
        connection.release();
      }
    },
  );

  it('is found to be of no graph of the workflow', async () => {
    for (const off of ['hashjoin', 'mergejoin', 'nestloop']) {
      const connection = await pool.connect();
      try {
        await connection.query('BEGIN');
        await connection.query(`SET LOCAL enable_${off} = off`);
        const { rows } = await connection.query(findForeignTasks.text, [
          ...findForeignTasks.values({ named_task_id: workflow }),
        ]);
        expect(rows).toContainEqual({ task_id: HIGH, shape: null });
      } finally {
        await connection.query('ROLLBACK');
        connection.release();
      }
    }
  });
});
