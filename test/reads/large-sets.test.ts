import { afterAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { createClient } from '../../src/client/client.ts';
import type { Database } from '../../src/db/connections/database.ts';
import { isTooLarge, wasTooLarge } from '../../src/reads/large-sets.ts';
import { defineWorkflow } from '../../src/workflow/define-workflow.ts';
import { useEngine } from '../engine/engine-fixture.ts';
import { loadTasks } from '../support/load-tasks.ts';

const engine = await useEngine();
const { query, pool } = engine.test;
const client = createClient({ url: engine.test.url, notify: false });
afterAll(() => client.close());

describe('a set that was too large', () => {
  const db = {} as Database;
  const other = {} as Database;

  it('is tried again after a hundred times of what it cost to find out, and after 15 seconds at the latest', () => {
    isTooLarge(db, { ready: true }, 20, 1000);
    expect([wasTooLarge(db, { ready: true }, 2900), wasTooLarge(db, { ready: true }, 3100)]).toEqual([true, false]);
    isTooLarge(db, { ready: true }, 5000, 1000);
    expect([wasTooLarge(db, { ready: true }, 15_900), wasTooLarge(db, { ready: true }, 16_100)]).toEqual([true, false]);
  });

  it('says nothing about other steps, nor about another database', () => {
    isTooLarge(db, { ready: true }, 20, 1000);
    expect([wasTooLarge(db, { ready: false }, 1100), wasTooLarge(other, { ready: true }, 1100)]).toEqual([
      false,
      false,
    ]);
  });
});

it('a list has the same tasks by another source, while the set of open tasks is too large and after it', async () => {
  const one = await engine.workflow(
    defineWorkflow({ name: 'one', input: z.unknown() })
      .step('a', () => 1)
      .step('b', { dependsOn: ['a'] }, () => 1),
  );
  await loadTasks(pool, { namedTaskId: one, tasks: 30, progress: [1] });
  await loadTasks(pool, { namedTaskId: one, tasks: 10_500, progress: [0] });
  const [{ ids } = { ids: [] }] = await query<{ ids: string[] }>(
    `SELECT array_agg(task_id::text ORDER BY task_id DESC) AS ids FROM tasker.tasker_tasks WHERE state = 'in_progress'`,
  );
  expect(ids.length).toBe(30);
  const found = async (): Promise<string[]> => {
    const all: string[] = [];
    for await (const task of client.tasks({ states: ['in_progress'] })) all.push(task.task_id);
    return all;
  };
  expect(await found()).toEqual(ids);
  expect(await found()).toEqual(ids);
  // It is small from here on.
  await query(
    `DELETE FROM tasker.tasker_workflow_steps WHERE task_id > 30 + (SELECT min(task_id) FROM tasker.tasker_tasks)`,
  );
  expect(await found()).toEqual(ids);
});
