import { afterEach } from 'vitest';
import { openDatabase, type Database } from '../../src/db/connections/database.ts';
import { registerWorkflow } from '../../src/engine/register-workflow.ts';
import { enqueueDueRetries } from '../../src/engine/enqueue-due-retries.ts';
import { recover } from '../../src/engine/recover.ts';
import { submit, type NewTask } from '../../src/engine/submit.ts';
import type { StepLabels, StepOutcome } from '../../src/worker/telemetry/events.ts';
import { Worker } from '../../src/worker/worker.ts';
import type { WorkerOptions, WorkerSettings } from '../../src/worker/scope/worker-options.ts';
import type { WorkflowDefinition } from '../../src/workflow/definition.ts';
import { useTestDatabase, type TestDatabase } from '../support/test-database.ts';
import { waitFor } from '../support/wait-for.ts';
import { noEvents } from './no-events.ts';
import { testSettings } from './scope-fixture.ts';

export { noEvents };

/** What a test changes of a worker: its settings and its other options alike. */
export type WorkerChanges = Partial<WorkerSettings & Omit<WorkerOptions, 'settings'>>;

const silent = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };

/** Options with which a worker counts its claim rounds and its failures into `seen`. */
export function watched(): { seen: { rounds: number; failures: number }; options: WorkerChanges } {
  const seen = { rounds: 0, failures: 0 };
  return {
    seen,
    options: {
      onRound: () => {
        seen.rounds += 1;
      },
      events: {
        ...noEvents,
        failed: () => {
          seen.failures += 1;
        },
      },
    },
  };
}

export interface WorkerFixture {
  test: TestDatabase;
  db: Database;
  finished: { step: string; outcome: StepOutcome; attempt: number }[];
  /** A worker that was not started; it is stopped after the test. */
  make(workflows: readonly WorkflowDefinition[], changes?: WorkerChanges): Worker;
  start(workflows: readonly WorkflowDefinition[], changes?: WorkerChanges): Promise<Worker>;
  submit(definition: WorkflowDefinition, input?: unknown, options?: Partial<NewTask>): Promise<string>;
  /** Waits for the task to be in one of these states and returns it. */
  taskIn(taskId: string, states: readonly string[], timeoutMs?: number): Promise<string>;
  results(taskId: string): Promise<Record<string, unknown>>;
  lastError(taskId: string, step: string): Promise<{ name: string; message: string; cause: string }>;
}

/** A database, workers on it that are stopped after each test, and a scheduler's two sweeps running beside them. */
export async function useWorkers({ silentSeconds = 1 } = {}): Promise<WorkerFixture> {
  const test = await useTestDatabase();
  let open: { stop(): Promise<unknown> }[] = [];
  const finished: WorkerFixture['finished'] = [];
  const dbs: Database[] = [];
  const db = new Proxy({} as Database, {
    get: (_, key) => Reflect.get(current(), key) as unknown,
  });
  let now: Database | undefined;
  function current(): Database {
    if (now === undefined) {
      now = openDatabase({ url: test.url, poolSize: 8, prepared: test.directUrl !== undefined });
      dbs.push(now);
    }
    return now;
  }
  let identities = 0;

  afterEach(async () => {
    await Promise.all(open.map((item) => item.stop()));
    open = [];
    finished.length = 0;
    now = undefined;
    await Promise.all(dbs.splice(0).map((opened) => opened.close()));
  });

  const sweeps = (): { stop(): Promise<void> } => {
    let running = true;
    const loop = (async () => {
      while (running) {
        await enqueueDueRetries(current());
        await recover(current(), { silentSeconds });
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    })();
    return {
      stop: async () => {
        running = false;
        await loop;
      },
    };
  };

  const fixture: WorkerFixture = {
    test,
    db,
    finished,
    make(workflows, changes = {}) {
      const worker = new Worker({
        db: current(),
        settings: { ...testSettings, databaseUrl: test.url, databaseUrlDirect: test.directUrl, ...changes },
        workflows,
        name: 'test',
        version: '0',
        loggerFor: () => silent,
        events: {
          ...noEvents,
          finished: (labels: StepLabels, info) => {
            finished.push({ step: labels.step, outcome: info.outcome, attempt: info.attempt });
          },
        },
        ...changes,
      });
      if (open.length === 0) open.push(sweeps());
      open.unshift(worker);
      return worker;
    },
    async start(workflows, changes) {
      const worker = fixture.make(workflows, changes);
      await worker.start();
      return worker;
    },
    async submit(definition, input = {}, options = {}) {
      identities += 1;
      const identityHash = `worker ${identities}`;
      const namedTaskId = await registerWorkflow(current(), definition);
      const [submitted] = await submit(current(), [
        { namedTaskId, identityHash, context: JSON.stringify(input), ...options },
      ]);
      return (submitted as { taskId: string }).taskId;
    },
    async taskIn(taskId, states, timeoutMs = 15_000) {
      let state = '';
      await waitFor(
        async () => {
          const [row] = await test.query<{ state: string }>(
            'SELECT state FROM tasker.tasker_tasks WHERE task_id = $1',
            [taskId],
          );
          state = row?.state ?? 'missing';
          return states.includes(state);
        },
        { timeoutMs, what: `task ${taskId} to be ${states.join(' or ')}` },
      );
      return state;
    },
    async results(taskId) {
      const rows = await test.query<{ name: string; results: unknown }>(
        `SELECT n.name, s.results FROM tasker.tasker_workflow_steps s
         JOIN tasker.tasker_named_steps n USING (named_step_id) WHERE task_id = $1`,
        [taskId],
      );
      return Object.fromEntries(rows.map((row) => [row.name, row.results]));
    },
    async lastError(taskId, step) {
      const [row] = await test.query<{ error: { name: string; message: string }; cause: string }>(
        `SELECT t.metadata -> 'error' AS error, t.cause FROM tasker.tasker_workflow_step_transitions t
         JOIN tasker.tasker_workflow_steps s USING (task_id, workflow_step_id)
         JOIN tasker.tasker_named_steps n USING (named_step_id)
         WHERE t.task_id = $1 AND n.name = $2 AND t.to_state = 'error' ORDER BY t.sort_key DESC LIMIT 1`,
        [taskId, step],
      );
      return { ...(row?.error ?? { name: 'none', message: 'none' }), cause: row?.cause ?? 'none' };
    },
  };
  return fixture;
}
