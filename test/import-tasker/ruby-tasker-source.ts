import { afterAll } from 'vitest';
import { type Database, openDatabase } from '../../src/db/connections/database.ts';
import { enqueueDueRetries } from '../../src/engine/enqueue-due-retries.ts';
import { claim } from '../../src/engine/claim.ts';
import { complete } from '../../src/engine/complete.ts';
import { finalizeUnfinalized } from '../../src/engine/finalize.ts';
import { registerWorkflow } from '../../src/engine/register-workflow.ts';
import { importTasker } from '../../src/import-tasker/import-tasker.ts';
import type { ImportOptions } from '../../src/import-tasker/options.ts';
import type { ImportReport } from '../../src/import-tasker/report.ts';
import type { WorkflowDefinition } from '../../src/workflow/definition.ts';
import { register } from '../support/register-process.ts';
import { insertRubyTasks, type RubyTask } from '../support/ruby-tasker/rows.ts';
import { type RubyClass, schemaOf } from '../support/ruby-tasker/schema.ts';
import { type TestDatabase, useTestDatabase } from '../support/test-database.ts';

export interface RubyTaskerSource extends TestDatabase {
  db: Database;
  /** Empties the engine, and makes the tables of a class with these tasks, in the schema `ruby`. */
  with(form: RubyClass, tasks: readonly RubyTask[]): Promise<void>;
  import(options?: ImportOptions & { writeShapes?: string }): Promise<ImportReport>;
  states(): Promise<Record<string, string>>;
  /** Runs everything that can run, retries included; returns `task id:step name` of what was begun. */
  runAll(definition: WorkflowDefinition): Promise<string[]>;
}

export async function useRubyTaskerSource(): Promise<RubyTaskerSource> {
  const database = await useTestDatabase();
  const db = openDatabase({ url: database.url, poolSize: 4 });
  afterAll(() => db.close());
  return {
    ...database,
    db,
    async with(form, tasks) {
      const rows = await database.query<{ name: string }>(
        `SELECT format('tasker.%I', relname) AS name FROM pg_class
         WHERE relnamespace = 'tasker'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition
           AND relname NOT IN ('tasker_migrations', 'tasker_installation', 'tasker_clock', 'tasker_audit_head')`,
      );
      await database.query(`TRUNCATE ${rows.map(({ name }) => name).join(', ')}`);
      await database.query(schemaOf(form));
      await insertRubyTasks(database.pool, form, tasks);
    },
    import: (options = {}) => importTasker(db, { sourceSchema: 'ruby', ...options }),
    async states() {
      const rows = await database.query<{ task_id: string; state: string }>(
        'SELECT task_id, state FROM tasker.tasker_tasks',
      );
      return Object.fromEntries(rows.map((row) => [row.task_id, row.state]));
    },
    runAll: (definition) => runAll(database, db, definition),
  };
}

async function runAll(database: TestDatabase, db: Database, definition: WorkflowDefinition): Promise<string[]> {
  const namedTaskId = await registerWorkflow(db, definition);
  const workerId = await register(db, {
    role: 'worker',
    name: 'test',
    version: '0',
    queues: ['default'],
    slots: 64,
    leaseSeconds: 60,
    sessionLock: null,
  });
  const nameOf = new Map(definition.steps.map((step) => [step.ordinal, step.name]));
  const began: string[] = [];
  for (let round = 0; round < 30; round += 1) {
    await database.query(
      `UPDATE tasker.tasker_workflow_steps SET next_retry_at = now() - interval '1 s' WHERE next_retry_at IS NOT NULL`,
    );
    await enqueueDueRetries(db);
    const steps = await claim(db, { workerId, queue: 'default', namedTaskIds: [namedTaskId], limit: 64 });
    if (steps.length === 0) break;
    began.push(...steps.map((step) => `${step.taskId}:${nameOf.get(Number(BigInt(step.stepId) % 65_536n))}`));
    await complete(db, {
      workerId,
      completions: steps.map((step) => ({ ...step, result: '1' })),
      claimLimit: 0,
      queues: [],
      namedTaskIds: [],
    });
  }
  await finalizeUnfinalized(db);
  return began;
}
