import { afterAll, expect, it } from 'vitest';
import { z } from 'zod';
import { createClient } from '../../src/client/client.ts';
import { findTaggedTasks, purgeTasks } from '../../src/db/statements/tasks/purge-tasks.ts';
import { InvalidInputError } from '../../src/errors.ts';
import { defineWorkflow } from '../../src/workflow/define-workflow.ts';
import { useTestDatabase } from '../support/test-database.ts';
import { waitFor } from '../support/wait-for.ts';

const test = await useTestDatabase();
const client = createClient({ url: test.url, poolSize: 4, notify: false });
afterAll(() => client.close());
const order = defineWorkflow({ name: 'order', input: z.unknown(), identity: 'caller_key' }).step('pay', () => 1);

it('purges what has a tag in several batches, and reports the sums', async () => {
  const requests = Array.from({ length: 230 }, (_, n) => ({
    input: { n },
    key: `tagged ${n}`,
    tags: n % 10 === 0 ? ['tenant=ab'] : ['tenant=a', 'other'],
  }));
  const ids: string[] = [];
  for await (const { taskId } of client.submitMany(order, requests)) ids.push(taskId);
  expect(await client.purge({ tag: 'tenant=a' }, { dryRun: true, open: true })).toMatchObject({
    tasks: 207,
    steps: 207,
  });
  expect(await client.purge({ tag: 'tenant=a' })).toMatchObject({ tasks: 0, keptTasks: 207 });
  expect(await client.purge({ tag: 'tenant=a' }, { open: true })).toEqual({
    tasks: 207,
    steps: 207,
    edges: 0,
    transitions: 0,
    kept: [],
    keptTasks: 0,
    missing: [],
    archived: { tasks: 0, steps: 0, edges: 0, transitions: 0, objects: 0 },
  });
  expect((await client.listTasks({ limit: 1000 })).map((task) => task.tags)).toEqual(
    Array.from({ length: 23 }, () => ['tenant=ab']),
  );
  expect(await client.purge({ taskIds: ids }, { open: true })).toMatchObject({ tasks: 23, keptTasks: 0 });
});

it('searches for a tag page by page, the newest tasks first, whatever a page has', async () => {
  const tagged: string[] = [];
  for (const [n, tags] of [['tenant=a'], ['tenant=ab'], ['x', 'tenant=a'], [], ['tenant=a']].entries())
    tagged.push((await client.submit(order, {}, { key: `page ${n}`, tags })).taskId);
  const found: unknown[] = [];
  for (let below: unknown = null; found.length < 3;) {
    const { rows } = await test.pool.query<{ found: string[]; last: string | null }>(findTaggedTasks.text, [
      ...findTaggedTasks.values({ tag: 'tenant=a', below: below as string | null, size: 2 }),
    ]);
    found.push(rows[0]?.found);
    below = rows[0]?.last;
  }
  expect(found).toEqual([[tagged[4]], [tagged[2]], [tagged[0]]]);
});

it('lets a submit create a new task that finds its identity taken by one that is being purged', async () => {
  const { taskId } = await client.submit(order, {}, { key: 'purged meanwhile' });
  const purging = await test.pool.connect();
  try {
    await purging.query('BEGIN');
    await purging.query(purgeTasks.text, [...purgeTasks.values({ task_ids: [taskId] })]);
    const submitting = client.submit(order, {}, { key: 'purged meanwhile' });
    await waitFor(async () => (await test.query('SELECT FROM pg_locks WHERE NOT granted')).length > 0, {
      what: 'the submit to wait for the purge',
    });
    await purging.query('COMMIT');
    const submitted = await submitting;
    expect(submitted.outcome).toBe('created');
    expect(submitted.taskId).not.toBe(taskId);
  } finally {
    purging.release();
  }
});

it.each([
  [{}, /either taskIds or a tag/],
  [{ taskIds: ['1'], tag: 'x' }, /either taskIds or a tag/],
  [{ tag: '' }, /^tag is ""/],
  [{ tag: 'a\u0000' }, /^tag is .*: use a text without/],
  [{ taskIds: '1' }, /^taskIds is "1": use an array/],
  [{ taskIds: ['1', 'x'] }, /^task id "x" is no id/],
])('%j is refused, and says what to give', async (selection, message) => {
  const refused = client.purge(selection as never);
  await expect(refused).rejects.toThrow(InvalidInputError);
  await expect(refused).rejects.toThrow(message);
});

it('is in the audit also if there is nothing of what it names', async () => {
  const action = { by: 'ada', reason: 'the customer asked' };
  for (const [selection, subject, id] of [
    [{ tag: 'tenant=nobody' }, 'tag', 'tenant=nobody'],
    [{ taskIds: ['424242'] }, 'task', '424242'],
    [{ taskIds: ['424242', '424243'] }, 'task', '2 tasks'],
  ] as const) {
    await client.purge(selection, { ...action, dryRun: true });
    await client.purge(selection, action);
    const rows = await test.query(
      `SELECT subject, by, reason, outcome, refused FROM tasker.tasker_audit WHERE act = 'task.purge' AND by = 'ada' AND subject_id = $1`,
      [id],
    );
    expect(rows).toEqual([{ subject, ...action, outcome: 'not_found', refused: true }]);
  }
});
