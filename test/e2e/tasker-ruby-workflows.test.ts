import { afterAll, describe, expect, it } from 'vitest';
import { openDatabase } from '../../src/db/connections/database.ts';
import { registerWorkflow } from '../../src/engine/register-workflow.ts';
import { submit } from '../../src/engine/submit.ts';
import { type TestProcess, useProcesses } from '../support/processes.ts';
import { useTestDatabase } from '../support/test-database.ts';
import { waitFor } from '../support/wait-for.ts';
import * as workflows from './tasker-ruby-workflows.ts';

const test = await useTestDatabase();
const processes = useProcesses();
const db = openDatabase({ url: test.url, poolSize: 4, prepared: test.directUrl !== undefined });
afterAll(() => db.close());

const env = {
  DATABASE_URL: test.url,
  TASKER_METRICS_PORT: '0',
  TASKER_RETRY_BACKOFF_DISABLED: 'true',
  TASKER_RETRY_SWEEP_MS: '50',
  TASKER_LEASE_SECONDS: '3',
  TASKER_HEARTBEAT_INTERVAL_MS: '300',
  TASKER_SILENT_SECONDS: '1',
};
const definitions = Object.values(workflows);
const start = (role: 'worker' | 'scheduler') =>
  processes.start('src/cli/main.ts', {
    args:
      role === 'worker'
        ? ['worker', '--workflows', 'test/e2e/tasker-ruby-workflows.ts', '--slots', '8']
        : ['scheduler'],
    env,
  });

async function submitAll(each: number, input: { extra_failures: number; slow_ms: number }): Promise<string[]> {
  const ids: string[] = [];
  for (const definition of definitions) {
    const namedTaskId = await registerWorkflow(db, definition);
    const submitted = await submit(
      db,
      Array.from({ length: each }, () => ({
        namedTaskId,
        identityHash: crypto.randomUUID(),
        context: JSON.stringify(input),
      })),
    );
    ids.push(...submitted.map((task) => task.taskId));
  }
  return ids;
}

const allComplete = (ids: string[], timeoutMs: number) =>
  waitFor(
    async () => {
      const [row] = await test.query<{ open: string }>(
        `SELECT count(*) AS open FROM tasker.tasker_tasks WHERE task_id = ANY ($1) AND state <> 'complete'`,
        [ids],
      );
      return row?.open === '0';
    },
    { timeoutMs, what: 'every task to be complete' },
  );

/** The claims whose steps a worker runs. */
const claimsOf = async ({ pid }: TestProcess): Promise<string[]> =>
  (
    await test.query<{ claim_id: string }>(
      `SELECT DISTINCT s.claim_id FROM tasker.tasker_workflow_steps s
       JOIN tasker.tasker_workers w ON w.worker_id = s.claimed_by
       WHERE s.in_process AND w.name LIKE '%:' || $1::text`,
      [pid],
    )
  ).map((row) => row.claim_id);

/**
 * Kills a worker while it runs steps; returns their claims. A process that stands still sends nothing more, so what it holds then is
 * what it holds when it is killed.
 */
async function killWithSteps(victim: TestProcess): Promise<string[]> {
  let held: string[] = [];
  await waitFor(
    async () => {
      await victim.kill('SIGSTOP');
      // What it sent before that has arrived by now.
      await new Promise((passed) => setTimeout(passed, 50));
      held = await claimsOf(victim);
      if (held.length === 0) await victim.kill('SIGCONT');
      return held.length > 0;
    },
    { what: `worker ${victim.pid} to run a step` },
  );
  await victim.kill('SIGKILL');
  return held;
}

describe('workflows of Tasker (Ruby), run by three worker processes', () => {
  it('all complete, each step after all of its parents, with a failure at every step', async () => {
    const fleet = [start('scheduler'), start('worker'), start('worker'), start('worker')];
    await Promise.all(fleet.map((process) => process.waitForLine(/(worker|scheduler) started/)));
    const ids = await submitAll(4, { extra_failures: 1, slow_ms: 0 });
    await allComplete(ids, 60_000);
    const early = await test.query(
      `SELECT child.task_id, child.workflow_step_id
       FROM tasker.tasker_workflow_step_edges e
       JOIN tasker.tasker_workflow_step_transitions child
         ON child.task_id = e.task_id AND child.workflow_step_id = e.to_step_id AND child.to_state = 'in_progress'
       JOIN tasker.tasker_workflow_step_transitions parent
         ON parent.task_id = e.task_id AND parent.workflow_step_id = e.from_step_id AND parent.to_state = 'complete'
       WHERE child.created_at < parent.created_at`,
    );
    expect(early).toEqual([]);
    const wrong = await test.query(
      `SELECT s.task_id, s.results FROM tasker.tasker_workflow_steps s
       WHERE s.task_id = ANY ($1) AND jsonb_array_length(s.results -> 'saw') <> s.total_parents`,
      [ids],
    );
    expect(wrong).toEqual([]);
    for (const process of fleet) expect(await process.kill('SIGTERM')).toMatchObject({ code: 0 });
    expect(await test.query('SELECT 1 FROM tasker.tasker_claims')).toEqual([]);
  }, 90_000);

  it('all complete although three workers are killed, each in the middle of a step', async () => {
    const [scheduler, steady, ...victims] = [
      start('scheduler'),
      start('worker'),
      start('worker'),
      start('worker'),
      start('worker'),
    ] as const;
    await Promise.all([scheduler, steady, ...victims].map((process) => process.waitForLine(/ started/)));
    const ids = await submitAll(6, { extra_failures: 0, slow_ms: 200 });
    const held: string[] = [];
    for (const victim of victims) held.push(...(await killWithSteps(victim)));
    await allComplete(ids, 60_000);
    const recovered = await test.query<{ claim_id: string }>(
      `SELECT DISTINCT claim_id FROM tasker.tasker_workflow_step_transitions WHERE cause = 'lease_expired'`,
    );
    expect(recovered.map((row) => row.claim_id).toSorted()).toEqual(held.toSorted());
    const [attempts] = await test.query<{ wrong: string }>(
      `SELECT count(*) AS wrong FROM tasker.tasker_workflow_steps s
       WHERE s.attempts <> (
         SELECT count(*) FILTER (WHERE to_state = 'in_progress') - count(*) FILTER (WHERE cause = 'released')
         FROM tasker.tasker_workflow_step_transitions t
         WHERE t.task_id = s.task_id AND t.workflow_step_id = s.workflow_step_id)`,
    );
    expect(attempts?.wrong).toBe('0');
    await steady.kill('SIGTERM');
    await scheduler.kill('SIGTERM');
  }, 120_000);
});
