import { getEventListeners } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import type { Executor } from '../../src/db/connections/database.ts';
import { TaskWatcher } from '../../src/reads/task-watcher.ts';
import type { EngineFixture } from '../engine/engine-fixture.ts';
import { loadTasks } from '../support/load-tasks.ts';

/** Every transition counts `sort_key` up. */
export const endTasks = (engine: EngineFixture, where: string, state = 'complete') =>
  engine.test.query(
    `UPDATE tasker.tasker_tasks SET state = $1, complete = $1 = 'complete', sort_key = sort_key + 1 WHERE ${where}`,
    [state],
  );

/** Sees each statement before it is sent, and may hold it up or refuse it. */
export type Before = (statement: string, sent: number) => Promise<void> | void;

export function watcherOf(engine: EngineFixture, before: Before = () => undefined) {
  const sent: string[] = [];
  const db: Executor = {
    schema: engine.db.schema,
    plans: engine.db.plans,
    async run(statement, ...given) {
      sent.push(statement.name);
      await before(statement.name, sent.length);
      return engine.db.run(statement, ...given);
    },
  };
  return { watcher: new TaskWatcher(db), sent };
}

export const message = (promise: Promise<unknown>) => promise.catch((error: unknown) => (error as Error).message);

/**
 * Waits for tasks of which most end, a twentieth times out and a twentieth is aborted: each waiter gets its own. Returns the
 * statements per second, while they wait or until they have all ended, whichever are more.
 */
export async function manyWaiters(engine: EngineFixture, namedTaskId: number, waiters: number): Promise<number> {
  const few = waiters / 20;
  const most = waiters - 2 * few;
  await loadTasks(engine.test.pool, { namedTaskId, tasks: waiters, progress: [0] });
  const rows = await engine.test.query<{ task_id: string }>('SELECT task_id FROM tasker.tasker_tasks ORDER BY task_id');
  const { watcher, sent } = watcherOf(engine);
  const started = performance.now();
  const aborting = new AbortController();
  const ids = rows.map(({ task_id: id }) => id);
  const going = ids.slice(0, most).map((id) => watcher.wait(id, { timeoutMs: 60_000 }));
  const timed = ids.slice(most, waiters - few).map((id) => message(watcher.wait(id, { timeoutMs: 500 })));
  const { signal } = aborting;
  const aborted = ids.slice(waiters - few).map((id) => message(watcher.wait(id, { timeoutMs: 60_000, signal })));
  expect(watcher.stats.waiting).toBe(waiters);
  const rate = (): number => sent.length / ((performance.now() - started) / 1000);
  const rates: number[] = [];
  for (const text of await Promise.all(timed)) expect(text).toContain('is still pending after 500 ms');
  await sleep(500);
  rates.push(rate());
  expect(watcher.stats.waiting).toBe(waiters - few);
  aborting.abort(new Error('enough'));
  expect(watcher.stats.waiting).toBe(most);
  expect(new Set(await Promise.all(aborted))).toEqual(new Set(['enough']));
  expect(getEventListeners(signal, 'abort')).toEqual([]);
  await endTasks(engine, 'true');
  const ended = await Promise.all(going);
  rates.push(rate());
  expect(ended.map(({ task_id: id }) => id)).toEqual(ids.slice(0, most));
  expect(ended.every(({ steps }) => steps.length === 1)).toBe(true);
  const { hitRatio, checks } = watcher.stats;
  expect(checks).toBeGreaterThan(1.5 * waiters);
  expect(hitRatio).toBeGreaterThan(0.99);
  // Nothing is left that would check again.
  const after = sent.length;
  await sleep(300);
  expect(sent.length).toBe(after);
  return Math.max(...rates);
}
