import { afterEach, expect, it } from 'vitest';
import { createLogger, loadConfig, migrateToLatest, startScheduler } from '../../src/index.ts';
import { useTestDatabase } from '../support/test-database.ts';
import { waitFor } from '../support/wait-for.ts';

const test = await useTestDatabase();
const open: { stop(): Promise<unknown> }[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((each) => each.stop()));
});

it('a scheduler whose database was replaced joins the new one and creates the cron tables there', async () => {
  const config = loadConfig('scheduler', {
    DATABASE_URL: test.directUrl ?? test.url,
    TASKER_METRICS_PORT: '0',
    TASKER_HEARTBEAT_INTERVAL_MS: '200',
  });
  const log = createLogger({ level: 'silent', role: 'scheduler', redact: [] });
  const scheduler = await startScheduler({ config, log });
  open.push(scheduler);
  const rows = () =>
    test.query<{ worker_id: string; installation: string }>(
      `SELECT w.worker_id, i.installation_id AS installation FROM tasker.tasker_workers w, tasker.tasker_installation i
       WHERE w.stopped_at IS NULL`,
    );
  const before = await rows();
  expect(before.map((row) => row.worker_id)).toEqual([scheduler.workerId]);

  await migrateToLatest(test.directUrl ?? test.url, { schema: 'fresh' });
  await test.query(
    `DO $$ BEGIN
       DROP SCHEMA IF EXISTS former, former_cron CASCADE;
       ALTER SCHEMA tasker RENAME TO former; ALTER SCHEMA fresh RENAME TO tasker; ALTER SCHEMA tasker_cron RENAME TO former_cron;
     END $$`,
  );
  const [after] = await waitFor(async () => ((found) => (found.length === 0 ? undefined : found))(await rows()), {
    what: 'the scheduler to join again',
  });
  expect(after?.worker_id).not.toBe(scheduler.workerId);
  expect(after?.installation).not.toBe(before[0]?.installation);
  await waitFor(
    async () => (await test.query(`SELECT to_regclass('tasker_cron.schedule') AS found`))[0]?.['found'] !== null,
    { what: 'the cron tables', timeoutMs: 20_000 },
  );
});
