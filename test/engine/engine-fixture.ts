import { afterAll } from 'vitest';
import { type Database, type DatabaseOptions, openDatabase } from '../../src/db/connections/database.ts';
import { claim, type ClaimedStep } from '../../src/engine/claim.ts';
import { complete, type CompleteOutcome } from '../../src/engine/complete.ts';
import { fail, type FailOutcome } from '../../src/engine/fail.ts';
import { registerWorkflow } from '../../src/engine/register-workflow.ts';
import { submit, type NewTask } from '../../src/engine/submit.ts';
import { register } from '../support/register-process.ts';
import { defineWorkflow } from '../../src/workflow/define-workflow.ts';
import type { WorkflowDefinition } from '../../src/workflow/definition.ts';
import { useTestDatabase, type TestDatabase } from '../support/test-database.ts';
import { z } from 'zod';

/** a -> (b, c) -> d */
export const diamond = defineWorkflow({ name: 'diamond', input: z.unknown() })
  .step('a', () => 'a')
  .step('b', { dependsOn: ['a'], skippable: true }, () => 'b')
  .step('c', { dependsOn: ['a'], retryLimit: 2 }, () => 'c')
  .step('d', { dependsOn: ['b', 'c'] }, () => 'd');

export interface EngineFixture {
  test: TestDatabase;
  db: Database;
  /** Registers a workflow and returns what submits and claims need. */
  workflow(definition: WorkflowDefinition): Promise<number>;
  submitOne(namedTaskId: number, options?: Partial<NewTask>): Promise<string>;
  worker(leaseSeconds?: number, slots?: number): Promise<TestWorker>;
  steps(taskId: string): Promise<StepRow[]>;
  taskState(taskId: string): Promise<string>;
}

export interface StepRow {
  name: string;
  state: string;
  attempts: number;
  unmet_parents: number;
  ready: boolean;
  results: unknown;
}

/** A worker's side of the protocol, driven by hand. */
export interface TestWorker {
  id: string;
  claim(limit?: number, queue?: string): Promise<ClaimedStep[]>;
  /** The first step of a claim; rejects if there is none. */
  claimOne(limit?: number, queue?: string): Promise<ClaimedStep>;
  /** The first two steps of a claim; rejects if there are fewer. */
  claimTwo(): Promise<[ClaimedStep, ClaimedStep]>;
  complete(steps: readonly ClaimedStep[], options?: { claimLimit?: number; result?: string }): Promise<CompleteOutcome>;
  fail(step: ClaimedStep, options?: { permanent?: boolean; requested?: number }): Promise<FailOutcome>;
}

let identities = 0;

export async function useEngine(database: Pick<DatabaseOptions, 'onQuery' | 'plans'> = {}): Promise<EngineFixture> {
  const test = await useTestDatabase();
  const db = openDatabase({ url: test.url, poolSize: 8, ...database });
  afterAll(() => db.close());
  const registered: number[] = [];

  return {
    test,
    db,
    async workflow(definition) {
      const id = await registerWorkflow(db, definition);
      registered.push(id);
      return id;
    },
    async submitOne(namedTaskId, options = {}) {
      identities += 1;
      const [submitted] = await submit(db, [
        { namedTaskId, identityHash: `fixture ${identities}`, context: '{}', ...options },
      ]);
      return (submitted as { taskId: string }).taskId;
    },
    async worker(leaseSeconds = 60, slots = 10) {
      const id = await register(db, {
        role: 'worker',
        name: 'test',
        version: '0',
        queues: ['default'],
        slots,
        leaseSeconds,
        sessionLock: null,
      });
      const claimSome = (limit = 16, queue = 'default'): Promise<ClaimedStep[]> =>
        claim(db, { workerId: id, queue, namedTaskIds: registered, limit });
      return {
        id,
        claim: claimSome,
        async claimOne(limit, queue) {
          const [step] = await claimSome(limit, queue);
          if (step === undefined) throw new Error('no step is ready');
          return step;
        },
        async claimTwo() {
          const [first, second] = await claimSome();
          if (first === undefined || second === undefined) throw new Error('fewer than two steps are ready');
          return [first, second];
        },
        complete: (steps, { claimLimit = 0, result = '{"ok":true}' } = {}) =>
          complete(db, {
            workerId: id,
            completions: steps.map((step) => ({ ...step, result })),
            claimLimit,
            queues: ['default'],
            namedTaskIds: registered,
          }),
        fail: (step, { permanent = false, requested } = {}) =>
          fail(db, {
            workerId: id,
            failures: [
              {
                ...step,
                permanent,
                requestedBackoffSeconds: requested,
                backoffCapSeconds: 30,
                cause: 'fail',
                metadata: '{"error":{"name":"Error","message":"as the test wished"}}',
              },
            ],
          }),
      };
    },
    steps: (taskId) =>
      test.query<StepRow>(
        `SELECT n.name, s.state, s.attempts, s.unmet_parents, s.ready_at IS NOT NULL AS ready, s.results
         FROM tasker.tasker_workflow_steps s JOIN tasker.tasker_named_steps n USING (named_step_id)
         WHERE task_id = $1 ORDER BY workflow_step_id`,
        [taskId],
      ),
    async taskState(taskId) {
      const [row] = await test.query<{ state: string }>('SELECT state FROM tasker.tasker_tasks WHERE task_id = $1', [
        taskId,
      ]);
      return row?.state ?? 'missing';
    },
  };
}

export function byName(steps: readonly StepRow[]): Record<string, StepRow> {
  return Object.fromEntries(steps.map((step) => [step.name, step]));
}
