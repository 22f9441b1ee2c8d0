import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { z } from 'zod';
import { createProgram } from '../../src/cli/program.ts';
import { createClient } from '../../src/client/client.ts';
import { openDatabase } from '../../src/db/connections/database.ts';
import { createLogger } from '../../src/logger.ts';
import { Metrics } from '../../src/metrics/registry.ts';
import { removeDueTasks } from '../../src/scheduler/chores/remove-due-tasks.ts';
import { defineWorkflow } from '../../src/workflow/define-workflow.ts';
import { useTestDatabase } from '../support/test-database.ts';

const test = await useTestDatabase();
const client = createClient({ url: test.url, poolSize: 2, notify: false });
const db = openDatabase({ url: test.url, poolSize: 2 });
afterAll(async () => {
  await client.close();
  await db.close();
});
const order = defineWorkflow({ name: 'orders', namespace: 'shop', input: z.unknown(), keep: { cancelled: '7d' } }).step(
  'pay',
  () => 1,
);

const ids = { old: '', young: '' };

/** Runs `tasker` with these arguments in this process. */
async function tasker(...args: string[]): Promise<{ output: string; status: number }> {
  vi.stubEnv('DATABASE_URL', test.url);
  const lines: string[] = [];
  const spy = vi.spyOn(console, 'log').mockImplementation((text: string) => void lines.push(text));
  let status = -1;
  try {
    await createProgram((given) => (status = given)).parseAsync(['node', 'tasker', ...args]);
  } finally {
    spy.mockRestore();
    vi.unstubAllEnvs();
  }
  return { output: lines.join('\n'), status };
}

beforeAll(async () => {
  for (const which of ['old', 'young'] as const) {
    ids[which] = (await client.submit(order, {}, { tags: ['tenant=acme'] })).taskId;
    await client.cancel(ids[which]);
  }
  await test.query(
    `UPDATE tasker.tasker_tasks SET completed_at = completed_at - interval '8 days' WHERE task_id = $1`,
    [ids.old],
  );
  await test.query(`UPDATE tasker.tasker_run_stats_progress SET counted_until = clock_timestamp()`);
});

it('shows the policies in effect, says what may go, holds it, and lets the scheduler remove it', async () => {
  expect((await tasker('retention')).output).toContain('no scheduler of this version has started: nothing is removed');
  const metrics = new Metrics('scheduler');
  const chore = removeDueTasks({
    db,
    metrics,
    log: createLogger({ role: 'scheduler', level: 'silent' }),
    keep: 'complete=90d',
  });

  const added = await tasker('hold', 'add', '--tag', 'tenant=acme', '--reason', 'case 7', '--by', 'ada');
  expect(added).toEqual({ output: 'hold 1: tag tenant=acme is removed by nobody', status: 0 });
  expect((await tasker('hold', 'list')).output).toMatch(/1 +tag tenant=acme +\S+ +ada +case 7/);
  while ((await chore.run()).more);
  const purge = await tasker('purge', '--task', ids.old);
  expect(purge.status).toBe(4);
  expect(purge.output).toContain(
    `${ids.old} is kept by hold 1 on tenant=acme (case 7): it stays until that ends (tasker hold remove 1)`,
  );
  const dry = (await tasker('retention', '--dry-run')).output;
  expect(dry).toMatch(/shop\/orders +90d \(TASKER_KEEP\) +90d \(TASKER_KEEP\) +7d \(definition\) +forever/);
  expect(dry).toMatch(/shop\/orders +cancelled +0 +1 /);
  expect(dry).toContain('TASKER_KEEP of the schedulers: complete=90d; 1 legal hold (tasker hold list)');

  expect((await tasker('hold', 'remove', '1')).output).toBe('hold 1 on tag tenant=acme has ended');
  expect((await tasker('retention', '--dry-run')).output).toMatch(/shop\/orders +cancelled +1 +0 /);
  while ((await chore.run()).more);
  expect(await client.getTask(ids.old)).toBeUndefined();
  expect(await client.getTask(ids.young)).toBeDefined();
  expect((await tasker('retention')).output).toMatch(/shop\/orders +cancelled +1 +1 +\d{4}-\d\d-\d\d/);
  expect(await metrics.registry.metrics()).toMatch(
    /tasker_retention_removed_tasks_total\{namespace="shop",workflow="orders",state="cancelled".*\} 1/,
  );
  expect(JSON.parse((await tasker('retention', '--dry-run', '--json')).output)).toMatchObject({
    tasker_keep: 'complete=90d',
    due: [],
    removed: [{ namespace: 'shop', workflow: 'orders', state: 'cancelled', tasks: 1, steps: 1 }],
  });
});

it('goes by the setting of the scheduler that started last, also in a database that was restored from a backup', async () => {
  const log = createLogger({ role: 'scheduler', level: 'silent' });
  const metrics = new Metrics('scheduler');
  const keepOf = async () => (await client.retention()).keep;
  const [one, two] = [
    removeDueTasks({ db, metrics, log, keep: 'complete=1d' }),
    removeDueTasks({ db, metrics, log, keep: 'complete=2d' }),
  ];
  await one.run();
  expect(await keepOf()).toBe('complete=1d');
  await two.run();
  await one.run();
  await two.run();
  expect(await keepOf()).toBe('complete=2d');
  await test.query(`UPDATE tasker.tasker_retention SET keep = '', keep_set_at = keep_set_at - interval '1 day'`);
  await two.run();
  await one.run();
  expect(await keepOf()).toBe('complete=2d');
});

it('refuses a hold on a task that is not there, and arguments that are none', async () => {
  expect(await tasker('hold', 'add', '--task', ids.old, '--reason', 'late')).toEqual({
    output: `there is no task ${ids.old}: nothing is held`,
    status: 3,
  });
  expect((await tasker('hold', 'remove', '77')).status).toBe(3);
  await expect(tasker('hold', 'add', '--reason', 'x')).rejects.toThrow('needs either --task or --tag');
  await expect(client.holds.add({ tag: '', reason: 'x' })).rejects.toThrow('tag is ""');
  await expect(client.holds.add({ tag: 'a', reason: ' ' })).rejects.toThrow('reason is');
  await expect(client.holds.add({ taskId: 'a', reason: 'x' })).rejects.toThrow('task id "a" is no id');
  await expect(client.holds.remove('one')).rejects.toThrow('tasker hold list has them');
  await expect(client.holds.add({ taskId: '1', tag: 'a', reason: 'x' } as never)).rejects.toThrow(
    'give one of the two',
  );
});

it('what was removed more than 400 days ago is forgotten', async () => {
  await test.query(
    `INSERT INTO tasker.tasker_retention_removed (day, named_task_id, state, tasks, steps)
     SELECT (now() AT TIME ZONE 'UTC')::date - age, 1, 'complete', 1, 1 FROM unnest(ARRAY[399, 400, 401, 2000]) AS age`,
  );
  const log = createLogger({ role: 'scheduler', level: 'silent' });
  await removeDueTasks({ db, metrics: new Metrics('scheduler'), log, keep: '' }).run();
  const left = await test.query<{ age: number }>(
    `SELECT (now() AT TIME ZONE 'UTC')::date - day AS age FROM tasker.tasker_retention_removed WHERE state = 'complete' ORDER BY 1`,
  );
  expect(left.map(({ age }) => age)).toEqual([399, 400]);
});
