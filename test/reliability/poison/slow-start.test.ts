import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'pg';
import { expect, it, onTestFinished } from 'vitest';
import { loadConfig } from '../../../src/config/load-config.ts';
import { createLogger } from '../../../src/logger.ts';
import { startWorker } from '../../../src/worker/start-worker.ts';
import { diamond } from '../../engine/engine-fixture.ts';
import { useTestDatabase } from '../../support/test-database.ts';

const test = await useTestDatabase();
/** A process for quarantined steps ends after this time without work. */
const IDLE_MS = 5000;

it('a process for quarantined steps does not count a slow start as time without work', async () => {
  const locker = new Client({ connectionString: test.url });
  await locker.connect();
  onTestFinished(() => locker.end());
  // No process can register meanwhile, as if the database were busy or unavailable.
  await locker.query('BEGIN; LOCK TABLE tasker.tasker_workers IN EXCLUSIVE MODE');
  const released = sleep(IDLE_MS + 1000).then(() => locker.query('COMMIT'));
  const config = loadConfig('worker', { DATABASE_URL: test.url, TASKER_METRICS_PORT: '0' });
  const worker = await startWorker({
    config,
    workflows: [diamond],
    log: createLogger({ level: 'silent', role: 'worker' }),
    quarantine: 'only',
  });
  onTestFinished(async () => void (await worker.stop()));
  await released;
  const startedAt = performance.now();
  await worker.idle;
  expect(performance.now() - startedAt).toBeGreaterThan(IDLE_MS - 500);
});
