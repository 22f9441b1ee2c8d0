import type { Executor } from '../db/connections/database.ts';
import { InvalidInputError, WaitTimeoutError } from '../errors.ts';
import type { State } from '../workflow/states.ts';
import { countLiveSchedulers, NO_SCHEDULER } from './schedulers.ts';
import { readTask, type TaskDetails } from './task.ts';

const ENDED: ReadonlySet<State> = new Set(['complete', 'error', 'cancelled', 'resolved_manually']);

/** The first pause between two reads; each further one is half as long again, up to the longest. */
const FIRST_PAUSE_MS = 20;
const LONGEST_PAUSE_MS = 500;

/** Waits until a task has ended (or is in error) and returns it. Rejects at the timeout or the signal's abort. */
export async function waitForTask(
  db: Executor,
  taskId: string,
  { timeoutMs, signal }: { timeoutMs: number; signal?: AbortSignal | undefined },
): Promise<TaskDetails> {
  const deadline = performance.now() + timeoutMs;
  let first: TaskDetails | undefined;
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(pauseMs * 1.5, LONGEST_PAUSE_MS)) {
    signal?.throwIfAborted();
    const task = await readTask(db, taskId);
    if (task === undefined) throw new InvalidInputError(`there is no task ${taskId}`, { field: 'taskId' });
    first ??= task;
    if (task.identity_hash !== first.identity_hash) {
      throw new InvalidInputError(
        `task ${taskId} is another one than it was: the database was replaced or taken back to an earlier state, and its ids came back; submit again and wait for the id that submit returns`,
        { field: 'taskId' },
      );
    }
    if (ENDED.has(task.state)) return task;
    if (performance.now() >= deadline) {
      const alone = (await countLiveSchedulers(db)) === 0 ? `; ${NO_SCHEDULER}` : '';
      throw new WaitTimeoutError(`task ${taskId} is still ${task.state} after ${timeoutMs} ms${alone}`, {
        taskId,
        state: task.state,
        timeoutMs,
      });
    }
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
}
