import pino from 'pino';
import { afterAll, expect, it } from 'vitest';
import { z } from 'zod';
import { Client } from '../../src/client/client.ts';
import { loadConfig } from '../../src/config/load-config.ts';
import { createLogger } from '../../src/logger.ts';
import { startWorker } from '../../src/worker/start-worker.ts';
import { defineWorkflow } from '../../src/workflow/define-workflow.ts';
import { useTestDatabase } from '../support/test-database.ts';

const test = await useTestDatabase();
const client = new Client({ url: test.url, preparedStatements: test.directUrl !== undefined });
afterAll(() => client.close());

const order = defineWorkflow({ namespace: 'shop', name: 'order', input: z.unknown() }).step(
  'pay',
  { retryLimit: 1 },
  ({ log }) => {
    log.info({ task_id: 'mine', namespace: 'mine', url: new URL('https://u:hunter2@h/') }, 'asking the bank');
    throw new TypeError('no card', { cause: new Error('the bank is closed') });
  },
);

it.each(['pino of the program', 'options of pino'])('a worker logs steps through %s', async (way) => {
  const lines: Record<string, unknown>[] = [];
  const destination = { write: (text: string) => void lines.push(JSON.parse(text) as Record<string, unknown>) };
  const log =
    way === 'options of pino'
      ? createLogger({ role: 'worker', destination, pino: { messageKey: 'msg' } })
      : pino({}, destination);
  const config = loadConfig('worker', {
    DATABASE_URL: test.url,
    TASKER_PREPARED_STATEMENTS: String(test.directUrl !== undefined),
    TASKER_METRICS_PORT: '0',
  });
  const worker = await startWorker({ config, workflows: [order], log });
  const { taskId } = await client.submit(order, {});
  await client.waitForTask(taskId);
  await worker.stop();

  const correlation = {
    namespace: 'shop',
    workflow: 'order',
    task_id: taskId,
    step: 'pay',
    attempt: 1,
    worker_id: worker.workerId,
  };
  expect(lines.find(({ msg }) => msg === 'asking the bank')).toMatchObject({
    ...correlation,
    field_task_id: 'mine',
    field_namespace: 'mine',
    url: 'https://u:[redacted]@h/',
  });
  // The line of a failed step has its stack, and what caused it.
  expect(lines.find(({ msg }) => msg === 'step failed for good')).toMatchObject({
    ...correlation,
    error_name: 'TypeError',
    error_message: 'no card',
    error_stack: expect.stringContaining('own-logger.test.ts'),
    error_cause: { message: 'the bank is closed', stack: expect.stringContaining('own-logger.test.ts') },
  });
});
