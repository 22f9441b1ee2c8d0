import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { z } from 'zod';
import { createClient } from '../../src/client/client.ts';
import type { TaskPage } from '../../src/client/task-list-client.ts';
import { InvalidInputError } from '../../src/errors.ts';
import type { TaskFilter } from '../../src/reads/task-filter.ts';
import { defineWorkflow } from '../../src/workflow/define-workflow.ts';
import { useEngine } from '../engine/engine-fixture.ts';
import { loadHistory, requestedAt } from '../support/long-history.ts';

const TASKS = 25_000;
const engine = await useEngine();
const client = createClient({ url: engine.test.url, poolSize: 2, notify: false });
afterAll(() => client.close());
const order = defineWorkflow({
  name: 'order',
  namespace: 'shop',
  identity: 'caller_key',
  reuse: 'afterEnd',
  input: z.unknown(),
}).step('a', () => 1);

beforeAll(async () => {
  const common = await engine.workflow(defineWorkflow({ name: 'common', input: z.unknown() }).step('a', () => 1));
  const rare = await engine.workflow(
    defineWorkflow({ name: 'rare', namespace: 'shop', version: '2.0.0', input: z.unknown() }).step('a', () => 1),
  );
  const [step] = await engine.test.query<{ id: number }>(`SELECT named_step_id AS id FROM tasker.tasker_named_steps`);
  await loadHistory(engine.test.pool, { common, rare, namedStep: step?.id as number, tasks: TASKS });
});

/** The ids that SQL finds without any index or page. */
async function idsWhere(condition: string): Promise<string[]> {
  const rows = await engine.test.query<{ task_id: string }>(
    `SELECT t.task_id FROM tasker.tasker_tasks t JOIN tasker.tasker_named_tasks k USING (named_task_id)
     WHERE t.task_id <= ${TASKS} AND (${condition}) ORDER BY t.task_id DESC`,
  );
  return rows.map((row) => row.task_id);
}

async function walk(filter: TaskFilter, limit: number): Promise<{ ids: string[]; pages: TaskPage[] }> {
  const pages = [await client.taskPage({ ...filter, limit })];
  for (let last = pages.at(-1); last?.nextCursor !== undefined; last = pages.at(-1)) {
    pages.push(await client.taskPage({ cursor: last.nextCursor, limit }));
  }
  return { ids: pages.flatMap((page) => page.tasks.map((task) => task.task_id)), pages };
}

const SINCE = requestedAt(8000);
const BEFORE = requestedAt(8500);
const failing = (text: string): string => `EXISTS (
  SELECT FROM tasker.tasker_workflow_step_transitions x
  WHERE x.task_id = t.task_id AND x.to_state = 'error' AND x.metadata::text ILIKE '%${text}%')`;

describe('a walk from page to page has the tasks that pass the filter, each once, the newest first:', () => {
  it.each<[string, TaskFilter, string]>([
    ['a workflow', { workflow: 'rare' }, `k.name = 'rare'`],
    ['a version', { workflow: 'rare', version: '2.0.0' }, `k.name = 'rare'`],
    ['a version that does not exist', { workflow: 'rare', version: '1.0.0' }, 'false'],
    ['a namespace', { namespace: 'shop' }, `k.name = 'rare'`],
    ['a state', { states: ['error'] }, `t.state = 'error'`],
    ['open states', { states: ['pending', 'in_progress', 'error'] }, `t.state IN ('pending', 'error')`],
    ['a state that nothing is in', { states: ['in_progress'] }, 'false'],
    ['cancelled', { states: ['cancelled'] }, `t.state = 'cancelled'`],
    ['cancelled or resolved', { states: ['cancelled', 'resolved_manually'] }, `t.state = 'cancelled'`],
    ['states of several sources', { states: ['cancelled', 'error'] }, `t.state IN ('cancelled', 'error')`],
    ['a rare tag', { tags: ['vip'] }, `t.tags @> '["vip"]'`],
    ['a tag among others', { tags: ['acme'], workflow: 'rare' }, `t.tags @> '["acme"]' AND k.name = 'rare'`],
    ['two tags', { tags: ['vip', 'acme'] }, `t.tags @> '["vip", "acme"]'`],
    ['an initiator', { initiator: 'alice' }, `t.initiator = 'alice'`],
    ['an initiator and a state', { initiator: 'alice', states: ['complete'] }, `t.initiator = 'alice'`],
    ['a schedule by itself', { schedule: 'nightly' }, `t.schedule ->> 'name' = 'nightly'`],
    ['a schedule that submitted nothing', { schedule: 'unknown' }, 'false'],
    [
      'an initiator in an open state',
      { initiator: 'web', states: ['pending'] },
      `t.initiator = 'web' AND t.state = 'pending'`,
    ],
    [
      'a frequent workflow',
      { workflow: 'common', states: ['pending', 'cancelled'] },
      `k.name = 'common' AND t.state IN ('pending', 'cancelled')`,
    ],
    [
      'a schedule, among the tasks of a workflow',
      { schedule: 'nightly', workflow: 'rare' },
      `t.schedule ->> 'name' = 'nightly' AND k.name = 'rare'`,
    ],
    ['an error', { error: 'econnreset' }, `t.state = 'error' AND ${failing('ECONNRESET')}`],
    ['an error by its message', { error: 'SHOP 397' }, `t.state = 'error' AND ${failing('shop 397')}`],
    ['an error in a workflow', { error: 'shop', workflow: 'rare' }, `t.state = 'error' AND k.name = 'rare'`],
    [
      'a time',
      { requestedSince: SINCE, requestedBefore: BEFORE },
      `t.requested_at >= '${SINCE.toISOString()}' AND t.requested_at < '${BEFORE.toISOString()}'`,
    ],
    [
      'a time and a workflow',
      { requestedSince: SINCE, workflow: 'rare' },
      `t.requested_at >= '${SINCE.toISOString()}' AND k.name = 'rare'`,
    ],
    [
      'a time of the end',
      { endedSince: SINCE, endedBefore: BEFORE },
      `t.completed_at >= '${SINCE.toISOString()}' AND t.completed_at < '${BEFORE.toISOString()}'`,
    ],
    ['attempts', { attemptsFrom: 2 }, `t.state = 'error'`],
    ['an initiator in error', { initiator: 'web', states: ['error'] }, `t.initiator = 'web' AND t.state = 'error'`],
    ['a tag in error', { tags: ['acme'], states: ['error'] }, `t.tags @> '["acme"]' AND t.state = 'error'`],
    [
      'a workflow, ended by hand',
      { workflow: 'rare', states: ['cancelled'] },
      `k.name = 'rare' AND t.state = 'cancelled'`,
    ],
    ['complete', { states: ['complete'], workflow: 'rare' }, `t.state = 'complete' AND k.name = 'rare'`],
    ['a time before everything', { requestedBefore: requestedAt(1) }, 'false'],
    ['a time after everything', { requestedSince: requestedAt(TASKS + 1) }, 'false'],
  ])('%s', async (_, filter, condition) => {
    const expected = await idsWhere(condition);
    const { ids, pages } = await walk(filter, 13);
    expect(ids).toEqual(expected);
    expect(pages.every((page) => page.tasks.length <= 13)).toBe(true);
    // The list as one array, and as an iterator.
    expect((await client.listTasks({ ...filter, limit: 1000 })).map((task) => task.task_id)).toEqual(
      expected.slice(0, 1000),
    );
    const iterated: string[] = [];
    for await (const task of client.tasks(filter)) iterated.push(task.task_id);
    expect(iterated).toEqual(expected);
  });
});

describe('a page', () => {
  it('has no more tasks than its limit, although all tasks would pass', async () => {
    const page = await client.taskPage({ limit: 3 });
    expect(page.tasks.map((task) => task.task_id)).toEqual([TASKS, TASKS - 1, TASKS - 2].map(String));
    expect(page).toMatchObject({ complete: true, scannedTo: requestedAt(TASKS - 2) });
    expect(Math.abs(page.asOf.getTime() - Date.now())).toBeLessThan(60_000);
  });

  it('that reaches the end has no cursor', async () => {
    expect(await client.taskPage({ workflow: 'rare', limit: 1000 })).toMatchObject({
      nextCursor: undefined,
      complete: true,
      scannedTo: undefined,
    });
  });

  it('of a filter without an index ends when it has read enough, says how far back it looked, and goes on', async () => {
    const rare: TaskFilter = { states: ['in_progress', 'resolved_manually'] };
    const page = await client.taskPage(rare);
    expect(page).toMatchObject({ tasks: [], complete: false });
    expect(page.scannedTo?.getTime()).toBeLessThan(requestedAt(TASKS - 1000).getTime());
    expect(page.scannedTo?.getTime()).toBeGreaterThan(requestedAt(1).getTime());
    const { pages } = await walk(rare, 50);
    expect(pages.length).toBeGreaterThan(1);
    expect(pages.at(-1)).toMatchObject({ tasks: [], complete: true, nextCursor: undefined });
  });

  it('goes on behind a task of which several steps fail, and has each task once', async () => {
    const before = await idsWhere(`t.state = 'error'`);
    await engine.test.query(
      `INSERT INTO tasker.tasker_workflow_steps (task_id, workflow_step_id, named_step_id, named_task_id, state, blocked_at)
       SELECT s.task_id, s.workflow_step_id + n, s.named_step_id, s.named_task_id, 'error', s.blocked_at
       FROM tasker.tasker_workflow_steps s CROSS JOIN generate_series(1, 7) AS n
       WHERE s.blocked_at IS NOT NULL`,
    );
    for (const limit of [1, 2, 5]) expect((await walk({ states: ['error'] }, limit)).ids).toEqual(before);
    await engine.test.query(
      `DELETE FROM tasker.tasker_workflow_steps WHERE blocked_at IS NOT NULL AND workflow_step_id % 65536 > 1`,
    );
  });

  it('with tasks at the newest end only has all of them at once', async () => {
    const page = await client.taskPage({ states: ['pending'], limit: 50 });
    expect(page).toMatchObject({ complete: true, nextCursor: undefined });
    expect(page.tasks).toHaveLength(30);
  });

  it('goes on at its place while tasks are submitted', async () => {
    const first = await client.taskPage({ states: ['pending'], limit: 5 });
    await engine.submitOne(
      await engine.workflow(defineWorkflow({ name: 'young', input: z.unknown() }).step('a', () => 1)),
    );
    const next = await client.taskPage({ cursor: first.nextCursor, limit: 5 });
    expect([...first.tasks, ...next.tasks].map((task) => task.task_id)).toEqual(
      (await idsWhere(`t.state = 'pending'`)).slice(0, 10),
    );
  });

  it('begins below an id', async () => {
    const page = await client.taskPage({ after: '100', limit: 2 });
    expect(page.tasks.map((task) => task.task_id)).toEqual(['99', '98']);
  });
});

describe('behind 30,000 newer tasks that wait for their first step, the first page', () => {
  const WAITING = 30_000;
  beforeAll(async () => {
    await engine.test.query(
      `INSERT INTO tasker.tasker_tasks (task_id, named_task_id, context, identity_hash)
       SELECT i, (SELECT min(named_task_id) FROM tasker.tasker_named_tasks), '{}', 'waiting ' || i
       FROM generate_series(100001, 100000 + ${WAITING}) AS i`,
    );
    await engine.test.query(
      `INSERT INTO tasker.tasker_workflow_steps (task_id, workflow_step_id, named_step_id, named_task_id, ready_at)
       SELECT t.task_id, t.task_id * 65536 + 1, (SELECT min(named_step_id) FROM tasker.tasker_named_steps), t.named_task_id, t.requested_at
       FROM tasker.tasker_tasks t WHERE t.task_id > 100000`,
    );
    await engine.test.query(`ANALYZE tasker.tasker_tasks, tasker.tasker_workflow_steps`);
  });
  afterAll(async () => {
    await engine.test.query(`DELETE FROM tasker.tasker_workflow_steps WHERE task_id > 100000`);
    await engine.test.query(`DELETE FROM tasker.tasker_tasks WHERE task_id > 100000`);
  });

  it.each<[string, TaskFilter, string]>([
    ['in error', { states: ['error'] }, `t.state = 'error'`],
    ['with an error', { error: 'econnreset' }, `t.state = 'error' AND ${failing('ECONNRESET')}`],
    ['that have ended', { states: ['complete'] }, `t.state = 'complete'`],
    ['that ended since a time', { endedSince: SINCE }, `t.completed_at >= '${SINCE.toISOString()}'`],
    ['that ended before a time', { endedBefore: BEFORE }, `t.completed_at < '${BEFORE.toISOString()}'`],
  ])('of tasks %s is full', async (_, filter, condition) => {
    const page = await client.taskPage({ ...filter, limit: 10 });
    expect(page.complete).toBe(true);
    expect(page.tasks.map((task) => task.task_id)).toEqual((await idsWhere(condition)).slice(0, 10));
  });
});

it('the key of a submit finds every task of its identity', async () => {
  const first = await client.submit(order, {}, { key: 'order 1' });
  await client.cancel(first.taskId);
  const second = await client.submit(order, {}, { key: 'order 1' });
  await client.submit(order, {}, { key: 'order 2' });
  const found = await client.listTasks({ namespace: 'shop', workflow: 'order', key: 'order 1' });
  expect(found.map((task) => task.task_id)).toEqual([second.taskId, first.taskId]);
  const open = await client.listTasks({ namespace: 'shop', workflow: 'order', key: 'order 1', states: ['pending'] });
  expect(open.map((task) => task.task_id)).toEqual([second.taskId]);
  expect(await client.listTasks({ namespace: 'shop', workflow: 'order', key: 'order 3' })).toEqual([]);
});

describe('refused before anything is read:', () => {
  it.each<[RegExp, object]>([
    [/^unknown option "state" of a list of tasks: did you mean "states"\?/, { state: ['error'] }],
    [/^states is empty/, { states: [] }],
    [/^tags is empty/, { tags: [] }],
    [/^tags is "vip": use an array/, { tags: 'vip' }],
    [/^error is empty/, { error: ' ' }],
    [/^key is given without workflow/, { key: 'order 1' }],
    [/^the key is "": a key is a text/, { key: '', workflow: 'order' }],
    [/^schedule key ""/, { schedule: '' }],
    [/^requestedSince is "yesterday": use a valid Date/, { requestedSince: 'yesterday' }],
    [/^requestedBefore is .*: use a valid Date/, { requestedBefore: new Date('nonsense') }],
    [/^requestedBefore is not after requestedSince/, { requestedSince: BEFORE, requestedBefore: SINCE }],
    [/^initiator is .*: use a text without/, { initiator: '\u0000' }],
    [/^limit is 1001/, { limit: 1001 }],
    [/^cursor is "abc", which no page of tasks returned/, { cursor: 'abc' }],
    [/^cursor is 5, which/, { cursor: 5 }],
    [/^cursor is /, { cursor: Buffer.from('[1,"1; DROP","0",null,{}]').toString('base64url') }],
    [/^cursor is /, { cursor: Buffer.from('[1,"1","0",null,{"evil":1}]').toString('base64url') }],
    [/^states is "x"/, { cursor: Buffer.from('[1,"1","0",null,{"states":"x"}]').toString('base64url') }],
  ])('%s', async (message, options) => {
    const refused = client.taskPage(options as never);
    await expect(refused).rejects.toThrow(InvalidInputError);
    await expect(refused).rejects.toThrow(message);
  });

  it('a cursor with other filters, or with a place of another kind', async () => {
    const { nextCursor: cursor } = await client.taskPage({ states: ['error'], limit: 1 });
    await expect(client.taskPage({ cursor, workflow: 'rare' })).rejects.toThrow(
      'cursor belongs to a list with other filters: leave them out',
    );
    await expect(client.taskPage({ cursor, after: '5' })).rejects.toThrow('after is given with cursor');
    expect((await client.taskPage({ cursor, states: ['error'] })).tasks.length).toBeGreaterThan(0);
  });
});

it('an initiator of any length can be stored and found', async () => {
  const long = `the batch of ${'x'.repeat(5000)}`;
  const { taskId } = await client.submit(order, {}, { key: 'long', initiator: long });
  expect((await client.listTasks({ initiator: long })).map((task) => task.task_id)).toEqual([taskId]);
  expect(await client.listTasks({ initiator: `${long}y` })).toEqual([]);
});

afterEach(() => {
  vi.restoreAllMocks();
});

it('a count goes up to 10,000, and says when there are more', async () => {
  // A count has 200 ms: the clock stands still, whatever the machine does meanwhile.
  vi.spyOn(performance, 'now').mockReturnValue(1);
  expect(await client.countTasks()).toEqual({ tasks: 10_000, exact: false });
  const rare = { workflow: 'rare', namespace: 'shop' };
  const { tasks, exact } = await client.countTasks(rare);
  expect(exact).toBe(true);
  expect(tasks).toBe((await idsWhere(`k.name = 'rare'`)).length);
  expect(await client.countTasks({ workflow: 'none' })).toEqual({ tasks: 0, exact: true });
  await expect(client.countTasks({ stat: [] } as never)).rejects.toThrow('unknown option');
});

it('a count ends with the page that it reads when its time is over, and says that there may be more', async () => {
  let now = 0;
  vi.spyOn(performance, 'now').mockImplementation(() => (now += 201));
  expect(await client.countTasks()).toEqual({ tasks: 1000, exact: false });
});
