import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { readTask } from '../../src/reads/task.ts';
import { defineWorkflow } from '../../src/workflow/define-workflow.ts';
import { useEngine } from '../engine/engine-fixture.ts';
import { type Before, endTasks, manyWaiters, message, watcherOf } from './waiters.ts';

const engine = await useEngine();
const job = defineWorkflow({ name: 'job', input: z.unknown() }).step('only', () => 'done');
let workflow: number;
beforeAll(async () => {
  workflow = await engine.workflow(job);
});

const end = (where: string, state?: string) => endTasks(engine, where, state);
const watched = (before?: Before) => watcherOf(engine, before);

it('two thousand waiters cost 20 statements a second at most', async () => {
  expect(await manyWaiters(engine, workflow, 2000)).toBeLessThanOrEqual(20);
}, 30_000);

describe('one waiter', () => {
  it('takes two statements for a task that has ended, and checks at another soon, then less often', async () => {
    const id = await engine.submitOne(workflow);
    const { watcher, sent } = watched();
    const waiting = watcher.wait(id, { timeoutMs: 10_000 });
    await sleep(450);
    // After 0, 20, 50, 95, 163, 264 and 416 ms.
    expect(sent.length).toBeGreaterThanOrEqual(4);
    expect(sent.length).toBeLessThanOrEqual(7);
    await end(`task_id = ${id}`);
    expect(await waiting).toMatchObject({ task_id: id, state: 'complete', workflow: 'job', steps: [{ name: 'only' }] });
    sent.length = 0;
    const task = await watcher.wait(id, { timeoutMs: 0 });
    expect(task).toEqual(await readTask(engine.db, id));
    expect(sent).toEqual(['find_changed_tasks', 'find_steps_of_tasks']);
  });

  it('checks at once if the task is said to have ended, also while a check is under way', async () => {
    const id = await engine.submitOne(workflow);
    const held = Promise.withResolvers<void>();
    let holds = false;
    const { watcher, sent } = watched(() => (holds ? held.promise : undefined));
    watcher.checkEnded([id]);
    const waiting = watcher.wait(id, { timeoutMs: 10_000 });
    // Until the pause is at its longest.
    await sleep(1200);
    sent.length = 0;
    const since = performance.now();
    watcher.checkEnded(['999999999', id]);
    await sleep(5);
    expect(sent).toEqual(['find_changed_tasks']);
    // The next check reads before the end and returns after it was reported.
    await sleep(10);
    holds = true;
    watcher.checkEnded([id]);
    watcher.checkEnded([id]);
    await end(`task_id = ${id}`);
    held.resolve();
    expect(await waiting).toMatchObject({ task_id: id, state: 'complete' });
    expect(performance.now() - since).toBeLessThan(400);
  });

  it('is rejected for a task that does not exist, and at once for a signal that is aborted', async () => {
    const { watcher, sent } = watched();
    await expect(watcher.wait('999999999', { timeoutMs: 10_000 })).rejects.toThrow('there is no task 999999999');
    sent.length = 0;
    await expect(watcher.wait('1', { timeoutMs: 1, signal: AbortSignal.abort('no') })).rejects.toBe('no');
    expect(sent).toEqual([]);
  });

  it('is rejected at its deadline and its abort also while the database does not answer', async () => {
    const id = await engine.submitOne(workflow);
    const held = Promise.withResolvers<void>();
    const { watcher } = watched((_, sent) => (sent > 1 ? held.promise : undefined));
    const started = performance.now();
    const timed = message(watcher.wait(id, { timeoutMs: 300 })).then(
      (text) => [text, performance.now() - started] as const,
    );
    const aborting = new AbortController();
    const aborted = message(watcher.wait(id, { timeoutMs: 60_000, signal: aborting.signal }));
    const [text, afterMs] = await timed;
    expect(text).toContain(`task ${id} is still pending after 300 ms`);
    expect(afterMs).toBeGreaterThanOrEqual(299);
    expect(afterMs).toBeLessThan(2000);
    aborting.abort(new Error('enough'));
    expect(await aborted).toBe('enough');
    held.resolve();
    expect(watcher.stats.waiting).toBe(0);
  });
});

describe('several waiters for one task', () => {
  it('share its checks, and each gets an object of its own', async () => {
    const id = await engine.submitOne(workflow);
    const { watcher, sent } = watched();
    const waits = [1, 2, 3].map(() => watcher.wait(id, { timeoutMs: 10_000 }));
    await end(`task_id = ${id}`);
    const [one, two, three] = await Promise.all(waits);
    expect(two).toEqual(one);
    expect(three).toEqual(one);
    expect(two).not.toBe(one);
    expect(three).not.toBe(two);
    expect(sent.filter((name) => name === 'find_steps_of_tasks')).toHaveLength(1);
  });

  it('are not answered by a check that was sent before they called', async () => {
    const id = await engine.submitOne(workflow);
    await end(`task_id = ${id}`, 'error');
    let wait: Promise<{ state: string }> | undefined;
    const { watcher } = watched(async (statement) => {
      if (statement !== 'find_steps_of_tasks' || wait !== undefined) return;
      // The first waiter's task is known to be in error. Now it is retried, and somebody else waits for what comes of that.
      await end(`task_id = ${id}`, 'in_progress');
      wait = watcher.wait(id, { timeoutMs: 10_000 });
    });
    expect(await watcher.wait(id, { timeoutMs: 10_000 })).toMatchObject({ state: 'error' });
    await end(`task_id = ${id}`);
    expect(await wait).toMatchObject({ state: 'complete' });
  });
});

describe('a database that is away for a moment', () => {
  const away = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED', syscall: 'connect' });

  it('rejects who has not seen its task; the others wait on, and learn of its end', async () => {
    const id = await engine.submitOne(workflow);
    let isAway = false;
    const { watcher } = watched(() => {
      if (isAway) throw away;
    });
    const waiting = watcher.wait(id, { timeoutMs: 20_000 });
    const short = watcher.wait(id, { timeoutMs: 400 }).catch((error: unknown) => error);
    await sleep(100);
    isAway = true;
    await expect(watcher.wait('999999999', { timeoutMs: 20_000 })).rejects.toBe(away);
    expect(await short).toMatchObject({ code: 'WAIT_TIMEOUT', cause: away });
    await end(`task_id = ${id}`);
    isAway = false;
    expect(await waiting).toMatchObject({ state: 'complete', steps: [{ name: 'only' }] });
  });

  it('rejects everybody with any other error', async () => {
    const id = await engine.submitOne(workflow);
    const refused = Object.assign(new Error('permission denied'), { code: '42501' });
    const { watcher } = watched((_, sent) => {
      if (sent > 2) throw refused;
    });
    await expect(watcher.wait(id, { timeoutMs: 20_000 })).rejects.toBe(refused);
  });

  it('reads tasks one by one if the steps of all are too much, and rejects only those that cannot be read', async () => {
    const ids = [await engine.submitOne(workflow), await engine.submitOne(workflow), await engine.submitOne(workflow)];
    const tooLarge = Object.assign(new Error('out of memory'), { code: '53200' });
    const { watcher } = watched((statement, sent) => {
      // The first of all, and then the first one alone.
      if (statement === 'find_steps_of_tasks' && sent <= 3) throw tooLarge;
    });
    await end(`task_id IN (${ids.join(', ')})`);
    const settled = await Promise.allSettled(ids.map((id) => watcher.wait(id, { timeoutMs: 20_000 })));
    expect(settled.map(({ status }) => status)).toEqual(['rejected', 'fulfilled', 'fulfilled']);
  });
});

it('a watcher that is closed rejects who waits, and who comes later', async () => {
  const id = await engine.submitOne(workflow);
  const { watcher } = watched();
  const waiting = watcher.wait(id, { timeoutMs: 20_000 }).catch((error: unknown) => error);
  watcher.close();
  expect(await waiting).toMatchObject({ code: 'CLIENT_CLOSED' });
  await expect(watcher.wait(id, { timeoutMs: 20_000 })).rejects.toThrow(`closed while it waited for task ${id}`);
});
