import { z } from 'zod';
import type { Database } from '../../src/db/connections/database.ts';
import { CHECKS } from '../../src/db/doctor/examine.ts';
import { claim, type ClaimedStep } from '../../src/engine/claim.ts';
import { complete } from '../../src/engine/complete.ts';
import { fail } from '../../src/engine/fail.ts';
import { recover } from '../../src/engine/recover.ts';
import { registerWorkflow } from '../../src/engine/register-workflow.ts';
import { enqueueDueRetries } from '../../src/engine/enqueue-due-retries.ts';
import { finalizeUnfinalized } from '../../src/engine/finalize.ts';
import { submit } from '../../src/engine/submit.ts';
import { register } from '../support/register-process.ts';
import { defineWorkflow } from '../../src/workflow/define-workflow.ts';
import type { ReuseRule } from '../../src/workflow/reuse.ts';
import type { TestDatabase } from '../support/test-database.ts';

/** a -> (b, c) -> d */
const diamond = defineWorkflow({ name: 'interleaved', input: z.unknown() })
  .step('a', () => 'a')
  .step('b', { dependsOn: ['a'] }, () => 'b')
  .step('c', { dependsOn: ['a'] }, () => 'c')
  .step('d', { dependsOn: ['b', 'c'] }, () => 'd');

/** Two roots that are sinks as well. */
const pair = defineWorkflow({ name: 'interleaved_pair', input: z.unknown() })
  .step('x', () => 'x')
  .step('y', () => 'y');

const TABLES = [
  'tasker_tasks',
  'tasker_workflow_steps',
  'tasker_workflow_step_edges',
  'tasker_workflow_step_transitions',
  'tasker_task_transitions',
  'tasker_claims',
  'tasker_workers',
  'tasker_identities',
  'tasker_holds',
  'tasker_retention_blocks',
  'tasker_retention_removed',
  'tasker_pauses',
  'tasker_operations',
  'tasker_operation_items',
].map((table) => `tasker.${table}`);

/** Prepares the database of a scenario by the engine's own verbs, on the test's own connections, without interleaving. */
export class Scene {
  readonly test: TestDatabase;
  readonly db: Database;
  namedTaskIds: number[] = [];
  /** Two workers. */
  w1 = '';
  w2 = '';
  taskId = '';
  private identities = 0;
  private resets = 0;

  constructor(test: TestDatabase, db: Database) {
    this.test = test;
    this.db = db;
  }

  async prepare(): Promise<void> {
    this.namedTaskIds = [await registerWorkflow(this.db, diamond), await registerWorkflow(this.db, pair)];
  }

  /** An empty database with two workers and one task. */
  async reset(workflow: 'diamond' | 'pair'): Promise<void> {
    // DELETE keeps the plans of the checks valid; every 40th time TRUNCATE makes the tables small again.
    this.resets += 1;
    await this.test.query(
      this.resets % 40 === 0
        ? `TRUNCATE ${TABLES.join(', ')}`
        : `WITH ${TABLES.map((table, index) => `d${index} AS (DELETE FROM ${table})`).join(', ')} SELECT 1`,
    );
    this.w1 = await this.worker();
    this.w2 = await this.worker();
    this.identities += 1;
    const [submitted] = await submit(this.db, [
      {
        namedTaskId: this.namedTaskIds[workflow === 'diamond' ? 0 : 1] as number,
        identityHash: this.identity,
        context: '{}',
      },
    ]);
    this.taskId = (submitted as { taskId: string }).taskId;
  }

  async worker(): Promise<string> {
    return register(this.db, {
      role: 'worker',
      name: 'test',
      version: '0',
      queues: ['default'],
      slots: 10,
      leaseSeconds: 3600,
      sessionLock: null,
    });
  }

  /** Of the task that `reset` submits. */
  get identity(): string {
    return `scene ${this.identities}`;
  }

  submit(db: Database, identity: string, reuse?: ReuseRule) {
    return submit(db, [{ namedTaskId: this.namedTaskIds[0] as number, identityHash: identity, context: '{}', reuse }]);
  }

  claim(db: Database, workerId: string, limit = 1): Promise<ClaimedStep[]> {
    return claim(db, { workerId, queue: 'default', namedTaskIds: this.namedTaskIds, limit });
  }

  complete(db: Database, workerId: string, steps: readonly ClaimedStep[], claimLimit = 0) {
    return complete(db, {
      workerId,
      completions: steps.map((step) => ({ ...step, result: `"by ${workerId}"` })),
      claimLimit,
      queues: ['default'],
      namedTaskIds: this.namedTaskIds,
    });
  }

  fail(db: Database, workerId: string, steps: readonly ClaimedStep[], options: { permanent?: boolean } = {}) {
    return fail(db, {
      workerId,
      backoffDisabled: true,
      failures: steps.map((step) => ({
        ...step,
        permanent: options.permanent ?? false,
        backoffCapSeconds: 30,
        cause: 'fail',
        metadata: '{"error":{"name":"Error","message":"as the scenario requires"}}',
      })),
    });
  }

  /** Claims the steps of the task that are ready, and returns them in the order of their ordinals. */
  async begin(workerId = this.w1): Promise<ClaimedStep[]> {
    const steps = await this.claim(this.db, workerId, 4);
    return steps.toSorted((a, b) => Number(BigInt(a.stepId) - BigInt(b.stepId)));
  }

  /** Completes step a; b and c are ready. */
  async afterA(): Promise<void> {
    await this.complete(this.db, this.w1, await this.begin());
  }

  async expireLease(workerId: string): Promise<void> {
    await this.test.query(
      `UPDATE tasker.tasker_workers SET lease_expires_at = clock_timestamp() - interval '1 s' WHERE worker_id = $1`,
      [workerId],
    );
  }

  recover(db: Database) {
    return recover(db, { silentSeconds: 3600 });
  }

  async stateOf(ordinal: number): Promise<{ state: string; attempts: number }> {
    const [row] = await this.test.query<{ state: string; attempts: number }>(
      `SELECT state, attempts FROM tasker.tasker_workflow_steps WHERE task_id = $1 AND workflow_step_id = $1::bigint * 65536 + $2`,
      [this.taskId, ordinal],
    );
    return row as { state: string; attempts: number };
  }

  async taskState(): Promise<string> {
    const [row] = await this.test.query<{ state: string }>('SELECT state FROM tasker.tasker_tasks WHERE task_id = $1', [
      this.taskId,
    ]);
    return row?.state ?? 'missing';
  }

  async expectNoViolation(): Promise<void> {
    const client = await this.test.pool.connect();
    const broken: string[] = [];
    try {
      // The doctor's own checks, prepared: planning them for every schedule would take longer than everything else.
      for (const { id, sql } of CHECKS) {
        const { rows } = await client.query({ name: id, text: `${sql} LIMIT 5` });
        if (rows.length > 0) broken.push(`${id} ${JSON.stringify(rows)}`);
      }
    } finally {
      client.release();
    }
    if (broken.length > 0) throw new Error(`broken: ${broken.join('; ')}`);
  }

  /**
   * Does what the fleet does without further faults: the sweeps, the recovery of dead workers' steps, and a worker that completes
   * everything. A task that does not end this way was lost. Returns the state of the task.
   */
  async heal(): Promise<string> {
    await this.expireLease(this.w1);
    await this.expireLease(this.w2);
    const healer = await this.worker();
    for (let round = 0; round < 20; round += 1) {
      await this.recover(this.db);
      await enqueueDueRetries(this.db);
      await finalizeUnfinalized(this.db);
      const steps = await this.claim(this.db, healer, 4);
      if (steps.length > 0) await this.complete(this.db, healer, steps);
      else if (round > 1) break;
    }
    await this.expectNoViolation();
    return this.taskState();
  }
}
