import { Client as PgClient } from 'pg';
import { afterAll, describe, expect, inject, it } from 'vitest';
import { z } from 'zod';
import { createClient } from '../../src/client/client.ts';
import { loadConfig } from '../../src/config/load-config.ts';
import { openDatabase } from '../../src/db/connections/database.ts';
import { migrateToLatest } from '../../src/db/migrate.ts';
import { dropDatabase, withDatabase } from '../../src/embedded/databases.ts';
import { enqueueDueRetries } from '../../src/engine/enqueue-due-retries.ts';
import { InvalidInputError } from '../../src/errors.ts';
import { createLogger } from '../../src/logger.ts';
import { startWorker } from '../../src/worker/start-worker.ts';
import { defineWorkflow } from '../../src/workflow/define-workflow.ts';
import { databasePrefix } from '../support/test-run.ts';

const run = inject('testRun');

async function databaseWithEncoding(encoding: string): Promise<{ url: string; warnings: string[] }> {
  const name = `${databasePrefix(run.id)}${process.pid}_${encoding.toLowerCase()}`;
  const admin = new PgClient({ connectionString: run.adminUrl });
  await admin.connect();
  await admin.query(`CREATE DATABASE "${name}" TEMPLATE template0 ENCODING '${encoding}' LOCALE 'C'`);
  await admin.end();
  afterAll(() => dropDatabase(run.adminUrl, name));
  const url = withDatabase(run.adminUrl, name);
  const warnings: string[] = [];
  await migrateToLatest(url, { onWarning: (message) => warnings.push(message) });
  return { url, warnings };
}

/** By task of the database under test. */
const orders = new Map<string, string[][]>();
const workflow = defineWorkflow({ name: 'encodings', input: z.unknown() })
  .step('fails_with_an_emoji', { retryLimit: 3 }, ({ attempt }) => {
    if (attempt === 1) throw new Error('no luck: é 😀');
    if (attempt === 2) throw new Error('no luck: é', { cause: new Error('日本') });
    return attempt;
  })
  .step('plain', () => ({ zz: 1, é: 2, a: 3 }))
  .step('order', { dependsOn: ['plain'], retryLimit: 2 }, ({ parents, attempt, taskId }) => {
    orders.set(taskId, [...(orders.get(taskId) ?? []), Object.keys(parents.plain)]);
    if (attempt === 1) throw new Error('again');
  })
  .step('emoji', { retryLimit: 3 }, () => ({ text: '😀' }));

describe.each(['LATIN1', 'SQL_ASCII'])('a database with encoding %s', async (encoding) => {
  const { url, warnings } = await databaseWithEncoding(encoding);

  it('is warned of at the migration, and costs no attempt that could be stored in fewer characters', async () => {
    expect(warnings).toEqual([expect.stringMatching(new RegExp(`encoding ${encoding}: .*UTF8`))]);
    const config = loadConfig('worker', {
      DATABASE_URL: url,
      TASKER_METRICS_PORT: '0',
      TASKER_RETRY_BACKOFF_DISABLED: 'true',
    });
    const worker = await startWorker({
      config,
      workflows: [workflow],
      log: createLogger({ level: 'silent', role: 'test' }),
    });
    const client = createClient({ url });
    const db = openDatabase({ url, poolSize: 1 });
    const sweep = setInterval(() => void enqueueDueRetries(db).catch(() => undefined), 100);
    try {
      orders.clear();
      const { taskId } = await client.submit(workflow, {});
      const lost = encoding === 'LATIN1';
      const task = await client.waitForTask(taskId, { timeoutMs: 20_000 });
      expect(task.steps.map(({ name, state, attempts }) => `${name} ${state} ${attempts}`).toSorted()).toEqual([
        `emoji ${lost ? 'error' : 'complete'} 1`,
        'fails_with_an_emoji complete 3',
        'order complete 2',
        'plain complete 1',
      ]);
      const ofTask = orders.get(taskId);
      expect(ofTask).toHaveLength(2);
      expect(ofTask?.[1]).toEqual(ofTask?.[0]);
      const { rows } = await db.pool.query<{ message: string; cause: string | null }>(
        `SELECT t.metadata -> 'error' ->> 'message' AS message, t.metadata -> 'error' -> 'cause' ->> 'message' AS cause
         FROM tasker.tasker_workflow_step_transitions t
         JOIN tasker.tasker_workflow_steps s USING (task_id, workflow_step_id) JOIN tasker.tasker_named_steps n USING (named_step_id)
         WHERE t.task_id = $1 AND n.name = 'fails_with_an_emoji' AND t.to_state = 'error' ORDER BY t.sort_key`,
        [taskId],
      );
      expect(rows).toEqual([
        { message: lost ? 'no luck: é ?' : 'no luck: é 😀', cause: null },
        { message: 'no luck: é', cause: lost ? '??' : '日本' },
      ]);
      const emoji = task.steps.find((step) => step.name === 'emoji');
      if (lost)
        expect(emoji?.last_error).toMatchObject({
          name: 'UnstorableResult',
          message: expect.stringContaining('22P05'),
        });
      const submitted = client.submit(workflow, { name: '😀' });
      if (lost) {
        await expect(submitted).rejects.toThrow(InvalidInputError);
        await expect(submitted).rejects.toThrow(/a character that the encoding of this database lacks .*UTF8/);
      } else await expect(submitted).resolves.toMatchObject({ outcome: 'created' });
    } finally {
      clearInterval(sweep);
      await client.close();
      await worker.stop();
      await db.close();
    }
  }, 30_000);
});
