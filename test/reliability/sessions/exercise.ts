import pg from 'pg';
import { expect } from 'vitest';
import { createClient } from '../../../src/client/client.ts';
import { loadConfig } from '../../../src/config/load-config.ts';
import { migrateCron } from '../../../src/schedules/cron.ts';
import { examine } from '../../../src/db/doctor/examine.ts';
import { migrateToLatest } from '../../../src/db/migrate.ts';
import { WORKFLOW_SCHEDULES } from '../../../src/schedules/scheduled-submit.ts';
import { createLogger } from '../../../src/logger.ts';
import { startScheduler } from '../../../src/scheduler/start-scheduler.ts';
import { startWorker } from '../../../src/worker/start-worker.ts';
import { waitFor } from '../../support/wait-for.ts';
import * as workflows from './workflows.ts';

const { diamond, flaky, stubborn, unserved } = workflows;
const input = { n: 1, text: "a 'quote', a \\ backslash, an ünïcode 🙂", none: null };
const log = createLogger({ level: 'fatal', role: 'test' });

export interface ExerciseOptions {
  schema?: string;
  cronSchema?: string;
  /** The schemas exist already. */
  migrated?: boolean;
  adminUrl?: string;
}

/**
 * Migrates, then runs a worker and a scheduler in this process and exercises what a fleet does: submit, run, automatic retry, retry by
 * an operator, cancel, schedule, doctor. Rejects if one of them does not end as expected.
 */
export async function exercise(url: string, options: ExerciseOptions = {}): Promise<void> {
  const { schema = 'tasker', cronSchema = 'tasker_cron' } = options;
  const env = {
    DATABASE_URL: url,
    TASKER_SCHEMA: schema,
    TASKER_CRON_SCHEMA: cronSchema,
    TASKER_METRICS_PORT: '0',
    TASKER_POOL_SIZE: '3',
    TASKER_RETRY_SWEEP_MS: '50',
  };
  if (options.migrated !== true) {
    await migrateToLatest(url, { schema });
    expect(await migrateCron({ url, schema: cronSchema, queue: WORKFLOW_SCHEDULES })).toEqual({ outcome: 'ready' });
  }
  const client = createClient({ url, schema, cronSchema, poolSize: 2 });
  const worker = await startWorker({ config: loadConfig('worker', env), workflows: Object.values(workflows), log });
  const scheduler = await startScheduler({ config: loadConfig('scheduler', env), log }).catch(
    async (error: unknown) => {
      await worker.stop();
      await client.close();
      throw error;
    },
  );
  try {
    const ends = async (taskId: string, state: string): Promise<void> => {
      expect((await client.waitForTask(taskId, { timeoutMs: 15_000 })).state).toBe(state);
    };
    const submitted = await client.submit(diamond, input);
    await ends(submitted.taskId, 'complete');
    const done = await client.getTask(submitted.taskId);
    const a = { ...input, half: 1 / 3, list: [null, '\\', "it's"] };
    expect(done?.steps.find((step) => step.name === 'd')?.results).toEqual({ b: a, c: a });
    // Written and read as the same moment, whatever time zone and date style the session has.
    expect(Math.abs(Date.now() - (done?.requested_at.getTime() ?? 0))).toBeLessThan(60_000);
    await ends((await client.submit(flaky, input)).taskId, 'complete');

    const { taskId: blocked } = await client.submit(stubborn, input);
    await ends(blocked, 'error');
    expect(await client.retry(blocked)).toMatchObject({ outcome: 'retried' });
    await waitFor(async () => (await client.getTask(blocked))?.state === 'complete', { what: 'the retried task' });

    const { taskId: waiting } = await client.submit(unserved, input);
    expect(await client.cancel(waiting, { reason: "it's off" })).toMatchObject({ outcome: 'cancelled' });

    await client.schedule(diamond, { key: 'k', cron: '* * * * *', input });
    expect(await client.schedules()).toMatchObject([{ key: 'k', cron: '* * * * *', timezone: 'UTC' }]);
    await backdateSchedules(options.adminUrl ?? url, cronSchema);
    const occurrences = async (): Promise<number> =>
      (await client.listTasks({ workflow: 'diamond', states: ['complete'] })).length - 1;
    await waitFor(async () => (await occurrences()) > 0, { what: 'a schedule to fire', timeoutMs: 20_000 });
    await client.unschedule('k');
    expect(await examine(client.db)).toEqual([]);
  } finally {
    await Promise.all([worker.stop(), scheduler.stop()]);
    await client.close();
  }
}

/** Backdates schedules by some minutes, so that their missed occurrences are made up for at once instead of at the next minute. */
async function backdateSchedules(url: string, cronSchema: string): Promise<void> {
  const admin = new pg.Client({ connectionString: url });
  await admin.connect();
  await admin.query('SET default_transaction_read_only = off');
  await admin.query(
    `UPDATE "${cronSchema}".schedule SET data = jsonb_set(data::jsonb, '{since}', to_jsonb(now() - interval '3 minutes'))`,
  );
  await admin.end();
}
