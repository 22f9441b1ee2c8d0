import { afterAll } from 'vitest';
import { type Database, openDatabase } from '../../src/db/connections/database.ts';
import { migrateTo } from '../../src/db/migrate.ts';
import { claim } from '../../src/engine/claim.ts';
import { complete } from '../../src/engine/complete.ts';
import { enqueueDueRetries } from '../../src/engine/enqueue-due-retries.ts';
import { finalizeUnfinalized } from '../../src/engine/finalize.ts';
import { register } from '../support/register-process.ts';
import { type TestDatabase, useTestDatabase } from '../support/test-database.ts';
import { registerTypes } from '../views/rows.ts';
import { type RubyTaskerTask, dropMostRecentIndexes, insertRubyTaskerTasks } from './ruby-tasker-rows.ts';

/** The last migration whose tables Tasker (Ruby) could have written. */
export const RUBY_TASKER = '0003_views_v02';

export interface StepRow {
  workflow_step_id: string;
  state: string;
  attempts: number;
  ready: boolean;
  retries: boolean;
  blocked: boolean;
  [column: string]: unknown;
}

export interface RubyTaskerDatabase extends TestDatabase {
  db: Database;
  /** Makes the schema anew, as migration 0003 leaves it, with these tasks. */
  with(tasks: readonly RubyTaskerTask[]): Promise<void>;
  steps(): Promise<Map<string, StepRow>>;
  /** Runs everything that can run, as a fleet would; returns the ids of the steps that were begun, each as often as it was. */
  runAll(): Promise<string[]>;
}

export async function useRubyTaskerDatabase(): Promise<RubyTaskerDatabase> {
  const database = await useTestDatabase({ empty: true });
  const db = openDatabase({ url: database.url, poolSize: 4 });
  afterAll(() => db.close());
  return {
    ...database,
    db,
    async with(tasks) {
      await database.query('DROP SCHEMA IF EXISTS tasker CASCADE');
      await migrateTo(database.url, RUBY_TASKER);
      const client = await database.pool.connect();
      try {
        await registerTypes(client);
        await dropMostRecentIndexes(client);
        await insertRubyTaskerTasks(client, tasks);
      } finally {
        client.release();
      }
    },
    async steps() {
      const rows = await database.query<StepRow>(
        `SELECT workflow_step_id, state, attempts, ready_at IS NOT NULL AS ready, next_retry_at IS NOT NULL AS retries,
           blocked_at IS NOT NULL AS blocked
         FROM tasker.tasker_workflow_steps`,
      );
      return new Map(rows.map((row) => [row.workflow_step_id, row]));
    },
    runAll: () => runAll(database, db),
  };
}

async function runAll(database: TestDatabase, db: Database): Promise<string[]> {
  const workerId = await register(db, {
    role: 'worker',
    name: 'test',
    version: '0',
    queues: ['default'],
    slots: 16,
    leaseSeconds: 60,
    sessionLock: null,
  });
  const [type] = await database.query<{ id: number }>(
    `SELECT max(named_task_id) AS id FROM tasker.tasker_named_tasks WHERE name = 'random'`,
  );
  const began: string[] = [];
  for (let round = 0; round < 30; round += 1) {
    await database.query(
      `UPDATE tasker.tasker_workflow_steps SET next_retry_at = now() - interval '1 s' WHERE next_retry_at IS NOT NULL`,
    );
    await enqueueDueRetries(db);
    const steps = await claim(db, { workerId, queue: 'default', namedTaskIds: [type?.id as number], limit: 32 });
    if (steps.length === 0) break;
    began.push(...steps.map((step) => step.stepId));
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
