import { afterAll, expect, it } from 'vitest';
import { openDatabase } from '../../../src/db/connections/database.ts';
import { examine } from '../../../src/db/doctor/examine.ts';
import { claim, type ClaimedStep } from '../../../src/engine/claim.ts';
import { complete } from '../../../src/engine/complete.ts';
import { fail } from '../../../src/engine/fail.ts';
import { recover } from '../../../src/engine/recover.ts';
import { registerWorkflow } from '../../../src/engine/register-workflow.ts';
import { release } from '../../../src/engine/release.ts';
import { submit } from '../../../src/engine/submit.ts';
import { register } from '../../support/register-process.ts';
import { useProcesses } from '../../support/processes.ts';
import { useTestDatabase } from '../../support/test-database.ts';
import { waitFor } from '../../support/wait-for.ts';
import { SHORT_TIMES } from '../support/fleet.ts';
import { zombieSteps } from './zombie-workflows.ts';

const long = process.env['TASKER_TEST_LONG'] === '1';
const test = await useTestDatabase();
const processes = useProcesses();
const db = openDatabase({ url: test.url, poolSize: 4 });
afterAll(() => db.close());

const ENDS = ['complete', 'fail', 'release'] as const;
const ATTEMPTS_PER_ROUND = 100;
const figures = { rounds: 0, zombie_attempts: 0, accepted: 0, abandoned_or_refused: 0 };
afterAll(() => console.log(`zombies, stopped processes: ${JSON.stringify(figures)}`));

async function submitTasks(round: string, tasks: number): Promise<void> {
  const namedTaskId = await registerWorkflow(db, zombieSteps);
  await submit(
    db,
    Array.from({ length: tasks }, (_, index) => ({
      namedTaskId,
      identityHash: `${round} ${index}`,
      context: JSON.stringify({ ends: ENDS[index % ENDS.length] }),
    })),
  );
}

const counted = async (sql: string, values: unknown[] = []): Promise<number> =>
  (await test.query<{ n: number }>(`SELECT count(*)::integer AS n ${sql}`, values))[0]?.n ?? -1;

it.each(Array.from({ length: long ? 30 : 1 }, (_, index) => [index + 1] as const))(
  'round %i: a worker that is stopped for longer than its lease and continued cannot end attempts whose steps others hold',
  async (round) => {
    const start = (args: string[], env: Record<string, string>) =>
      processes.start('src/cli/main.ts', {
        args,
        env: {
          ...SHORT_TIMES,
          TASKER_LEASE_SECONDS: '1',
          TASKER_SLOTS: String(ATTEMPTS_PER_ROUND),
          TASKER_DRAIN_GRACE_SECONDS: '0',
          DATABASE_URL: test.url,
          ...env,
        },
      });
    const worker = ['worker', '--workflows', 'test/reliability/zombies/zombie-workflows.ts'];
    await submitTasks(`round ${round}`, ATTEMPTS_PER_ROUND);
    const scheduler = start(['scheduler'], {});
    const zombie = start(worker, { ZOMBIE: 'yes' });
    const held = (): Promise<number> => counted('FROM tasker.tasker_workflow_steps WHERE in_process');
    await waitFor(async () => (await held()) === ATTEMPTS_PER_ROUND, {
      what: 'the zombie to hold all steps',
      timeoutMs: 30_000,
    });
    const [{ id } = { id: '' }] = await test.query<{ id: string }>(
      'SELECT claimed_by AS id FROM tasker.tasker_workflow_steps WHERE in_process LIMIT 1',
    );
    await zombie.kill('SIGSTOP');
    const successor = start(worker, {});
    await waitFor(async () => (await counted(`FROM tasker.tasker_tasks WHERE state <> 'complete'`)) === 0, {
      what: 'the successor to have done everything',
      timeoutMs: 60_000,
    });
    await zombie.kill('SIGCONT');
    // None of its outcomes may be recorded. The drain has it release the rest.
    await zombie.waitForLine(/the claim was taken away|the lease was lost/, { timeoutMs: 20_000 });
    await zombie.kill('SIGTERM');
    await Promise.all([successor.kill('SIGTERM'), scheduler.kill('SIGTERM')]);

    const attempts = await counted(
      `FROM tasker.tasker_workflow_step_transitions WHERE worker_id = $1 AND cause = 'claim'`,
      [id],
    );
    const accepted = await counted(
      `FROM tasker.tasker_workflow_step_transitions WHERE worker_id = $1 AND cause IN ('complete', 'fail', 'timeout', 'released')`,
      [id],
    );
    figures.rounds += 1;
    figures.zombie_attempts += attempts;
    figures.accepted += accepted;
    figures.abandoned_or_refused += zombie.lines.filter((line) => line.includes('the claim was taken away')).length;
    expect(attempts).toBe(ATTEMPTS_PER_ROUND);
    expect(accepted).toBe(0);
    expect(await counted(`FROM tasker.tasker_workflow_steps WHERE results <> '"heir"'`)).toBe(0);
    expect(await examine(db)).toEqual([]);
  },
);

/** The claim fence itself: the verbs of a zombie reach the database, because it does not notice that its lease is over. */
it('no verb under a lost claim changes anything', async () => {
  const count = long ? 3000 : 99;
  const namedTaskId = await registerWorkflow(db, zombieSteps);
  await submitTasks('fence', count);
  const join = () =>
    register(db, {
      role: 'worker',
      name: 'zombie',
      version: '0',
      queues: [],
      slots: 9,
      leaseSeconds: 60,
      sessionLock: null,
    });
  const take = async (workerId: string): Promise<ClaimedStep[]> => {
    const taken: ClaimedStep[] = [];
    while (taken.length < count) {
      const steps = await claim(db, { workerId, queue: 'default', namedTaskIds: [namedTaskId], limit: 512 });
      if (steps.length === 0) break;
      taken.push(...steps);
    }
    return taken;
  };
  const zombie = await join();
  const stale = await take(zombie);
  expect(stale).toHaveLength(count);
  await test.query('UPDATE tasker.tasker_workers SET lease_expires_at = now() WHERE worker_id = $1', [zombie]);
  for (let sweep = 0; sweep < 3; sweep += 1) await recover(db, { silentSeconds: 60 });
  const successor = await join();
  const fresh = await take(successor);
  expect(fresh).toHaveLength(count);

  const before = await counted('FROM tasker.tasker_workflow_step_transitions');
  let refused = 0;
  const writeAsZombie = async (): Promise<void> => {
    const completed = await complete(db, {
      workerId: zombie,
      completions: stale.map((step) => ({ ...step, result: '"zombie"' })),
      claimLimit: 0,
      queues: [],
      namedTaskIds: [],
    });
    const failed = await fail(db, {
      workerId: zombie,
      failures: stale.map((step) => ({
        ...step,
        permanent: true,
        backoffCapSeconds: 1,
        cause: 'fail',
        metadata: '{"error":{"name":"Error"}}',
      })),
    });
    const released = await release(db, { workerId: zombie, steps: stale });
    refused += completed.lost.length + failed.lost.length + released.lost.length;
  };
  await writeAsZombie();
  expect(await counted('FROM tasker.tasker_workflow_step_transitions')).toBe(before);
  await complete(db, {
    workerId: successor,
    completions: fresh.map((step) => ({ ...step, result: '"heir"' })),
    claimLimit: 0,
    queues: [],
    namedTaskIds: [],
  });
  // Again, now that the steps have ended.
  await writeAsZombie();
  console.log(
    `zombies, the claim fence: ${JSON.stringify({ stale_attempts: count, writes_refused: refused, accepted: count * 6 - refused })}`,
  );
  expect(refused).toBe(count * 6);
  expect(await counted(`FROM tasker.tasker_workflow_steps WHERE results <> '"heir"'`)).toBe(0);
  expect(await examine(db)).toEqual([]);
});
