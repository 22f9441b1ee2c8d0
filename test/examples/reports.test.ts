import { describe, expect, test } from 'vitest';
import { runTiming, stepResults, taskSummary, workflowOrigin } from '../../examples/order-fulfillment/run/reports.ts';
import { enqueueDueRetries } from '../../src/engine/enqueue-due-retries.ts';
import { diamond, useEngine } from '../engine/engine-fixture.ts';

const engine = await useEngine();
const { db } = engine;

/** SQL for a time in seconds after a whole minute: a history with round numbers. */
function at(seconds: number): string {
  return `'2030-01-01 00:00:00Z'::timestamptz + interval '${seconds} seconds'`;
}

test('a workflow that was never registered has no tasks, no steps, no origin', async () => {
  const unknown = { namespace: 'no', name: 'such', version: '1.0.0' };
  expect(await taskSummary(db, unknown)).toEqual({
    tasks: {},
    steps: {},
    attempts: 0,
    retries: 0,
    blocked_steps: 0,
    clock: expect.stringMatching(/^\d{4}-\d\d-\d\d /),
  });
  expect(await runTiming(db, unknown)).toEqual({ completed_steps: 0, seconds: 0, ready_to_start: null });
  expect(await stepResults(db, unknown, 'a')).toEqual([]);
  expect(await workflowOrigin(db, unknown)).toBeUndefined();
});

describe('of two tasks, one complete after a retry and one blocked', () => {
  const before = taskSummary(db, diamond).then((summary) => summary.clock);
  const made = (async () => {
    await before;
    const workflow = await engine.workflow(diamond);
    const worker = await engine.worker();
    const first = await engine.submitOne(workflow, { context: '{"order":1}' });
    await worker.complete(await worker.claim(1), { result: '{"n":1}' });
    const [b, c] = await worker.claim(2);
    await worker.fail(b!, { requested: 0 });
    await worker.complete([c!]);
    await enqueueDueRetries(db);
    await worker.complete(await worker.claim(1));
    await worker.complete(await worker.claim(1));
    const second = await engine.submitOne(workflow, { context: '{"order":2}' });
    await worker.fail((await worker.claim(1))[0]!, { permanent: true });
    return { first, second };
  })();

  test('the summary counts tasks and steps by state, attempts and retries', async () => {
    await made;
    expect(await taskSummary(db, diamond)).toMatchObject({
      tasks: { complete: 1, error: 1 },
      steps: { complete: 4, error: 1, pending: 3 },
      attempts: 6,
      retries: 1,
      blocked_steps: 1,
    });
  });

  test('the results of a step come with its task, its attempts and its last error', async () => {
    const { first, second } = await made;
    expect(await stepResults(db, diamond, 'a')).toEqual([
      {
        task_id: first,
        task_state: 'complete',
        context: { order: 1 },
        state: 'complete',
        attempts: 1,
        results: { n: 1 },
        error: null,
      },
      {
        task_id: second,
        task_state: 'error',
        context: { order: 2 },
        state: 'error',
        attempts: 1,
        results: null,
        error: 'as the test wished',
      },
    ]);
    expect((await stepResults(db, diamond, 'b')).map((each) => each.attempts)).toEqual([2, 0]);
  });

  test('the wait of a step is the time from its last parent, or the submit, to its first attempt', async () => {
    const { first, second } = await made;
    await engine.test.query(`UPDATE tasker.tasker_tasks SET requested_at = ${at(0)}`);
    const stamps: [ordinal: number, sortKey: number, seconds: number][] = [
      [1, 1, 10], // a starts after 10
      [1, 2, 20],
      [2, 1, 21], // b after 1; its second attempt is no first one
      [2, 2, 22],
      [2, 3, 23],
      [2, 4, 30],
      [2, 5, 40],
      [3, 1, 24], // c after 4
      [3, 2, 25],
      [4, 1, 39.5], // d is stamped before its last parent: no wait
      [4, 2, 60],
    ];
    for (const [ordinal, sortKey, seconds] of stamps) {
      await engine.test.query(
        `UPDATE tasker.tasker_workflow_step_transitions SET created_at = ${at(seconds)}
         WHERE task_id = $1 AND workflow_step_id = $1::bigint * 65536 + $2::integer AND sort_key = $3`,
        [first, ordinal, sortKey],
      );
    }
    await engine.test.query(
      `UPDATE tasker.tasker_workflow_step_transitions SET created_at = ${at(2)} WHERE task_id = $1 AND sort_key = 1`,
      [second],
    );
    // Waits: 10, 1, 4, 0 and the 2 of the second task.
    expect(await runTiming(db, diamond)).toEqual({
      completed_steps: 4,
      seconds: 58,
      ready_to_start: { steps: 5, p50: 2, p95: expect.closeTo(8.8), p99: expect.closeTo(9.76), max: 10 },
    });
    // From second 20 on: b, c and d became ready, all four completions and b's and c's first claims happened.
    expect(await runTiming(db, diamond, '2030-01-01 00:00:20Z')).toEqual({
      completed_steps: 4,
      seconds: 39,
      ready_to_start: { steps: 3, p50: 1, p95: expect.closeTo(3.7), p99: expect.closeTo(3.94), max: 4 },
    });
  });

  test('the origin is when the workflow was registered, the same each time', async () => {
    await made;
    const origin = await workflowOrigin(db, diamond);
    expect(origin).toMatch(/^\d{8}T\d{6}\.\d{6}$/);
    expect(await workflowOrigin(db, diamond)).toBe(origin);
  });
});
