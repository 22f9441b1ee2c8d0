import { Client } from '../../client/client.ts';
import { InvalidInputError } from '../../errors.ts';
import { createLogger } from '../../logger.ts';
import { readHistory } from '../../reads/history.ts';
import type { TaskDetails } from '../../reads/task.ts';
import { startScheduler } from '../../scheduler/start-scheduler.ts';
import { startWorker } from '../../worker/start-worker.ts';
import type { State } from '../../workflow/states.ts';
import { preview } from '../../workflow/preview.ts';
import { type Duration, durationMs } from '../duration.ts';
import { type HistoryEntry, historySnapshot } from '../history.ts';
import { fleetConfig } from './fleet-config.ts';
import { createTestDatabase } from './test-database.ts';
import type { TestFleet, TestFleetOptions, WaitOptions } from './test-fleet.ts';
import { sharedTestServer } from './test-server.ts';
import { VirtualClock } from './virtual-clock.ts';

/** Between two reads of a task. */
const POLL_MS = 20;

export async function startFleet(options: TestFleetOptions): Promise<TestFleet> {
  const workflows = [options.workflows].flat();
  const { workers = 1, scheduler = true, settings = {}, logLevel = 'silent' } = options;
  if (!Number.isInteger(workers) || workers < 0 || workers > 100) {
    throw new InvalidInputError(`workers is ${preview(workers)}: use a whole number from 0 to 100`, {
      field: 'workers',
    });
  }
  // Before anything is started: a mistake in them needs no server.
  fleetConfig('worker', 'postgres://unknown/unknown', workflows, settings);
  const database = await createTestDatabase(options.url ?? (await sharedTestServer()).url);
  const { url } = database;
  const config = (role: 'worker' | 'scheduler') => fleetConfig(role, url, workflows, settings);
  const client = new Client({ url, poolSize: 3, applicationName: 'tasker test kit' });
  const log = (role: string) => createLogger({ level: logLevel, role });
  const starting = [
    ...Array.from({ length: workers }, () => startWorker({ config: config('worker'), workflows, log: log('worker') })),
    ...(scheduler ? [startScheduler({ config: config('scheduler'), log: log('scheduler') })] : []),
  ];
  let stopping: Promise<void> | undefined;
  const stop = (): Promise<void> =>
    (stopping ??= (async () => {
      const started = await Promise.allSettled(starting);
      await Promise.allSettled(started.map((it) => (it.status === 'fulfilled' ? it.value.stop() : undefined)));
      await client.db.close();
      await database.drop();
    })());
  try {
    await Promise.all(starting);
  } catch (error) {
    await stop();
    throw error;
  }
  const { cronSchema, silentSeconds } = config('scheduler');
  return fleetOf(client, url, new VirtualClock(client.db, { cronSchema, silentSeconds }), stop);
}

function fleetOf(client: Client, url: string, clock: VirtualClock, stop: () => Promise<void>): TestFleet {
  const waitUntil = async (
    taskId: string,
    what: string,
    met: (task: TaskDetails) => boolean,
    { timeoutMs = 30_000, skipBackoffs = false }: WaitOptions = {},
  ): Promise<TaskDetails> => {
    const deadline = performance.now() + timeoutMs;
    for (;;) {
      const task = await client.getTask(taskId);
      if (task === undefined) throw new InvalidInputError(`there is no task ${taskId}`, { field: 'taskId' });
      if (met(task)) return task;
      if (performance.now() >= deadline) {
        const steps = task.steps.map(({ name, state, attempts }) => `${name} ${state} (attempt ${attempts})`);
        throw new Error(
          `waited ${timeoutMs} ms for ${what} of task ${taskId}; it is ${task.state}: ${steps.join(', ')}`,
        );
      }
      if (skipBackoffs && task.steps.some((step) => step.next_retry_at !== null)) await clock.skipBackoffs();
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  };
  const history = async (taskId: string): Promise<HistoryEntry[]> => {
    const [task, rows] = await Promise.all([client.getTask(taskId), readHistory(client.db, taskId)]);
    const since = task?.requested_at.getTime() ?? 0;
    return rows.map((row): HistoryEntry => ({
      step: row.step ?? undefined,
      from: row.from_state ?? 'pending',
      to: row.to_state,
      cause: row.cause ?? 'unknown',
      error: row.error === null ? undefined : { name: row.error.name ?? '', message: row.error.message ?? '' },
      atMs: row.created_at.getTime() - since,
    }));
  };
  return {
    client,
    url,
    submit: (definition, input, options) => client.submit(definition, input, options),
    waitFor: (taskId, options) => waitUntil(taskId, 'the end', ({ state }) => ENDED.has(state), options),
    waitForStep: (taskId, name, state, options) =>
      waitUntil(
        taskId,
        `step "${name}" in state ${state}`,
        ({ steps }) => stepOf(steps, name).state === state,
        options,
      ),
    advance: async (duration: Duration) => clock.advance(durationMs('duration', duration)),
    now: () => clock.now(),
    history,
    async snapshot(taskId) {
      const task = await client.getTask(taskId);
      if (task === undefined) throw new InvalidInputError(`there is no task ${taskId}`, { field: 'taskId' });
      return historySnapshot({
        workflow: { namespace: task.namespace, name: task.workflow, version: task.version },
        state: task.state,
        steps: task.steps,
        history: await history(taskId),
      });
    },
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

const ENDED: ReadonlySet<string> = new Set<State>(['complete', 'error', 'cancelled', 'resolved_manually']);

function stepOf<Step extends { name: string }>(steps: readonly Step[], name: string): Step {
  const step = steps.find((candidate) => candidate.name === name);
  if (step !== undefined) return step;
  throw new InvalidInputError(`the task has no step "${name}": it has ${steps.map((one) => one.name).join(', ')}`, {
    field: 'step',
  });
}
