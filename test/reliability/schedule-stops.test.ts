import { afterAll, expect, it } from 'vitest';
import { Client } from '../../src/client/client.ts';
import type { MakeUp } from '../../src/workflow/schedule-options.ts';
import { WORKFLOW_SCHEDULES } from '../../src/schedules/scheduled-submit.ts';
import { type TestProcess, useProcesses } from '../support/processes.ts';
import { useTestDatabase } from '../support/test-database.ts';
import { waitFor } from '../support/wait-for.ts';
import { steady } from './workflows.ts';

const test = await useTestDatabase();
const processes = useProcesses();
const client = new Client({ url: test.url, applicationName: 'test schedules' });
afterAll(() => client.close());

const scheduler = (): TestProcess =>
  processes.start('src/cli/main.ts', {
    args: ['scheduler'],
    env: { DATABASE_URL: test.url, TASKER_METRICS_PORT: '0', TASKER_LOG_LEVEL: 'info' },
  });

interface Due {
  minutes: number;
  makeUp?: MakeUp;
  makeUpWindowSeconds?: number;
}

/** A daily schedule that was due `minutes` ago, with ticks of it in pg-boss. */
async function due(key: string, { minutes, ...options }: Due): Promise<void> {
  const at = new Date(Date.now() - minutes * 60_000);
  const cron = `${at.getUTCMinutes()} ${at.getUTCHours()} * * *`;
  await client.schedule(steady, { key, cron, input: { ms: 1 }, ...options });
  await test.query(
    `UPDATE tasker_cron.schedule SET data = data || jsonb_build_object('since', now() - interval '2 hours') WHERE key = $1`,
    [key],
  );
  for (let tick = 0; tick < 20; tick += 1) {
    await test.query(
      `INSERT INTO tasker_cron.job (name, data, created_on) SELECT name, data, now() - make_interval(mins => $2)
       FROM tasker_cron.schedule WHERE key = $1`,
      [key, minutes],
    );
  }
}

const ticksOf = async (key: string, states: string): Promise<number> =>
  (
    await test.query(
      `SELECT 1 FROM tasker_cron.job WHERE name = '${WORKFLOW_SCHEDULES}' AND data->>'key' = $1 AND state IN (${states})`,
      [key],
    )
  ).length;
const tasksOf = (key: string): Promise<number> =>
  test.query('SELECT 1 FROM tasker.tasker_tasks WHERE initiator = $1', [`schedule:${key}`]).then((rows) => rows.length);

it('an occurrence makes one task, even if all schedulers stop in the middle of its ticks', async () => {
  const running = [scheduler(), scheduler()];
  await Promise.all(running.map((one) => one.waitForLine(/scheduler started/, { timeoutMs: 30_000 })));
  for (const signal of ['SIGKILL', 'SIGTERM'] as const) {
    const keys: Record<string, [tasks: number, due: Due]> = {
      [`now-${signal}`]: [1, { minutes: 1 }],
      [`late-${signal}`]: [1, { minutes: 8 }],
      [`old-${signal}`]: [0, { minutes: 30 }],
      [`late-skipped-${signal}`]: [0, { minutes: 8, makeUp: 'skip' }],
      [`old-last-${signal}`]: [1, { minutes: 30, makeUp: 'last', makeUpWindowSeconds: 86_400 }],
      [`old-all-${signal}`]: [1, { minutes: 30, makeUp: 'all', makeUpWindowSeconds: 3600 }],
    };
    for (const [key, [, what]] of Object.entries(keys)) await due(key, what);
    const [first] = Object.keys(keys) as [string];
    await waitFor(async () => (await ticksOf(first, `'active', 'completed'`)) > 0 || (await tasksOf(first)) > 0, {
      what: 'a tick to be processed',
      timeoutMs: 20_000,
    });
    await Promise.all(running.splice(0).map((one) => one.kill(signal)));
    // Ticks that a dead process had fetched become available again when they expire, after about ten seconds; here at once.
    await test.query(`UPDATE tasker_cron.job SET state = 'created', started_on = NULL WHERE state = 'active'`);
    running.push(scheduler(), scheduler());
    await Promise.all(running.map((one) => one.waitForLine(/scheduler started/, { timeoutMs: 30_000 })));
    for (const [key, [tasks, { minutes }]] of Object.entries(keys)) {
      await waitFor(async () => (await ticksOf(key, `'created', 'active', 'retry'`)) === 0, {
        what: `the ticks of ${key} to be processed`,
        timeoutMs: 30_000,
      });
      expect(await tasksOf(key), `${key}, due ${minutes} min ago`).toBe(tasks);
    }
  }
  await Promise.all(running.map((one) => one.kill('SIGTERM')));
});
