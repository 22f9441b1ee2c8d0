import { afterAll, expect, it } from 'vitest';
import { z } from 'zod';
import { Client } from '../../src/client/client.ts';
import { fireDue } from '../../src/schedules/fire-due.ts';
import { fakeContext, runWorkflow } from '../../src/testing/index.ts';
import { defineWorkflow } from '../../src/workflow/define-workflow.ts';
import type { TaskOccurrence } from '../../src/workflow/task-occurrence.ts';
import { useWorkers } from './worker-fixture.ts';

const fleet = await useWorkers();
const client = new Client({ url: fleet.test.url, preparedStatements: fleet.test.directUrl !== undefined });
afterAll(() => client.close());

const seen: Record<string, TaskOccurrence | undefined> = {};
const report = defineWorkflow({ name: 'report', input: z.unknown() })
  .step('a', ({ schedule }) => {
    seen['a'] = schedule;
  })
  .step('b', { dependsOn: ['a'] }, ({ schedule }) => {
    seen['b'] = schedule;
    return schedule?.scheduledAt.toISOString() ?? null;
  });

it.each([
  ['from the results in memory', {}],
  ['loaded', { resultCacheBytes: 0 }],
  ['from the claim of each step', { fusedClaims: false }],
])('a task of a schedule knows its occurrence in every step, %s', async (name, changes) => {
  const key = name.replaceAll(' ', '-');
  await client.schedule(report, { key, cron: '30 2 * * *', input: {} });
  await fleet.test.query(
    `UPDATE tasker_cron.schedule SET data = data || '{"since": "2026-01-01T00:00:00Z"}' WHERE key = $1`,
    [key],
  );
  await fireDue(fleet.db, 'tasker_cron', { key, now: new Date('2026-05-01T02:36:00Z') });
  const [task] = await client.listTasks({ schedule: key });
  await fleet.start([report], changes);
  await fleet.taskIn(task?.task_id as string, ['complete']);
  const occurrence = { name: key, scheduledAt: new Date('2026-05-01T02:30:00Z'), madeUp: true };
  expect(seen).toEqual({ a: occurrence, b: occurrence });
  const stored = { name: key, scheduled_at: '2026-05-01T02:30:00.000Z', made_up: true };
  expect(task?.schedule).toEqual(stored);
  expect((await client.getTask(task?.task_id as string))?.schedule).toEqual(stored);
});

it('any other task knows of none', async () => {
  await fleet.start([report]);
  const { taskId } = await client.submit(report, {});
  await fleet.taskIn(taskId, ['complete']);
  expect(seen).toEqual({ a: undefined, b: undefined });
  expect((await client.getTask(taskId))?.schedule).toBeNull();
});

it('in the test kit it is an option', async () => {
  const schedule = { name: 'nightly', scheduledAt: new Date('2026-05-01T02:30:00Z'), madeUp: false };
  const { results } = await runWorkflow(report, { input: {}, schedule });
  expect(results.b).toBe('2026-05-01T02:30:00.000Z');
  expect(fakeContext({ schedule }).schedule).toEqual(schedule);
  expect(fakeContext().schedule).toBeUndefined();
});
